"""A message that one stream has."""

from dataclasses import dataclass

from prism.sdk.queue.calls import Lease


@dataclass(slots=True)
class Held:
    """A message that is the stream's: its receipt, its bytes, and when its lease ends by the loop's clock."""

    lease: Lease
    receipt: str
    size: int
    until: float
