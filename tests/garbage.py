"""What only the garbage collector would find: a cycle for each call costs a server more than most of its code."""

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def leaving_none(most: int = 0) -> Iterator[None]:
    """Fails where what was done inside has left more than `most` objects in cycles, and says of which types.

    Objects alive already, or still alive afterwards, do not count.
    """
    gc.collect()
    gc.disable()
    try:
        yield
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = Counter(type(each).__qualname__ for each in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left.total() <= most, f"left to the garbage collector: {left.most_common(12)}"
