"""How a transfer goes on after a failure: with growing pauses, until it has made no progress for too long."""

import asyncio
from time import monotonic

from prism.client.retry import RetryPolicy
from prism.errors import PrismError
from prism.wire import Code

_PASSING = frozenset({Code.UNAVAILABLE, Code.ABORTED})


class Again:
    """The failures of one transfer.

    Args:
        policy: how long pauses are.
        outage: seconds without progress after which a failure is raised.
    """

    def __init__(self, policy: RetryPolicy, outage: float) -> None:
        self._policy = policy
        self._outage = outage
        self._failures = 0
        self._since = 0.0

    def progress(self) -> None:
        """Something has passed: the outage is over."""
        self._failures = 0

    async def after(self, error: PrismError) -> None:
        """Returns when it is time for another attempt; raises the error where none would help."""
        limited = error.code is Code.RESOURCE_EXHAUSTED and error.retry_after is not None
        if not (limited or error.code in _PASSING):
            raise error
        now = monotonic()
        if not self._failures:
            self._since = now
        self._failures += 1
        pause = self._policy.delay(min(self._failures, 20), error.retry_after)
        if now + pause - self._since > self._outage:
            raise error
        await asyncio.sleep(pause)
