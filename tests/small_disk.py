"""A file system of a few megabytes, to be full for real."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from missing import missing


class SmallDisk:
    """A mounted tmpfs.

    Attributes:
        folder: where it is mounted.
    """

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))

    def grow(self, megabytes: int) -> None:
        """Makes it that large, as an operator does who adds room."""
        _mount("-o", f"remount,size={megabytes}m", str(self.folder))

    def freeze(self, *, thaw: bool = False) -> None:
        """Mounts it read-only, or writable again; no file may be open for writing."""
        _mount("-o", f"remount,{'rw' if thaw else 'ro'}", str(self.folder))

    @property
    def free(self) -> int:
        """Bytes that are left."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mounts one on an existing folder; skips the test where this user may not."""
    if os.geteuid() != 0:
        missing("root alone may mount a small tmpfs, which stands for a disk that is full")
    try:
        disk = SmallDisk(folder, megabytes)
    except (OSError, subprocess.CalledProcessError) as refused:
        missing(f"root may not mount a small tmpfs here, which stands for a disk that is full: {refused}")
    try:
        yield disk
    finally:
        # Lazily: a server that is about to end may still have files there.
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True, text=True)
