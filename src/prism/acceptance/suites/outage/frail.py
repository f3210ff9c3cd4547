"""A store that is broken while callers write to it, and what they were told."""

import asyncio
from collections.abc import Awaitable, Callable

from prism.acceptance.caller import Caller
from prism.acceptance.rig import Rig
from prism.acceptance.skips import not_applicable
from prism.acceptance.suites.keyvalue.face import KeyValue, put_items
from prism.errors import Outcome, PrismError
from prism.interfaces.keyvalue import PutRequest
from prism.wire.status import Code

DOCUMENTED = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "RESOURCE_EXHAUSTED"}
"""The statuses that docs/contract.md has for a store in trouble."""
PATIENCE = 60.0
CALL_TIMEOUT = 2.0
WRITERS = 16


class Told:
    """How the writers' puts ended: the numbers of the records, by outcome, and what was no honest answer."""

    def __init__(self) -> None:
        self.acknowledged: set[int] = set()
        self.not_applied: set[int] = set()
        self.unknown: set[int] = set()
        self.dishonest: list[str] = []
        self.began = 0
        self.acknowledgement = asyncio.Event()

    @property
    def failed(self) -> int:
        """Puts that failed."""
        return len(self.not_applied) + len(self.unknown)

    def failure(self, number: int, error: PrismError) -> None:
        """Notes a put that failed."""
        if error.code.name not in DOCUMENTED:
            self.dishonest.append(f"status {error.code.name} is none of {sorted(DOCUMENTED)}: {error.message}")
        if error.outcome is None and error.code is not Code.DEADLINE_EXCEEDED:  # that may be the caller's own clock
            self.dishonest.append(f"no outcome: {error.code.name} {error.message}")
        (self.not_applied if error.outcome is Outcome.NOT_APPLIED else self.unknown).add(number)


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
        told, done = Told(), asyncio.Event()

        async def write() -> None:
            while not done.is_set():
                told.began += 1
                number = told.began
                try:
                    await self.put(number)
                    told.acknowledged.add(number)
                    told.acknowledgement.set()
                except PrismError as error:
                    told.failure(number, error)
                    await asyncio.sleep(0.01)  # a refusal at once is no reason to ask at once again

        writers = [asyncio.create_task(write()) for _ in range(WRITERS)]
        try:
            await self._more(told, 100)
            await trouble()
            await self._more(told, 100)
        finally:
            done.set()
            await asyncio.gather(*writers)
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

    @staticmethod
    async def _more(told: Told, count: int) -> None:
        goal = len(told.acknowledged) + count
        async with asyncio.timeout(PATIENCE):
            while len(told.acknowledged) < goal:
                told.acknowledgement.clear()
                await told.acknowledgement.wait()
