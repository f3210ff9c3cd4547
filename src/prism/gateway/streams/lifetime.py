"""How long a stream may last, which would have no end of its own: as long as its namespace's policy says, and no longer
than the credential that its caller began it with.
"""

import asyncio
import math
import random
from collections.abc import Callable
from time import time
from typing import Self

from prism.errors import DeadlineExceeded, PrismError, Unauthenticated
from prism.gateway.call import Call
from prism.gateway.streams.subscription import Subscription
from prism.reason import Reason

COME_AGAIN_AFTER = 0.05
"""Seconds after which a subscriber may open its stream again."""
SPREAD = 0.1
"""The share of its time by which a stream ends earlier, at random: those that began together are not to end so."""
MAX_WAIT = 600.0
"""Seconds between two looks at the clock, which an operator may set."""

Denied = Callable[[Call, PrismError], None]


class StreamLifetime:
    """The time of one stream.

    Args:
        subscription: the stream.
        call: what asked for it.
        denied: called where it ends with its caller's credential.
    """

    __slots__ = ("_call", "_denied", "_expiry", "_lifetime", "_subscription")

    def __init__(self, subscription: Subscription, call: Call, denied: Denied) -> None:
        self._subscription = subscription
        self._call = call
        self._denied = denied
        self._expiry: asyncio.TimerHandle | None = None
        self._lifetime: asyncio.TimerHandle | None = None
        loop = asyncio.get_running_loop()
        if call.resilience is not None and (seconds := call.resilience.stream_lifetime) < math.inf:
            spread = 1 - random.random() * SPREAD  # noqa: S311  # spreads load, guards nothing
            self._lifetime = loop.call_later(seconds * spread, self._lasted, seconds)
        if call.principal.expires < math.inf:
            self._look()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in (self._expiry, self._lifetime):
            if handle is not None:
                handle.cancel()

    def _lasted(self, seconds: float) -> None:
        message = f"streams on this namespace last at most {seconds:g} s; open a new one"
        self._subscription.end(DeadlineExceeded(message, reason=Reason.STREAM_TOO_LONG, retry_after=COME_AGAIN_AFTER))

    def _look(self) -> None:
        left = self._call.principal.expires - time()
        if left > 0:
            wait = min(left, MAX_WAIT)
            self._expiry = asyncio.get_running_loop().call_later(wait, self._look)
            return
        # Come again helps who has a newer credential at hand; who has not is refused then.
        message = "the stream's credential has expired; open a new stream with a valid one"
        expired = Unauthenticated(message, reason=Reason.CREDENTIAL_EXPIRED, retry_after=COME_AGAIN_AFTER)
        self._denied(self._call, expired)
        self._subscription.end(expired)
