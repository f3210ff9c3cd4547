"""The messages that one stream has, and how many more it may have (10)."""

from dataclasses import dataclass

from prism.interfaces import queue as q
from prism.sdk.queue.calls import Lease

MAX_IN_FLIGHT = 16
MAX_IN_FLIGHT_BYTES = 16 << 20
AT_ONCE = 64
"""Messages that are leased in one step: what is leased and not sent is no one's work."""


@dataclass(slots=True)
class Held:
    """A message that is the stream's: its receipt, its bytes, and when its lease ends by the loop's clock."""

    lease: Lease
    receipt: str
    size: int
    until: float


class Window(dict[Lease, Held]):
    """By their leases."""

    def __init__(self, subscribe: q.Subscribe) -> None:
        super().__init__()
        self._bytes = 0
        self._max = subscribe.max_in_flight or MAX_IN_FLIGHT
        self._max_bytes = subscribe.max_in_flight_bytes or MAX_IN_FLIGHT_BYTES

    @property
    def room(self) -> int:
        """Bytes that it may still have."""
        return self._max_bytes - self._bytes

    @property
    def free(self) -> int:
        """How many messages it may take next."""
        return 0 if self and self.room <= 0 else min(self._max - len(self), AT_ONCE)

    def hold(self, held: Held) -> None:
        """A message is the stream's."""
        self[held.lease] = held
        self._bytes += held.size

    def drop(self, lease: Lease) -> Held | None:
        """It is the stream's no longer; None where it was not."""
        held = self.pop(lease, None)
        if held is not None:
            self._bytes -= held.size
        return held
