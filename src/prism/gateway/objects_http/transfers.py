"""What passes of objects over plain HTTP, counted for the metrics."""

from collections.abc import Iterator
from typing import Final

from prism.telemetry.metrics.metric_family import MetricFamily

SENT: Final = "sent"
RECEIVED: Final = "received"


class Transfers:
    """Bytes, parts, and what is under way.

    Attributes:
        bytes: by direction.
        in_flight: by direction.
        parts: of uploads that were received.
    """

    def __init__(self) -> None:
        self.bytes = {SENT: 0, RECEIVED: 0}
        self.in_flight = {SENT: 0, RECEIVED: 0}
        self.parts = 0

    def metrics(self) -> Iterator[MetricFamily]:
        """For the metrics; none before the first transfer."""
        if not (any(self.bytes.values()) or any(self.in_flight.values()) or self.parts):
            return
        direction = ("direction",)
        yield MetricFamily(
            "prism_objects_http_bytes",
            "Bytes of objects that passed over plain HTTP.",
            {(name,): count for name, count in self.bytes.items()},
            direction,
            "counter",
        )
        yield MetricFamily(
            "prism_objects_http_parts", "Parts of uploads that came over plain HTTP.", {(): self.parts}, (), "counter"
        )
        yield MetricFamily(
            "prism_objects_http_in_flight",
            "Objects and parts under way over plain HTTP.",
            {(name,): count for name, count in self.in_flight.items()},
            direction,
        )
