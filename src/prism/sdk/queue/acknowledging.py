"""Acknowledgements of one stream: those that come while the store settles others go to it together, in one call.

A consumer acknowledges each message by itself. One call for each, one after the other, would bound its messages by the
round trips to the store.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from prism.sdk.queue.calls import Lease


class Acknowledging:
    """Those of one stream, in their order.

    Args:
        settle: acknowledges receipts, by their leases; it answers them, and raises nothing of the tree.
        most: how many may wait; then who adds more waits too.
    """

    def __init__(self, settle: Callable[[list[str], list[Lease]], Awaitable[None]], most: int) -> None:
        self._settle = settle
        self._most = most
        self._waiting: list[tuple[str, Lease]] = []
        self._running: asyncio.Task[None] | None = None

    async def add(self, receipts: Sequence[str], leases: Sequence[Lease]) -> None:
        """Acknowledges them next."""
        self._waiting += zip(receipts, leases, strict=True)
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._run())
        elif len(self._waiting) >= self._most:
            await self.done()

    async def done(self) -> None:
        """Returns when all are that were added before."""
        if self._running is not None:
            await asyncio.shield(self._running)

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch: dict[str, Lease] = {}
                again: list[tuple[str, Lease]] = []  # each has an answer, also what comes twice
                for receipt, lease in self._waiting:
                    if receipt in batch:
                        again.append((receipt, lease))
                    else:
                        batch[receipt] = lease
                self._waiting = again
                await self._settle([*batch], [*batch.values()])
        finally:
            self._running = None
