"""Whether the files of a plugin can be trusted: what anybody may change must not be run with a store's credentials."""

import stat
from collections.abc import Iterable
from pathlib import Path

from prism.errors import FailedPrecondition
from prism.reason import Reason


def check(files: Iterable[Path]) -> None:
    """Passes where none of the files and folders may be written to by everybody.

    Raises:
        FailedPrecondition: one of them may be.
    """
    for each in files:
        if problem := world_writable(each):
            raise FailedPrecondition(problem, reason=Reason.PLUGIN_NOT_TRUSTED)


def world_writable(path: Path) -> str:
    """Why a file or folder cannot be trusted; empty where it can, or where there is none."""
    try:
        mode = path.stat().st_mode  # of what a link leads to: that is what would be run
    except OSError:
        return ""
    # In a folder with the sticky bit nobody may replace another's file.
    sticky = stat.S_ISDIR(mode) and mode & stat.S_ISVTX
    if not mode & stat.S_IWOTH or sticky:
        return ""
    what = "folder" if stat.S_ISDIR(mode) else "file"
    return f"everybody on this machine may write to the plugin's {what} {path}; make it its owner's: chmod o-w {path}"
