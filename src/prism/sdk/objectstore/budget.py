"""One budget of memory for all transfers of an instance.

A transfer holds at most two batches of chunks: one on its way to the disk or from there, and one on its way to or from
its peer. The more transfers there are, the smaller a batch is. So none waits for another, and a slow one costs no more
than its share.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from prism.errors import LimitExceeded

LARGEST, SMALLEST = 1 << 20, 16 << 10
"""Bytes of a batch: more gains nothing, less costs more than it saves."""
_HELD = 2
"""Batches that a transfer holds."""


class Budget:
    """Counts transfers.

    Args:
        size: bytes that all of them may hold.

    Attributes:
        transfers: under way now.
        moved: bytes of content that came and went so far.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self.transfers = 0
        self.moved = 0

    @contextmanager
    def transfer(self) -> Iterator[None]:
        """One more transfer, for as long as the block lasts.

        Raises:
            LimitExceeded: there are so many that not even the smallest batches of one more have room.
        """
        if (self.transfers + 1) * SMALLEST * _HELD > self._size:
            raise LimitExceeded(
                f"{self.transfers} transfers share the memory of this backend, and one more has no room "
                "(objects.budget); try again when some are done",
                metadata={"limit": "objects.budget"},
                retry_after=1.0,
            )
        self.transfers += 1
        try:
            yield
        finally:
            self.transfers -= 1

    @property
    def batch(self) -> int:
        """Bytes that a batch of each transfer may have now."""
        return max(SMALLEST, min(LARGEST, self._size // (_HELD * max(self.transfers, 1))))
