"""What tests have from elsewhere is made once, in the cache folder, by whichever of their processes needs it first."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(__file__).parent.parent / ".cache"


@contextmanager
def alone_in(name: str) -> Iterator[Path]:
    """The folder of that name there, for the length of a block ours alone: other processes wait for its end."""
    folder = CACHE / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
