"""A rate with a burst: the generic cell rate algorithm, one number of state.

Source: ITU-T I.371 annex A, the virtual scheduling algorithm, in units of time.
"""

from time import monotonic

_ROUNDING = 1e-9


class Bucket:
    """Lets through so much a second, and some at once.

    Everything is in seconds: what a use costs is how long it takes to be paid off, and the burst is how much may be
    owed. Rate and burst come with each question, so that a reload changes them without forgetting what was used.

    Attributes:
        paid_at: when nothing is owed any more, an instant of `time.monotonic()`.
    """

    __slots__ = ("paid_at",)

    def __init__(self) -> None:
        self.paid_at = 0.0

    def take(self, now: float, cost: float, burst: float) -> float:
        """Takes so much if it is there: 0; else takes nothing, and gives the seconds until it will be.

        More than the burst at once is let through when nothing is owed, and paid off afterwards. `now` is of
        `time.monotonic()`.
        """
        paid_at = self.paid_at
        if paid_at <= now:
            self.paid_at = now + cost
            return 0.0
        wait = paid_at - now + (min(burst, cost)) - burst
        if wait > _ROUNDING:
            return wait
        self.paid_at = paid_at + cost
        return 0.0

    def debt(self, burst: float) -> float:
        """The seconds until no more than the burst is owed."""
        return max(0.0, self.paid_at - monotonic() - burst)

    def charge(self, cost: float) -> None:
        """Takes so much whether or not it is there, such as the bytes of an answer that is ready."""
        now = monotonic()
        paid_at = self.paid_at
        self.paid_at = (max(now, paid_at)) + cost
