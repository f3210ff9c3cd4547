"""A store that is broken while callers write to it."""

import asyncio
from collections.abc import Awaitable, Callable

from prism.acceptance.caller import Caller
from prism.acceptance.rig import Rig
from prism.acceptance.skips import not_applicable
from prism.acceptance.suites.keyvalue.face import KeyValue, put_items
from prism.acceptance.suites.outage.told import PATIENCE, Told
from prism.errors import PrismError
from prism.interfaces.keyvalue import PutRequest

CALL_TIMEOUT = 2.0
WRITERS = 16


class Frail:
    """KeyValue on a store that may be broken.

    Attributes:
        rig: its store and gateways.
        kv: a namespace of the test's own.
    """

    def __init__(self, rig: Rig, caller: Caller) -> None:
        self.rig = rig
        self.kv = KeyValue(caller)

    def needs(self, method: str) -> None:
        """Skips where the store has no such method, for the reason that it gives."""
        if reason := self.rig.store.lacks.get(method):
            not_applicable(reason)

    async def put(self, number: int) -> None:
        """Puts record `number`; raises what the gateway answers."""
        request = PutRequest(id=f"r{number}", items=put_items({b"k": b"%d" % number}))
        await self.kv.call("Put", request, timeout=CALL_TIMEOUT)

    async def write_through(self, trouble: Callable[[], Awaitable[None]]) -> Told:
        """Writers put record after record while `trouble` comes and goes; ends when puts succeed again after it."""
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

    async def found(self, numbers: set[int]) -> set[int]:
        """Which of the records are there, as they were put."""
        there = set()
        ordered = sorted(numbers)
        most = self.kv.capabilities.max_batch_items
        for start in range(0, len(ordered), most):
            part = ordered[start : start + most]
            for result in await self.kv.batch_get({f"r{number}": [b"k"] for number in part}):
                there |= {int(result.id[1:]) for item in result.items if item.value == result.id[1:].encode()}
        return there
