"""Queue on a cluster of three servers, of which the leader is killed, one is paused, and connections are cut: by a
ledger of the test's own nothing acknowledged is lost, and nothing acknowledged comes again."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from typing import cast

import nats
import pytest
from google.protobuf.duration_pb2 import Duration
from nats import errors

from backends.nats.ledger import CONTEXT, GROUP, NAMESPACE, TOPIC, Consuming, Ledger, before, publish, quiet
from missing import missing
from prism.acceptance.store.proxy import Proxy
from prism.backends.nats.backend import NatsBackend
from prism.backends.nats.config import NatsConfig, NatsCredentials
from prism.backends.nats.jetstream.names import QueueNames
from prism.backends.nats.testing import NatsCluster, NatsServer, ServerMissing
from prism.errors import PrismError
from prism.interfaces import queue as q
from prism.interfaces.capabilities.queue import QueueCapabilities
from prism.sdk.queue import StoredQueue

MESSAGES = 100_000
SAMPLE = 1_000
PUBLISHERS = 64
PAUSE, CUT = 20.0, 3.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[NatsCluster]:
    """Three servers that keep what they are given."""
    try:
        cluster = NatsCluster(3, "user", jetstream=True)
    except ServerMissing as absent:
        missing(str(absent))
    with cluster:
        yield cluster


async def leader(cluster: NatsCluster) -> NatsServer:
    """The server that leads the topic's stream."""
    login = cluster.credentials()
    client = await nats.connect(cluster.urls, user=login["username"], password=login["password"])
    try:
        while True:  # while one is elected there is none, and no answer
            with suppress(errors.Error):
                info = await client.jetstream().stream_info(QueueNames("prism", NAMESPACE).stream(TOPIC))
                if info.cluster is not None and info.cluster.leader:
                    return cluster.servers[int(info.cluster.leader.removeprefix("s"))]
    finally:
        await client.close()


async def test_nothing_is_lost_through_the_trouble_of_servers(cluster: NatsCluster, whole: bool) -> None:
    """CONTRACT, Queue 2, on a cluster: what is acknowledged is kept, and never comes again."""
    ledger = Ledger(MESSAGES if whole else SAMPLE)
    pause, cut = (PAUSE, CUT) if whole else (1.0, 0.5)
    credentials = NatsCredentials.model_validate(cluster.credentials())
    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(Proxy("127.0.0.1", each.port)) for each in cluster.servers]
        queues = []
        for first in range(2):  # each gateway prefers another server
            urls = [f"nats://127.0.0.1:{each.port}" for each in (*lines[first:], *lines[:first])]
            backend = NatsBackend(NatsConfig(servers=tuple(urls), replicas=3, ping_interval=2.0), credentials)
            await backend.start()
            stack.push_async_callback(backend.stop)
            queue = cast("StoredQueue", backend.interfaces[1])
            queue.declare(QueueCapabilities(min_ack_deadline=1.0))
            queues.append(queue)
        config = q.GroupConfig(ack_deadline=Duration(seconds=30), max_attempts=0)
        await made(queues[0], config)
        began, numbers = time.monotonic(), iter(range(ledger.wanted))
        tasks = [asyncio.create_task(publish(queues[n % 2], numbers, ledger)) for n in range(PUBLISHERS)]
        consuming = [asyncio.create_task(Consuming(queues[n % 2], f"c{n}", ledger).run()) for n in range(4)]
        troubles = [killed, paused, was_cut]
        for number, trouble in enumerate(troubles):
            await before(ledger.reached((number + 1) / (len(troubles) + 2)), *tasks, *consuming)
            await trouble(cluster, lines, pause, cut)
        counts = await before(quiet(queues[0], ledger), *tasks, *consuming)
        seconds = time.monotonic() - began
        for each in consuming:
            each.cancel()
        await asyncio.gather(*consuming, return_exceptions=True)
    print(
        f"{len(ledger.published)} published, {len(ledger.settled)} settled, {ledger.got.total()} deliveries, "
        f"{len(ledger.again)} after their acknowledgement, {seconds:.0f} s, {ledger.gap:.1f} s without any; "
        f"{dict(ledger.failures)}"
    )
    wanted = {b"%d" % number for number in range(ledger.wanted)}
    assert (ledger.published, set(ledger.got)) == (wanted, wanted)
    assert ledger.again == []
    assert (counts.acknowledged, counts.dead) == (ledger.wanted, 0)


async def made(queue: StoredQueue, config: q.GroupConfig) -> None:
    """Topic and group; a cluster that has just started answers late."""
    while True:
        try:
            await queue.create_topic(q.CreateTopicRequest(topic=TOPIC), CONTEXT)
            await queue.create_group(q.CreateGroupRequest(topic=TOPIC, group=GROUP, config=config), CONTEXT)
        except PrismError:
            await asyncio.sleep(0.1)
        else:
            return


async def killed(cluster: NatsCluster, _lines: object, _pause: float, _cut: float) -> None:
    """The leader is killed, and started again."""
    victim = await leader(cluster)
    await asyncio.to_thread(victim.kill)
    await asyncio.to_thread(victim.start)


async def paused(cluster: NatsCluster, _lines: object, pause: float, _cut: float) -> None:
    """The leader is frozen for a while."""
    victim = await leader(cluster)
    victim.pause()
    try:
        await asyncio.sleep(pause)
    finally:
        victim.resume()


async def was_cut(_cluster: object, lines: list[Proxy], _pause: float, cut: float) -> None:
    """No gateway reaches any server for a while."""
    for each in lines:
        await each.stop()
    await asyncio.sleep(cut)
    for each in lines:
        await each.start()
