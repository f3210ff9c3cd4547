"""Folders as keys and back: which files there are, and where a key may be written."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

MAX_KEY = 1024
_MAX_PART = 255


class NoFile(Exception):
    """A key that no file can have the name of, or a file whose name no key can be; the text says why."""


def files_in(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every regular file beneath a folder, and its path from there with slashes; links to folders are not followed.

    Raises:
        OSError: a folder cannot be read.
    """

    def fail(error: OSError) -> None:
        raise error

    for root, folders, names in os.walk(folder, onerror=fail):
        folders.sort()
        for name in sorted(names):
            path = Path(root, name)
            if stat.S_ISREG(path.stat().st_mode):
                yield path, path.relative_to(folder).as_posix()


def key_of(prefix: str, path: str) -> str:
    """The key of a file.

    Raises:
        NoFile: its name is not UTF-8, or too long.
    """
    key = prefix + path
    try:
        size = len(key.encode())
    except UnicodeEncodeError as error:
        raise NoFile("its name is not UTF-8") from error
    if size > MAX_KEY:
        raise NoFile(f"its key would have {size} bytes, and keys have {MAX_KEY} at most")
    return key


def path_of(folder: Path, prefix: str, key: str) -> Path:
    """The file of a key, always beneath the folder.

    Raises:
        NoFile: no file can have that name, or it would be elsewhere.
    """
    rest = key.removeprefix(prefix)
    parts = rest.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise NoFile("a part of its path is empty, `.` or `..`")
    if any(len(os.fsencode(part)) > _MAX_PART or "\0" in part for part in parts):
        raise NoFile("a part of its path is longer than a file's name may be")
    path = folder.joinpath(*parts)
    for parent in path.relative_to(folder).parents:
        if (folder / parent).is_symlink():
            raise NoFile(f"{folder / parent} is a link, and could lead elsewhere")
    return path
