"""The folder of blobs: which process made which, and how what a killed one left is found.

    index.db                    the index
    instances/ID                locked by the process that serves, for as long as it lives (flock(2))
    blobs/ID-N/NAME             blobs, in folders of the instance that wrote them

Names are random and never made of a key. An instance that ends by itself leaves no blob that the index does not name,
and removes its file in `instances`; one that is killed leaves both, so the next one looks through its folders.
"""

import errno
import fcntl
import os
import re
import secrets
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

_BLOB = re.compile(r"[0-9a-f]{16}-\d{1,9}/[0-9a-f]{32}")
_FOLDER = re.compile(r"([0-9a-f]{16})-\d{1,9}")
_IN_A_FOLDER = 10_000
_AT_ONCE = 500


class Folder:
    """The blobs of one instance, and those that others left. What is not said to wait for nothing belongs on a thread.

    Args:
        path: the folder.
        synced: names are synced to the disk.
    """

    def __init__(self, path: Path, *, synced: bool) -> None:
        self.path = path
        self._blobs = path / "blobs"
        self._instances = path / "instances"
        self._synced = synced
        self._id = ""
        self._lock = -1
        self._made = 0
        self._unsynced: set[str] = set()
        self._turn = threading.Lock()

    def open(self) -> None:
        """Makes the folders where they are missing, and a name for this instance."""
        for each in (self.path, self._blobs, self._instances):
            if not each.is_dir():
                each.mkdir(mode=0o700, parents=True, exist_ok=True)
                sync(each.parent)
        while True:
            self._id = secrets.token_hex(8)
            file = self._instances / self._id
            self._lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            if _leads_to(file, self._lock):  # no other process took it for one that was left
                break
            os.close(self._lock)
        sync(self._instances)
        self._made = 0

    def close(self, *, clean: bool) -> None:
        """The instance ends; `clean` where it leaves no blob that the index does not name."""
        if self._lock < 0:
            return
        for number in range(self._made // _IN_A_FOLDER + 1):
            _removed(self._blobs / f"{self._id}-{number}")
        if clean:
            (self._instances / self._id).unlink(missing_ok=True)
        os.close(self._lock)
        self._lock = -1

    def new_name(self) -> str:
        """Of a blob that is to be made; waits for nothing."""
        folder = f"{self._id}-{self._made // _IN_A_FOLDER}"
        self._made += 1
        return f"{folder}/{secrets.token_hex(16)}"

    def create(self, name: str) -> int:
        """A descriptor to write a new blob by."""
        folder = name.partition("/")[0]
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(self._blobs / name, flags, 0o600)
        except FileNotFoundError:  # it is the first one, or the folder was removed with the last one
            (self._blobs / folder).mkdir(mode=0o700, exist_ok=True)
            sync(self._blobs)
            descriptor = os.open(self._blobs / name, flags, 0o600)
        with self._turn:
            self._unsynced.add(folder)
        return descriptor

    def open_blob(self, name: str) -> int:
        """A descriptor to read a blob by."""
        if not _BLOB.fullmatch(name):
            raise FileNotFoundError(errno.ENOENT, "not the name of a blob", "")
        return os.open(self._blobs / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)

    def sync_names(self) -> None:
        """The names of all blobs that were made are on the disk."""
        with self._turn:
            waiting, self._unsynced = self._unsynced, set()
        try:
            for folder in waiting if self._synced else ():
                sync(self._blobs / folder)
        except BaseException:
            with self._turn:
                self._unsynced |= waiting
            raise

    def remove(self, names: Sequence[str]) -> None:
        """Removes blobs for good; a missing one is no error, and what is not the name of a blob is left alone."""
        folders = set()
        for name in filter(_BLOB.fullmatch, names):
            (self._blobs / name).unlink(missing_ok=True)
            folders.add(name.partition("/")[0])
        for folder in folders:
            if not folder.startswith(self._id) and _removed(self._blobs / folder):
                continue
            if self._synced:
                sync(self._blobs / folder)

    def left(self) -> list[str]:
        """Instances that were killed, by their ids; no process holds their locks."""
        found = []
        for file in self._instances.iterdir():
            if file.name == self._id:
                continue
            try:
                descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                found.append(file.name)
            except BlockingIOError:
                pass
            finally:
                os.close(descriptor)
        return found

    def clear(self, instance: str, unnamed: Callable[[Sequence[str]], Sequence[str]]) -> int:
        """Removes what a killed instance left: those of its blobs that `unnamed` gives back; how many they were."""
        count = 0
        for folder in self._blobs.iterdir():
            match = _FOLDER.fullmatch(folder.name)
            if match is None or match[1] != instance:
                continue
            names = [f"{folder.name}/{each.name}" for each in folder.iterdir()]
            for begin in range(0, len(names), _AT_ONCE):
                litter = unnamed(names[begin : begin + _AT_ONCE])
                self.remove(litter)
                count += len(litter)
            _removed(folder)
        (self._instances / instance).unlink(missing_ok=True)
        return count


def sync(folder: Path) -> None:
    """Syncs the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _removed(folder: Path) -> bool:
    """Removes a folder that is empty; whether it is gone."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:  # it is not empty
        return False
    return True


def _leads_to(file: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
