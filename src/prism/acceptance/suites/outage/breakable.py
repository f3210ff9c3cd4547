"""A store that is broken while callers use it: what abstractions have in common."""

import asyncio
from collections.abc import Awaitable, Callable

from prism.acceptance.run.environment import Rig
from prism.acceptance.skips import not_applicable
from prism.acceptance.suites.outage.write_ledger import PATIENCE, Told
from prism.errors import PrismError

CALL_TIMEOUT = 2.0
WRITERS = 16
FROZEN_SECONDS = 5.0


class Breakable:
    """A store that may be broken, and somebody who uses it.

    Attributes:
        rig: its store and gateways.
    """

    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    def needs(self, method: str) -> None:
        """Skips where the store has no such method, for the reason that it gives."""
        if reason := self.rig.store.lacks.get(method):
            not_applicable(reason)

    async def recovered(self) -> None:
        """Waits until it is of use again, without anybody's help."""
        raise NotImplementedError

    async def killed_twice(self) -> None:
        """The store is killed and comes back, twice."""
        for _ in range(2):
            await self.rig.store.kill()
            await asyncio.sleep(0.2)  # callers meet a store that is not there
            await self.rig.store.start()
            await self.recovered()

    async def cut_off(self) -> None:
        """Every connection is ended in the midst of what it does, again and again."""
        for _ in range(10):
            await self.rig.store.disconnect()
            await asyncio.sleep(0.05)

    async def frozen(self) -> None:
        """The store stands still for some seconds."""
        await self.rig.store.pause()
        await asyncio.sleep(FROZEN_SECONDS)
        await self.rig.store.resume()


class Frail(Breakable):
    """An abstraction that keeps what it is given, on such a store."""

    async def put(self, number: int) -> None:
        """Writes a number under a name of its own; raises what the gateway answers."""
        raise NotImplementedError

    async def read(self, number: int) -> int | None:
        """What is there under the name of a number; raises what the gateway answers."""
        raise NotImplementedError

    async def found(self, numbers: set[int]) -> set[int]:
        """Which of the numbers are there, as they were put."""
        raise NotImplementedError

    async def write_through(self, trouble: Callable[[], Awaitable[None]]) -> Told:
        """Writers put number after number while `trouble` comes and goes; ends when puts succeed again after it."""
        told = Told()
        await told.through(trouble, self.put, WRITERS)
        return told

    async def recovered(self) -> None:
        """Waits until a put succeeds."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await self.put(0)
                except PrismError:
                    await asyncio.sleep(0.02)
                else:
                    return
