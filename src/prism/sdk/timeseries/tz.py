"""The tz database that windows of a calendar go by: the package `tzdata` where it is installed, else the system's.

One of them for all zones, so that every instance of a plugin that has the same one makes the same windows;
`DescribeStream` says which it is.
"""

import functools
import zoneinfo
from importlib import import_module, resources
from pathlib import Path
from typing import Final

from prism.errors import FailedPrecondition

_FIRST_LINE: Final = "# version "


@functools.cache
def version() -> str:
    """Such as `2025b`; `unknown` where the system does not say."""
    try:
        package = import_module("tzdata")
    except ImportError:
        return _version_of_the_system()
    return str(package.IANA_VERSION)


def _version_of_the_system() -> str:
    for folder in zoneinfo.TZPATH:
        table = Path(folder, "tzdata.zi")
        if table.is_file():
            with table.open(encoding="utf-8") as lines:
                return next(lines, "").strip().removeprefix(_FIRST_LINE) or "unknown"
    return "unknown"


@functools.lru_cache(maxsize=1024)
def zone(name: str) -> zoneinfo.ZoneInfo | None:
    """A zone; None where the database has none of that name.

    Raises:
        FailedPrecondition: there is no database at all.
    """
    try:
        import_module("tzdata")
    except ImportError:
        return _of_the_system(name)
    *folders, leaf = name.split("/")
    if not all(part and part.replace("_", "").replace("-", "").replace("+", "").isalnum() for part in (*folders, leaf)):
        return None
    found = resources.files("tzdata.zoneinfo").joinpath(*folders, leaf)
    if not found.is_file():
        return None
    with found.open("rb") as file:
        try:
            return zoneinfo.ZoneInfo.from_file(file, key=name)
        except ValueError:  # a file of another kind, such as a table
            return None


def _of_the_system(name: str) -> zoneinfo.ZoneInfo | None:
    if not any(Path(folder).is_dir() for folder in zoneinfo.TZPATH):
        raise FailedPrecondition("windows of a calendar need the tz database: install the package tzdata")
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None
