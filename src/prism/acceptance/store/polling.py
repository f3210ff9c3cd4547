"""The one place where the kit asks again and again: of what tells by no line, signal or descriptor that it is ready."""

import asyncio
import time
from collections.abc import Awaitable, Callable

INTERVAL = 0.02
TIMEOUT = 60.0


def until(condition: Callable[[], bool], why: str, *, timeout: float = TIMEOUT) -> None:
    """Returns when it holds.

    Args:
        condition: is asked every few milliseconds.
        why: what is waited for, and why no event tells it; the message where it never comes.
        timeout: seconds.

    Raises:
        TimeoutError: it does not hold in time.
    """
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {timeout:g} s: {why}")
        time.sleep(INTERVAL)


async def eventually(condition: Callable[[], Awaitable[bool]], why: str, *, timeout: float = TIMEOUT) -> None:
    """As `until`, in an event loop that goes on."""
    end = time.monotonic() + timeout
    while not await condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {timeout:g} s: {why}")
        await asyncio.sleep(INTERVAL)
