"""What a receipt holds of a delivery, so that any gateway can settle it: JetStream keeps only that it is pending.

A lease has the number of its message, and in its token what JetStream must be told when it is settled, which attempt it
is, and when it began. What becomes of it later stands in `Record`s (`state`).
"""

from dataclasses import dataclass

from prism.sdk.queue.calls import Lease

_BITS = (20, 24, 24, 48, 44, 32)
"""Of a token: epoch, delivery, attempt, place, began, lasts; 192 in all."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """One delivery.

    Attributes:
        seq: number of the message in the stream.
        epoch: of the group.
        delivery: how often JetStream has delivered it.
        attempt: those of them that count, this one included.
        place: number of the delivery in the consumer.
        began: milliseconds since 1970, by the clock of the gateway that it came to.
        lasts: milliseconds.
    """

    seq: int
    epoch: int
    delivery: int
    attempt: int
    place: int
    began: int
    lasts: int

    @property
    def until(self) -> int:
        """When the lease ends, unless it is extended."""
        return self.began + self.lasts

    @property
    def uncounted(self) -> int:
        """Deliveries before it that do not count as attempts."""
        return self.delivery - self.attempt

    def lease(self) -> Lease:
        """It as a lease."""
        token = 0
        for value, bits in zip(self._values(), _BITS, strict=True):
            token = token << bits | value & (1 << bits) - 1
        return Lease(self.seq, token)

    def _values(self) -> tuple[int, ...]:
        return (self.epoch, self.delivery, self.attempt, self.place, self.began, self.lasts)

    @classmethod
    def of(cls, lease: Lease) -> "Delivered":
        """What a lease holds."""
        token, values = lease.token, []
        for bits in reversed(_BITS):
            values.append(token & (1 << bits) - 1)
            token >>= bits
        return cls(lease.seq, *reversed(values))

    def subject(self, stream: str, consumer: str) -> str:
        """Where it is acknowledged."""
        return f"$JS.ACK.{stream}.{consumer}.{self.delivery}.{self.seq}.{self.place}.0.0"
