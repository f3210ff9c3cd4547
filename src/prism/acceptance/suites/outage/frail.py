"""A store that is broken while callers write to it: what abstractions have in common that keep what they are given."""

import asyncio
from collections.abc import Awaitable, Callable

from prism.acceptance.rig import Rig
from prism.acceptance.skips import not_applicable
from prism.acceptance.suites.outage.told import PATIENCE, Told
from prism.errors import PrismError

CALL_TIMEOUT = 2.0
WRITERS = 16
FROZEN_SECONDS = 5.0


class Frail:
    """An abstraction on a store that may be broken.

    Attributes:
        rig: its store and gateways.
    """

    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    async def put(self, number: int) -> None:
        """Writes a number under a name of its own; raises what the gateway answers."""
        raise NotImplementedError

    async def read(self, number: int) -> int | None:
        """What is there under the name of a number; raises what the gateway answers."""
        raise NotImplementedError

    async def found(self, numbers: set[int]) -> set[int]:
        """Which of the numbers are there, as they were put."""
        raise NotImplementedError

    def needs(self, method: str) -> None:
        """Skips where the store has no such method, for the reason that it gives."""
        if reason := self.rig.store.lacks.get(method):
            not_applicable(reason)

    async def write_through(self, trouble: Callable[[], Awaitable[None]]) -> Told:
        """Writers put number after number while `trouble` comes and goes; ends when puts succeed again after it."""
        told = Told()
        await told.through(trouble, self.put, WRITERS)
        return told

    async def recovered(self) -> None:
        """Waits until a put succeeds, without anybody's help."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await self.put(0)
                except PrismError:
                    await asyncio.sleep(0.02)
                else:
                    return

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
