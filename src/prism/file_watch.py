"""Watches files for changes, by their directories, so that editors' renames and ConfigMap swaps count."""

import asyncio
import logging
import stat
from collections.abc import Iterable
from pathlib import Path

log = logging.getLogger(__name__)

Signature = tuple[object, ...]
_LATER = 0.1  # seconds


def signature(file: Path, directories: Iterable[Path]) -> Signature:
    """What changes when the file, or a file in one of the directories, is replaced, written to or made readable."""
    files = [each for directory in directories for each in _files(directory)]
    return tuple(_stat(each) for each in (file, *files))


def _files(directory: Path) -> list[Path]:
    try:
        return sorted(each for each in directory.iterdir() if not each.name.startswith("."))
    except OSError:
        return []


def _stat(file: Path) -> object:
    try:
        status = file.stat()
    except OSError:
        return str(file)
    if stat.S_ISDIR(status.st_mode):
        return str(file), status.st_ino  # what is in it is another directory's to tell
    # The last, the time of a change of mode: a file that was not readable and is now must be read again.
    return str(file), status.st_ino, status.st_mtime_ns, status.st_size, status.st_ctime_ns


async def changes(directories: Iterable[Path], stirred: asyncio.Event, interval: float) -> None:
    """Sets `stirred` when something changes in one of the directories, and at every interval; runs until cancelled."""
    # Not needed to begin to serve: the first calls have the processor to themselves. What changes until then is seen.
    await asyncio.sleep(_LATER)
    watchfiles = await asyncio.to_thread(__import__, "watchfiles")
    there = [each for each in directories if each.is_dir()]
    watching = watchfiles.awatch(
        *there,
        watch_filter=None,
        debounce=400,
        rust_timeout=int(interval * 1000),
        yield_on_timeout=True,
        recursive=False,
    )
    first = asyncio.ensure_future(anext(watching))
    try:
        await asyncio.sleep(0)  # its first step sets the watch up; what changed until then needs a look
        stirred.set()
        await first
        stirred.set()
        async for _ in watching:
            stirred.set()
    except Exception as error:  # noqa: BLE001  # whatever the system lacks, a look at the file still works
        log.warning(
            "watching files for changes is unavailable (%s); they are looked at every %g s instead", error, interval
        )
        while True:
            await asyncio.sleep(interval)
            stirred.set()
    finally:
        first.cancel()
