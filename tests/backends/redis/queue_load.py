"""Publishers and consumers that go on through outages, and a ledger of their own of what was said to whom."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from backends.redis.queue_calls import publish, receive
from backends.redis.store import Store
from prism.errors import Outcome, PrismError
from prism.interfaces import queue as q

PUBLISHERS = 4
PATIENCE = 60.0


class Load:
    """Every gateway has publishers and consumers.

    Attributes:
        published: what is kept, by what the store said.
        unknown: what may be kept.
        acknowledged: what never comes again, by what the store said.
        failures: what calls ended with.
        broken: what should not have happened.
    """

    def __init__(self, stores: Sequence[Store]) -> None:
        self.published: set[str] = set()
        self.unknown: set[str] = set()
        self.acknowledged: set[str] = set()
        self.delivered: Counter[str] = Counter()
        self.failures: list[PrismError] = []
        self.broken: list[str] = []
        self._stores = stores
        self._publishing = True
        self._consuming = True
        self._publishers = [
            asyncio.create_task(self._publish(store, f"{index}.{number}"))
            for index, store in enumerate(stores)
            for number in range(PUBLISHERS)
        ]
        self._consumers = [asyncio.create_task(self._consume(store)) for store in stores]

    async def _publish(self, store: Store, name: str) -> None:
        number = 0
        while self._publishing:
            number += 1
            body = f"{name}.{number}"
            try:
                await publish(store, body.encode(), ordering_key=name if number % 2 else "")
            except PrismError as error:
                self.failures.append(error)
                if error.outcome is Outcome.UNKNOWN:
                    self.unknown.add(body)
                await asyncio.sleep(0.01)
            else:
                self.published.add(body)

    async def _consume(self, store: Store) -> None:
        while self._consuming:
            try:
                for message in await receive(store, 4, wait=1):
                    await self._work(store, message)
            except PrismError as error:
                self.failures.append(error)
                await asyncio.sleep(0.01)

    async def _work(self, store: Store, message: q.Message) -> None:
        body = message.payload.decode()
        self.delivered[body] += 1
        if body in self.acknowledged:
            self.broken.append(f"{body} came again after it was acknowledged")
        request = q.AcknowledgeRequest(topic="t", group="g", receipts=[message.receipt])
        answer = await store.call("queue.acknowledge", request)
        if not answer.results[0].HasField("error"):
            self.acknowledged.add(body)

    async def until(self, count: int) -> None:
        """Waits until so many more are published and acknowledged."""
        published, acknowledged = len(self.published) + count, len(self.acknowledged) + count
        async with asyncio.timeout(PATIENCE):
            while len(self.published) < published or len(self.acknowledged) < acknowledged:  # noqa: ASYNC110  # nothing tells when
                await asyncio.sleep(0.01)

    async def end(self) -> None:
        """Stops the publishers; the consumers when all that was published is acknowledged.

        What was acknowledged without an answer comes no more: so a queue that gives nothing is at its end too.
        """
        self._publishing = False
        await asyncio.gather(*self._publishers)
        async with asyncio.timeout(PATIENCE):
            while not self.published <= set(self.delivered):  # noqa: ASYNC110  # nothing tells when
                await asyncio.sleep(0.02)
        self._consuming = False
        await asyncio.gather(*self._consumers)

    def check(self) -> None:
        """Nothing that was acknowledged is lost, or comes again; what was never said to be published, was unknown."""
        assert not self.broken, self.broken[:5]
        assert self.published <= set(self.delivered)
        assert set(self.delivered) <= self.published | self.unknown
        assert all(each.outcome is not None for each in self.failures), self.failures
