"""Consumers and gateways that come and go without end: by a ledger of the test's own nothing is lost, and what is
delivered twice was not acknowledged."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
from google.protobuf.duration_pb2 import Duration

from backends.nats.ledger import CONTEXT, GROUP, TOPIC, Consuming, Ledger, before, publish, quiet
from prism.acceptance.store.proxy import Proxy
from prism.backends.nats.backend import NatsBackend
from prism.backends.nats.config import NatsConfig, NatsCredentials
from prism.backends.nats.testing import NatsServer
from prism.interfaces import queue as q
from prism.interfaces.capabilities.queue import QueueCapabilities
from prism.sdk.queue import StoredQueue

PUBLISHERS, CONSUMERS = 4, 4
SECONDS = 60.0
"""In whole runs; a twentieth of it else."""
DEADLINE = 2
"""Seconds after which what a killed gateway had comes again."""


class Gateway:
    """A gateway's backend with consumers, which reaches the server by a line that can be cut."""

    def __init__(self, server: NatsServer, ledger: Ledger, names: Iterator[int]) -> None:
        self._line = Proxy("127.0.0.1", server.port)
        config = NatsConfig.model_validate(
            {"servers": [f"nats://127.0.0.1:{self._line.port}"], "queue": {"resume_window": 0.1}}
        )
        self._backend = NatsBackend(config, NatsCredentials.model_validate(server.credentials()))
        self.queue = cast("StoredQueue", self._backend.interfaces[1])
        self.queue.declare(QueueCapabilities(min_ack_deadline=0.05))
        self._ledger = ledger
        self._names = names
        self.consuming: list[asyncio.Task[None]] = []

    async def start(self, consumers: int) -> None:
        """Serves, with so many consumers."""
        await self._line.start()
        await self._backend.start()
        for _ in range(consumers):
            self.consume()

    def consume(self) -> None:
        """One more consumer."""
        one = Consuming(self.queue, f"c{next(self._names)}", self._ledger)
        self.consuming.append(asyncio.create_task(one.run()))

    async def leave(self, task: "asyncio.Task[None]") -> None:
        """A consumer's connection breaks."""
        self.consuming.remove(task)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def stop(self, *, killed: bool = False) -> None:
        """Ends it; killed, it can tell the server nothing any more."""
        if killed:
            await self._line.stop()
        for each in [*self.consuming]:
            await self.leave(each)
        await self._backend.stop()
        await self._line.stop()


class Current:
    """Publishes by the gateway that is there."""

    def __init__(self) -> None:
        self.gateways: list[Gateway] = []

    async def publish(self, request: q.PublishRequest, context: object) -> q.PublishResponse:
        """See StoredQueue."""
        return await self.gateways[-1].queue.publish(request, CONTEXT)


@asynccontextmanager
async def publishing(server: NatsServer, gateways: int) -> AsyncIterator[tuple[Ledger, Current, Iterator[int]]]:
    """Publishers that never rest; at the end all is there and nothing was repeated without need."""
    ledger, some, names, stopped = Ledger(0), Current(), itertools.count(), asyncio.Event()
    numbers = itertools.takewhile(lambda _: not stopped.is_set(), itertools.count())
    for _ in range(gateways):
        some.gateways.append(Gateway(server, ledger, names))
        await some.gateways[-1].start(0)
    queue = some.gateways[0].queue
    await queue.create_topic(q.CreateTopicRequest(topic=TOPIC), CONTEXT)
    config = q.GroupConfig(ack_deadline=Duration(seconds=DEADLINE), max_attempts=0)
    await queue.create_group(q.CreateGroupRequest(topic=TOPIC, group=GROUP, config=config), CONTEXT)
    for each in some.gateways:
        for _ in range(CONSUMERS // gateways):
            each.consume()
    tasks = [asyncio.create_task(publish(cast("StoredQueue", some), numbers, ledger)) for _ in range(PUBLISHERS)]
    try:
        yield ledger, some, names
        stopped.set()
        await asyncio.gather(*tasks)
        ledger.wanted = len(ledger.published)
        async with asyncio.timeout(120):
            counts = await before(quiet(some.gateways[-1].queue, ledger), *some.gateways[-1].consuming)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*(each.stop() for each in some.gateways), *tasks, return_exceptions=True)
    twice = sum(each > 1 for each in ledger.got.values())
    print(
        f"{ledger.wanted} published, {ledger.got.total()} deliveries, {twice} came twice unacknowledged, "
        f"{len(ledger.again)} after their acknowledgement, {ledger.gap:.2f} s without any; {dict(ledger.failures)}"
    )
    assert set(ledger.got) >= ledger.published
    assert ledger.again == []
    assert (counts.waiting, counts.in_flight, counts.dead) == (0, 0, 0)


@pytest.fixture
def fresh() -> Iterator[NatsServer]:
    """A server of the test's own."""
    server = NatsServer("user")
    server.start()
    yield server
    server.stop()


async def test_consumers_that_come_and_go(fresh: NatsServer, whole: bool) -> None:
    """CONTRACT, Queue 2 and 4: each second, for a minute, one breaks and another comes."""
    seconds, every = (SECONDS, 1.0) if whole else (SECONDS / 20, 0.15)
    async with publishing(fresh, 1) as (_, some, _):
        (gateway,) = some.gateways
        for _ in range(int(seconds / every)):
            await asyncio.sleep(every)
            await gateway.leave(gateway.consuming[0])
            gateway.consume()


async def test_gateways_that_come_and_go(fresh: NatsServer, whole: bool) -> None:
    """CONTRACT, Queue 2 and 11: every ten seconds one of two goes, in turn in order and killed, and another comes."""
    seconds, every = (SECONDS, 10.0) if whole else (SECONDS / 20, 0.75)
    async with publishing(fresh, 2) as (ledger, some, names):
        for number in range(int(seconds / every)):
            await asyncio.sleep(every)
            some.gateways.append(Gateway(fresh, ledger, names))
            await some.gateways[-1].start(CONSUMERS // 2)
            await some.gateways.pop(0).stop(killed=bool(number % 2))
