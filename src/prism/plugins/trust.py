"""Whether the files of a plugin can be trusted: a world-writable program must not run with a store's credentials."""

import stat
from collections.abc import Iterable
from pathlib import Path

from prism.errors import FailedPrecondition
from prism.reason import Reason

_RUN = frozenset({".py", ".pyc", ".so", ".toml"})


def check(files: Iterable[Path]) -> None:
    """Checks that none of the files and folders is world-writable.

    Raises:
        FailedPrecondition: one of them is.
    """
    for each in files:
        if problem := world_writable(each):
            raise FailedPrecondition(problem, reason=Reason.PLUGIN_NOT_TRUSTED)


def files_of(package: Path) -> tuple[Path, ...]:
    """The folders and files of a Python package that are run: the package, its code, its manifest."""
    found = (each for each in package.rglob("*") if each.is_dir() or each.suffix in _RUN)
    return (package, *sorted(each for each in found if each.name != "__pycache__"))


def world_writable(path: Path) -> str:
    """Why a file or folder cannot be trusted; empty where it can, or does not exist."""
    try:
        mode = path.stat().st_mode  # of the target of a link, which is what would be run
    except OSError:
        return ""
    # In a folder with the sticky bit, only its owner may replace a file.
    sticky = stat.S_ISDIR(mode) and mode & stat.S_ISVTX
    if not mode & stat.S_IWOTH or sticky:
        return ""
    what = "folder" if stat.S_ISDIR(mode) else "file"
    return f"the plugin's {what} {path} is world-writable and is not trusted; run: chmod o-w {path}"
