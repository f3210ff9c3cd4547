"""PubSub on a store that is broken while many publish and listen."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from prism.acceptance.callers.caller import Caller
from prism.acceptance.run.environment import Rig
from prism.acceptance.suites.outage.breakable import CALL_TIMEOUT, Breakable
from prism.acceptance.suites.outage.listener import TOPIC, Listener, Trouble
from prism.acceptance.suites.outage.write_ledger import PATIENCE, Figure, Told
from prism.acceptance.suites.pubsub.dsl import OPERATIONS, PubSub
from prism.errors import PrismError
from prism.interfaces.pubsub import PublishRequest

PUBLISHERS = 8


class Heard:
    """What came of publishing through an outage.

    Attributes:
        told: how publishing ended.
        listeners: who listened, one at each gateway.
    """

    def __init__(self, told: Told, listeners: list[Listener]) -> None:
        self.told = told
        self.listeners = listeners

    @property
    def gaps(self) -> int:
        """How many subscriptions said that something may be missing."""
        return sum(each.gaps for each in self.listeners)

    def faults(self) -> list[str]:
        """What docs/contract.md does not allow, in words."""
        found = list(self.told.dishonest)
        for listener in self.listeners:
            found += listener.dishonest
            got = listener.got
            if len(set(got)) < len(got):
                found.append(f"{len(got) - len(set(got))} messages came twice to one listener")
            if ghosts := self.told.not_applied & set(got):
                found.append(f"{len(ghosts)} messages came though publishing them was NOT_APPLIED")
            if missing := listener.missing():
                found.append(f"{len(missing)} acknowledged messages did not come, and the subscription stands")
        return found

    def record(self, figure: Figure) -> None:
        """The counts, for the report."""
        self.told.record(figure)
        figure("gaps reported", self.gaps)
        lost = [len(self.told.acknowledged - set(each.got)) for each in self.listeners]
        figure("missed in gaps, by each listener", sum(lost) / len(lost))


class FrailTopics(Breakable):
    """PubSub on a store that may be broken.

    Attributes:
        ps: a namespace of the test's own.
    """

    def __init__(self, rig: Rig, caller: Caller) -> None:
        super().__init__(rig)
        self.ps = PubSub(caller)

    async def publish(self, number: int) -> None:
        """Publishes a number; raises what the gateway answers."""
        request = PublishRequest(topic=TOPIC, payload=b"%d" % number)
        await self.ps.caller.call(OPERATIONS["Publish"], request, namespace=self.ps.namespace, timeout=CALL_TIMEOUT)

    async def recovered(self) -> None:
        """Waits until publishing succeeds at every gateway, without anybody's help."""
        async with asyncio.timeout(PATIENCE):
            for via in range(self.ps.caller.gateways):
                while True:
                    try:
                        await self.ps.publish("t.other.than.numbers", via=via)
                    except PrismError:
                        await asyncio.sleep(0.02)
                    else:
                        break

    async def publish_through(self, trouble: Trouble) -> Heard:
        """Publishers send number after number while `trouble` comes and goes; ends when all goes on after it."""
        told = Told()
        listeners = [Listener(self.ps, via, told) for via in range(self.ps.caller.gateways)]

        async with _running([each.listen() for each in listeners]):
            for each in listeners:
                await each.until(lambda each=each: each.living is not None)  # type: ignore[misc]  # bound at once
            await told.through(trouble, self.publish, PUBLISHERS)
            await self._complete(told, listeners)
        return Heard(told, listeners)

    async def _complete(self, told: Told, listeners: list[Listener]) -> None:
        """Waits until everybody listens again and has what was sent since; `Heard` tells who has not."""
        await self.recovered()
        for each in listeners:
            await each.until(lambda each=each: each.living is not None)  # type: ignore[misc]  # bound at once
        number = told.next()
        await self.publish(number)
        told.success(number)
        with suppress(TimeoutError):
            for each in listeners:
                await each.until(lambda each=each: not each.missing())  # type: ignore[misc]  # bound at once


@asynccontextmanager
async def _running(work: Sequence[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
