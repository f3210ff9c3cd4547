"""How many frames that cost work and carry none a peer may send: PING, SETTINGS, RST_STREAM, empty DATA and the like.

A small fixed bound would break good clients, which cancel in bursts; so time and completed calls earn more. A call that
was open for a while may be cancelled for nothing (`Stream.was_held`): of those a connection has only so many.
"""

from time import monotonic


class FloodBudget:
    """What such frames use up, on one connection."""

    __slots__ = ("_at", "_capacity", "_completed", "_left", "_refill")

    def __init__(self, capacity: int | None, refill: float) -> None:
        """No `capacity`: the peer is trusted, and may send as many as it likes."""
        self._capacity = float("inf") if capacity is None else float(capacity)
        self._refill = refill
        self._left = self._capacity
        self._at = monotonic()
        self._completed = 0

    def charge(self, completed: int, cost: int = 1) -> bool:
        """Count one such frame, or one that is work for several; `completed` is how many calls have been completed.

        False: too many.
        """
        self._left -= cost
        if self._left >= 0:
            return True
        now = monotonic()
        earned = (now - self._at) * self._refill + completed - self._completed
        self._left = min(self._left + earned, self._capacity)
        self._at = now
        self._completed = completed
        return self._left >= 0
