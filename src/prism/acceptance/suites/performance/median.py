"""How long a call takes: the middle of many, one after another."""

import time
from collections.abc import Awaitable, Callable

CALLS = 50


async def median(call: Callable[[], Awaitable[object]]) -> float:
    """The median of the seconds that the call takes, one after another."""
    taken = []
    for _ in range(CALLS):
        start = time.perf_counter()
        await call()
        taken.append(time.perf_counter() - start)
    return sorted(taken)[CALLS // 2]
