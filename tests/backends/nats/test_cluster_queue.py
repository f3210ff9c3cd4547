"""Queue on a cluster of three servers, of which the leader is killed, one is paused, and connections are cut: by a
ledger of the test's own nothing acknowledged is lost, and nothing acknowledged comes again."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing, suppress
from typing import Any, cast

import nats
import pytest
from google.protobuf.duration_pb2 import Duration

from missing import missing
from prism.acceptance.store.proxy import Proxy
from prism.backends.nats.backend import NatsBackend
from prism.backends.nats.config import NatsConfig, NatsCredentials
from prism.backends.nats.jetstream.names import QueueNames
from prism.backends.nats.testing import NatsCluster, NatsServer, ServerMissing
from prism.context import Context
from prism.errors import PrismError
from prism.interfaces import queue as q
from prism.interfaces.capabilities.queue import QueueCapabilities
from prism.sdk.queue import StoredQueue

MESSAGES = 100_000
SAMPLE = 1_000
PUBLISHERS, IN_FLIGHT = 64, 256
NAMESPACE, TOPIC, GROUP = "shop", "orders", "billing"
PAUSE, CUT = 20.0, 3.0
CONTEXT = Context(NAMESPACE)


class Ledger:
    """What publishers were told, and what consumers got and settled.

    Attributes:
        published: payloads that were acknowledged to their publisher.
        got: how often each payload was delivered.
        settled: payloads whose acknowledgement was confirmed.
        again: payloads that came after that.
        gap: the longest time without a delivery, in seconds.
    """

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.published: set[bytes] = set()
        self.got: Counter[bytes] = Counter()
        self.settled: set[bytes] = set()
        self.again: list[bytes] = []
        self.failures: Counter[str] = Counter()
        self.gap = 0.0
        self._last = time.monotonic()
        self._reached: list[tuple[int, asyncio.Event]] = []

    def deliver(self, payload: bytes) -> None:
        """A consumer has got it."""
        now = time.monotonic()
        self.gap, self._last = max(self.gap, now - self._last), now
        self.got[payload] += 1
        if payload in self.settled:
            self.again.append(payload)

    def settle(self, payload: bytes) -> None:
        """Its acknowledgement was confirmed."""
        self.settled.add(payload)
        for count, event in self._reached:
            if len(self.settled) >= count:
                event.set()

    async def reached(self, share: float) -> None:
        """Returns when such a share of all is settled."""
        event = asyncio.Event()
        count = int(self.wanted * share)
        self._reached.append((count, event))
        if len(self.settled) < count:
            await event.wait()


class Consuming:
    """A consumer whose streams are opened again under its name; what it has got is acknowledged until that is known."""

    def __init__(self, queue: StoredQueue, name: str, ledger: Ledger) -> None:
        self._queue = queue
        self._name = name
        self._ledger = ledger
        self._open: dict[str, bytes] = {}

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            asked: asyncio.Queue[q.ConsumeRequest] = asyncio.Queue()
            subscribe = q.Subscribe(topic=TOPIC, group=GROUP, consumer_id=self._name, max_in_flight=IN_FLIGHT)
            asked.put_nowait(q.ConsumeRequest(subscribe=subscribe))
            try:
                async with aclosing(cast("Any", self._queue.consume(_requests(asked), CONTEXT))) as responses:
                    async for each in responses:
                        self._take(each, asked)
            except PrismError as error:
                self._ledger.failures[f"consume: {type(error).__name__}"] += 1
                await asyncio.sleep(0.05)

    def _take(self, response: q.ConsumeResponse, asked: "asyncio.Queue[q.ConsumeRequest]") -> None:
        match response.WhichOneof("response"):
            case "subscribed":
                resumed = set(response.subscribed.resumed)
                if self._open:  # what became of them is not known
                    asked.put_nowait(q.ConsumeRequest(ack=q.Ack(receipts=[*self._open])))
                if unknown := resumed - self._open.keys():
                    asked.put_nowait(q.ConsumeRequest(release=q.Release(receipts=[*unknown])))
            case "message":
                message = response.message
                self._ledger.deliver(message.payload)
                self._open[message.receipt] = message.payload
                asked.put_nowait(q.ConsumeRequest(ack=q.Ack(receipts=[message.receipt])))
            case "settled":
                self._settled(response.settled, asked)
            case "revoked":
                for receipt in response.revoked.receipts:
                    self._open.pop(receipt, None)

    def _settled(self, settled: q.Settled, asked: "asyncio.Queue[q.ConsumeRequest]") -> None:
        """What is not known is asked again: acknowledging twice succeeds."""
        lost = settled.HasField("error") and "RECEIPT_LOST" in str(settled.error)
        if settled.HasField("error") and not lost:
            again = [each for each in settled.receipts if each in self._open]
            asked_again = q.ConsumeRequest(ack=q.Ack(receipts=again))
            asyncio.get_running_loop().call_later(0.1, asked.put_nowait, asked_again)
            self._ledger.failures["ack unknown"] += len(again)
            return
        for receipt in settled.receipts:
            payload = self._open.pop(receipt, None)
            if payload is not None and lost:
                self._ledger.failures["receipt lost"] += 1
            elif payload is not None:
                self._ledger.settle(payload)


async def _requests(asked: "asyncio.Queue[q.ConsumeRequest]") -> AsyncIterator[q.ConsumeRequest]:
    while True:
        yield await asked.get()


async def publish(queue: StoredQueue, numbers: Iterator[int], ledger: Ledger) -> None:
    """Publishes one after the other; one whose outcome is not known is repeated under its key."""
    for number in numbers:
        payload = b"%d" % number
        while True:
            try:
                await queue.publish(
                    q.PublishRequest(topic=TOPIC, payload=payload, idempotency_key=f"k{number}"), CONTEXT
                )
                break
            except PrismError as error:
                ledger.failures[f"publish: {type(error).__name__}"] += 1
                await asyncio.sleep(0.05)
        ledger.published.add(payload)


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
        info = await client.jetstream().stream_info(QueueNames("prism", NAMESPACE).stream(TOPIC))
        assert info.cluster is not None
        assert info.cluster.leader is not None
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
            await _first(ledger.reached((number + 1) / (len(troubles) + 2)), *tasks, *consuming)
            await trouble(cluster, lines, pause, cut)
        counts = await _first(quiet(queues[0], ledger), *tasks, *consuming)
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


async def quiet(queue: StoredQueue, ledger: Ledger) -> q.Counts:
    """The group's counts, once all is published and nothing waits or is in flight: also what was acknowledged by a
    stream that broke before it said so."""
    while True:
        await asyncio.sleep(0.2)
        if len(ledger.published) < ledger.wanted:
            continue
        with suppress(PrismError):
            found = await queue.describe_group(q.DescribeGroupRequest(topic=TOPIC, group=GROUP), CONTEXT)
            if not (found.counts.waiting or found.counts.in_flight or found.counts.delayed):
                return found.counts


async def _first(ends: Any, *tasks: "asyncio.Task[None]") -> Any:
    """Waits for something, and raises what a task has failed with meanwhile."""
    waiting = asyncio.ensure_future(ends)
    running: set[Any] = {waiting, *tasks}
    while not waiting.done():
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    return waiting.result()
