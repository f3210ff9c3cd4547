"""A rate with a burst: the generic cell rate algorithm, one number of state.

Source: ITU-T I.371 annex A, the virtual scheduling algorithm, in units of time.
"""

from time import monotonic


class Bucket:
    """Lets through so many units a second, and some at once.

    The rate is given at each question, so that a reload changes it without forgetting what was used.
    """

    __slots__ = ("_full_at",)

    def __init__(self) -> None:
        self._full_at = 0.0

    @property
    def idle(self) -> bool:
        """Whether it is full again: a new one would answer the same."""
        return self._full_at <= monotonic()

    def take(self, units: float, rate: float, burst: float) -> float:
        """Takes so many units if they are there: 0; else takes none, and gives the seconds until they will be.

        More than the burst at once is let through by a full bucket, and paid off afterwards.
        """
        now = monotonic()
        full_at = self._full_at
        if full_at < now:
            full_at = now
        cost = units / rate
        room = burst / rate
        wait = full_at - now + min(cost, room) - room
        if wait > 1e-9:
            return wait
        self._full_at = full_at + cost
        return 0.0

    def charge(self, units: float, rate: float) -> None:
        """Takes so many units whether or not they are there, such as the bytes of an answer that is ready."""
        self._full_at = max(self._full_at, monotonic()) + units / rate
