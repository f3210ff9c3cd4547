"""What waits while a slot of a cluster moves from one node to another, key by key.

A command with one key is answered by the node that has it, or that would get it. A script is run by neither node: the
keys of its record may be split over both. Redis says TRYAGAIN, and nothing was done; so its caller asks again until the
slot has moved, or its deadline is near.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import redis.exceptions as driver

from prism.errors import BackendUnavailable
from prism.sdk import Context, Deadline

_FIRST_PAUSE: Final = 0.01
_MAX_PAUSE: Final = 0.1
_TIMEOUT: Final = 5.0
"""Seconds that a call waits which has no deadline."""

T = TypeVar("T")


async def once_moved(attempt: Callable[[], Awaitable[T]], context: Context) -> T:
    """What the attempt gives; made again as long as it is refused for no other reason than that a slot is on its way.

    Raises:
        BackendUnavailable: the slot still is, and the deadline is near.
    """
    pause = _FIRST_PAUSE
    deadline = None
    while True:
        try:
            return await attempt()
        except BackendUnavailable as error:
            if not isinstance(error.__cause__, driver.AskError | driver.TryAgainError):
                raise
            deadline = deadline or context.deadline or Deadline.after(_TIMEOUT)
            if deadline.remaining() < 2 * pause:
                raise
        await asyncio.sleep(pause)
        pause = min(2 * pause, _MAX_PAUSE)
