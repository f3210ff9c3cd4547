"""What only time shows of a connection: whether the peer is still there, and whether what it began comes to an end.

Both are looked at now and then (`timer.Inspector`), not timed exactly.
"""

from prism.wire.config import ConnectionConfig
from prism.wire.http2 import frames

KEEPALIVE_PING = frames.frame(frames.PING, 0, 0, b"stillon?")


class Keepalive:
    """Whether a silent peer is to be pinged, and whether one that was pinged has answered with anything."""

    __slots__ = ("_interval", "_limit", "_pinged_at", "_silent_since", "_timeout", "heard")

    def __init__(self, config: ConnectionConfig) -> None:
        self.heard = True  # something has been read since the last look
        self._interval = config.keepalive_interval
        self._timeout = config.keepalive_timeout
        self._limit = config.keepalive_timeout  # of the PING under way
        self._silent_since = 0.0
        self._pinged_at: float | None = None

    def probe(self, now: float, timeout: float) -> bool:
        """Doubt the peer: it has `timeout` to say anything. Whether to send a PING now; one under way will do."""
        self._limit = min(self._limit, timeout)
        if self._pinged_at is not None:
            return False
        self.heard = False
        self._silent_since = self._pinged_at = now
        return True

    def waiting(self, now: float) -> float:
        """How long a PING has gone without an answer."""
        return 0.0 if self.heard or self._pinged_at is None else now - self._pinged_at

    def unanswered(self, now: float) -> bool:
        """Whether a PING has gone without an answer for too long."""
        return not self.heard and self._pinged_at is not None and now - self._pinged_at >= self._limit

    def ping_due(self, now: float, *, wanted: bool) -> bool:
        """Whether to send a PING now; `wanted`: it matters that the peer is still there."""
        if self.heard:
            self.heard = False
            self._silent_since = now
            self._pinged_at = None
            self._limit = self._timeout
            return False
        if self._pinged_at is not None or self._interval is None or not wanted:
            return False
        due = now - self._silent_since >= self._interval
        if due:
            self._pinged_at = now
        return due


class StallTimer:
    """How long something has been under way without progress; `since` is None where it made some, or is not begun."""

    __slots__ = ("_limit", "since")

    def __init__(self, limit: float) -> None:
        self.since: float | None = None
        self._limit = limit

    def expired(self, now: float, *, pending: bool) -> bool:
        """Whether it has taken longer than the limit, as far as the looks so far can tell."""
        if not pending:
            self.since = None
        elif self.since is None:
            self.since = now
        else:
            return now - self.since >= self._limit
        return False
