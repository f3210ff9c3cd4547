"""Load that keeps the accounts of what it was told."""

import asyncio

from prism.errors import BackendError, Outcome

from .store import Store


class Writers:
    """Callers who put item after item and note how each put ended."""

    def __init__(self, store: Store) -> None:
        self.acknowledged: set[int] = set()
        self.not_applied: set[int] = set()
        self.unknown: set[int] = set()
        self.up = asyncio.Event()
        self._store = store
        self._next = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def write(self) -> None:
        """Puts until cancelled; waits out the time in which the server is down."""
        while True:
            await self.up.wait()
            self._next += 1
            n = self._next
            try:
                await self._store.put(f"r{n}", {b"k": b"%d" % n}, timeout=10)
                self.acknowledged.add(n)
            except BackendError as error:
                (self.not_applied if error.outcome is Outcome.NOT_APPLIED else self.unknown).add(n)
            await asyncio.sleep(0)

    def start(self, count: int) -> None:
        """Lets so many of them begin."""
        self._tasks = [asyncio.create_task(self.write()) for _ in range(count)]
        self.up.set()

    async def stop(self) -> None:
        """Ends them; what was under way is noted neither way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def check(self) -> None:
        """What was acknowledged is there, what was said to be not applied is not."""
        found = {int(part.items[0].value) for part in await self._store.stream()}
        assert self.acknowledged <= found, sorted(self.acknowledged - found)
        assert found.isdisjoint(self.not_applied)

    async def acknowledge(self, count: int) -> None:
        """Waits until so many more puts are acknowledged."""
        goal = len(self.acknowledged) + count
        while len(self.acknowledged) < goal:
            await self._store.get("r0", b"k")
