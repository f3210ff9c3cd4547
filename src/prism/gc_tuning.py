"""The heap of a process that serves: what its start has made stays, and what a call needs is kept for the next.

Python's collector looks whenever some 700 objects more have been made than freed, that is when a few dozen calls have
begun, and goes through all that is tracked; glibc gives memory of some size back to the kernel as soon as it is free,
to get it page by page and zeroed again a moment later. Both are right for most programs; a server pays for both in
every call.
"""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_YOUNG: Final = 10_000  # objects
_TRIM_THRESHOLD: Final = -1  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of mallopt(3)
_MMAP_THRESHOLD: Final = -3
_KEPT: Final = 8 << 20  # bytes free at the end of the heap that are kept
_LARGE: Final = 1 << 20  # bytes from which a block is given back in any case


def settle() -> None:
    """Say that the start is over; for the process as a whole, so only for its owner to call.

    Where the C library is not glibc it looks after its heap as before.
    """
    gc.freeze()
    # Calls leave it nothing (tests/gateway/test_garbage.py), so what it would go through is the calls under way.
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, _KEPT)
        mallopt(_MMAP_THRESHOLD, _LARGE)


@contextmanager
def importing() -> Iterator[None]:
    """The collector does not look at what is imported, now or later: it stays. Only for the process's owner to call."""
    with paused():
        yield
        gc.freeze()  # before it may look: it would go through all of it at once


@contextmanager
def paused() -> Iterator[None]:
    """The collector does not look meanwhile: what is made in bulk stays, and to go through it all again whenever it has
    grown by a quarter finds nothing. For one at a time, and for seconds: cycles of others wait too.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
