"""Room kept for when the disk is full: a file beside the database that holds nothing and is dropped then.

On a full disk SQLite refuses even a Delete, since every transaction is written to the log first. And what the log holds
cannot be moved into the database file, which would make room, where that file has to grow for it. The reserve is room
for both: the log is moved into the file and cut to nothing, the transaction is run where it needs no further growth of
the file, and the reserve is made again from what the log has given back.
"""

import os
from contextlib import suppress
from pathlib import Path


class Reserve:
    """The reserve of one database file.

    Attributes:
        path: where it is.
        size: its bytes; 0 for none.
    """

    def __init__(self, database: Path, size: int) -> None:
        self.path = database.with_name(f"{database.name}-reserve")
        self.size = size

    def make(self) -> None:
        """Makes it where the disk has as much room again; where it was there, also of the last room that there is.

        A little less than all will do then: opening the file takes some of what it gave.
        """
        if not self.size:
            with suppress(OSError):  # there is none
                self.path.unlink()
            return
        there, free = self._there(), self.free()
        if there == self.size:
            return
        if there is None and free < 2 * self.size:
            return
        if there is None or there > self.size:
            self.drop()
            there = 0
        size = min(self.size, there + free)
        if size < self.size * 7 // 8:
            return
        try:
            descriptor = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                _allocate(descriptor, there, size)
            finally:
                os.close(descriptor)
        except OSError:  # others were faster, or the quota is used up
            self.drop()

    def drop(self) -> None:
        """Gives its room to whatever needs it now; the empty file says that it is to be made again."""
        with suppress(OSError):  # it is not there, or the folder may not be written to: then there is no room to give
            os.truncate(self.path, 0)

    def free(self) -> int:
        """Bytes that this process may still write to the disk."""
        try:
            found = os.statvfs(self.path.parent)
        except OSError:
            return 0
        return found.f_bavail * found.f_frsize

    def _there(self) -> int | None:
        try:
            return self.path.stat().st_size
        except OSError:
            return None


def _allocate(descriptor: int, start: int, end: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, start, end - start)
        return
    block = bytes(1 << 20)
    while start < end:
        start += os.pwrite(descriptor, block[: end - start], start)
