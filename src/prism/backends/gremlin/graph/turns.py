"""Writes of one gateway about the same node take turns: else all but one of them would be conflicts."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager


class _Turn:
    """What those who write about one node hold in turn."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0


class NodeTurns:
    """A lock for each node that a write is about."""

    def __init__(self) -> None:
        self._turns: dict[tuple[str, str], _Turn] = {}

    @asynccontextmanager
    async def of(self, namespace: str, nodes: Collection[str]) -> AsyncIterator[None]:
        """The turn at all of the nodes; they are taken in order, so that no two wait for each other."""
        places = sorted({(namespace, node) for node in nodes})
        for place in places:
            self._turns.setdefault(place, _Turn()).users += 1
        try:
            async with AsyncExitStack() as held:
                for place in places:
                    await held.enter_async_context(self._turns[place].lock)
                yield
        finally:
            for place in places:
                turn = self._turns[place]
                turn.users -= 1
                if not turn.users:
                    del self._turns[place]
