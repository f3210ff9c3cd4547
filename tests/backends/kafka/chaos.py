"""Queue on a cluster of three brokers in trouble, judged by a ledger of its own.

Nothing acknowledged to its publisher is lost, nothing whose acknowledgement was confirmed comes again, and each key
keeps its order.

A leader is killed, a broker stands still, the group's coordinator is killed, a proxy cuts and then keeps away the
network of all clients.

    python -m backends.kafka.chaos [MESSAGES] [SECONDS OF A PAUSE]
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field

from confluent_kafka.admin import AdminClient

from backends.kafka.gateways import NAMESPACE, Gateways, Stream
from prism.acceptance.store.proxy import Proxy
from prism.backends.kafka.backend import KafkaBackend
from prism.backends.kafka.testing import KafkaCluster, KafkaServer
from prism.context import Context
from prism.errors import PrismError
from prism.interfaces import queue as q

KEYS = 48
PARTITIONS = 6
GATEWAYS = 2
TOPIC, GROUP = "t", "g"
PATIENCE = 180.0
"""Seconds in which something must go on, on a machine that is busy."""

Each = tuple[str, int]
"""A key, and the number of a message of it."""


@dataclass
class Ledger:
    """What publishers were told and consumers saw, in the order in which they did.

    Attributes:
        acknowledged: to their publishers.
        failed: how often a publisher was refused, or not told what became of it.
        settled: confirmed to their consumers.
        again: came after that.
        disorder: came behind a later one of their key.
        deliveries: how many.
        stood: the longest time without one.
    """

    acknowledged: set[Each] = field(default_factory=set)
    failed: int = 0
    settled: set[Each] = field(default_factory=set)
    again: list[Each] = field(default_factory=list)
    disorder: list[tuple[Each, int]] = field(default_factory=list)
    seen: set[Each] = field(default_factory=set)
    missing: set[Each] = field(default_factory=set)
    deliveries: int = 0
    stood: float = 0.0
    stop: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _last: dict[str, int] = field(default_factory=dict)
    _receipts: dict[str, Each] = field(default_factory=dict)
    _at: float = 0.0

    def hear(self, answer: q.ConsumeResponse) -> None:
        """What a consumer was sent."""
        if answer.HasField("message"):
            self._came(answer.message)
        elif answer.HasField("settled") and not answer.settled.HasField("error"):
            self.settled |= {self._receipts[each] for each in answer.settled.receipts}
            self.changed.set()

    def _came(self, message: q.Message) -> None:
        key, number = each = message.ordering_key, int(message.payload)
        self._receipts[message.receipt] = each
        if each in self.settled:
            self.again.append(each)
        if number < self._last.get(key, 0):
            self.disorder.append((each, self._last[key]))
        self._last[key] = number
        self.seen.add(each)
        self.missing.discard(each)
        self.changed.set()
        self.deliveries += 1
        instant = time.monotonic()
        self.stood = max(self.stood, instant - (self._at or instant))
        self._at = instant

    async def publish(self, backend: KafkaBackend, key: str, pause: float = 0.0) -> None:
        """One after the other; one that failed is not tried again."""
        queue = backend.interfaces[0]
        for number in itertools.count(1):
            if self.stop:
                return
            request = q.PublishRequest(topic=TOPIC, payload=b"%d" % number, ordering_key=key)
            try:
                await queue.publish(request, Context(NAMESPACE))  # type: ignore[attr-defined]
            except PrismError:
                self.failed += 1
                await asyncio.sleep(0.05)
            else:
                self.acknowledged.add((key, number))
                self.changed.set()
                await asyncio.sleep(pause)

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Waits until that is so; as long as anything goes on."""
        while not condition():
            self.changed.clear()
            try:
                async with asyncio.timeout(PATIENCE):
                    await self.changed.wait()
            except TimeoutError:
                raise AssertionError(
                    f"nothing goes on, {what}: {len(self.acknowledged)} published, {len(self.settled)} settled"
                ) from None


@dataclass(frozen=True)
class Report:
    """How it went."""

    published: int
    failed: int
    deliveries: int
    settled: int
    lost: Sequence[Each]
    again: Sequence[Each]
    disorder: Sequence[tuple[Each, int]]
    longest_pause: float
    seconds: float

    def check(self) -> None:
        """Nothing lost, nothing settled again, each key in order."""
        assert (self.lost, self.again, self.disorder) == ([], [], [])


class Trouble:
    """What happens to the cluster.

    Args:
        cluster: the nodes.
        proxies: between them and their clients.
        topic: in Kafka.
        pause: seconds for which a node stands still, and the network is away for a quarter of them.
    """

    def __init__(self, cluster: KafkaCluster, proxies: Sequence[Proxy], topic: str, pause: float) -> None:
        self._cluster = cluster
        self._proxies = proxies
        self._topic = topic
        self._pause = pause

    async def _leader(self, topic: str) -> KafkaServer:
        """The node that leads the first partition of a topic."""
        settings = {"bootstrap.servers": ",".join(f"127.0.0.1:{each.port}" for each in self._proxies)}
        admin = AdminClient(settings)
        about = (await asyncio.to_thread(admin.list_topics, topic, timeout=60)).topics[topic]
        return self._cluster.nodes[about.partitions[0].leader - 1]

    async def _killed(self, topic: str) -> None:
        victim = await self._leader(topic)
        await asyncio.to_thread(victim.kill)
        await asyncio.sleep(self._pause / 4)
        await asyncio.to_thread(victim.start)

    async def leader_killed(self) -> None:
        """The leader of a partition of the topic."""
        await self._killed(self._topic)

    async def coordinator_killed(self) -> None:
        """The broker that keeps where the group stands: another does, from then on."""
        await self._killed("__consumer_offsets")

    async def broker_paused(self) -> None:
        """The leader of a partition stands still, and does not know it afterwards."""
        victim = await self._leader(self._topic)
        victim.pause()
        try:
            await asyncio.sleep(self._pause)
        finally:
            victim.resume()

    async def network_cut(self) -> None:
        """Each connection of a client is reset; then no new one is to be had for a while."""
        for each in self._proxies:
            await each.cut()
        await asyncio.sleep(1)
        await asyncio.gather(*(each.stop() for each in self._proxies))
        await asyncio.sleep(self._pause / 4)
        await asyncio.gather(*(each.start() for each in self._proxies))


async def run(messages: int, pause: float, *, chosen: Sequence[str] = ()) -> Report:
    """Publishes so many messages and consumes them, while each trouble comes in turn; or those that are chosen."""
    begun = time.monotonic()
    async with AsyncExitStack() as stack:
        cluster = KafkaCluster()
        stack.push_async_callback(asyncio.to_thread, cluster.stop)
        proxies = [await stack.enter_async_context(Proxy("127.0.0.1", each.port)) for each in cluster.nodes]
        for node, proxy in zip(cluster.nodes, proxies, strict=True):
            node.behind(proxy.port)
        await asyncio.to_thread(cluster.start)
        gateways = await stack.enter_async_context(Gateways(cluster.nodes[0]))
        addresses = [f"127.0.0.1:{each.port}" for each in proxies]
        backends = [await gateways.new(addresses=addresses, publish_timeout=30.0) for _ in range(GATEWAYS)]
        queue = backends[0].interfaces[0]
        made = q.CreateTopicRequest(topic=TOPIC, config=q.TopicConfig(partitions=PARTITIONS))
        await queue.create_topic(made, Context(NAMESPACE))  # type: ignore[attr-defined]
        trouble = Trouble(cluster, proxies, f"{gateways.prefix}.{NAMESPACE}.{TOPIC}", pause)
        turns = [trouble.leader_killed, trouble.broker_paused, trouble.coordinator_killed, trouble.network_cut]
        turns = [each for each in turns if not chosen or each.__name__ in chosen]
        ledger = Ledger()
        streams = [Stream(each, TOPIC, GROUP, max_in_flight=256) for each in backends]
        for each in streams:
            each.heard = ledger.hear
            await each.subscribed
        publishing = [
            asyncio.create_task(ledger.publish(backends[number % GATEWAYS], f"k{number}")) for number in range(KEYS)
        ]
        for number, turn in enumerate(turns, 1):
            goal = messages * number // (len(turns) + 1)
            await ledger.until(lambda goal=goal: len(ledger.acknowledged) >= goal, f"before {turn.__name__}")  # type: ignore[misc]
            await turn()
            print(f"{turn.__name__}: {len(ledger.acknowledged)} published, {len(ledger.settled)} settled", flush=True)
        await ledger.until(lambda: len(ledger.acknowledged) >= messages, "after the trouble")
        await quiet(ledger, publishing, backends[0])
        for each in streams:
            await each.end()
    return report(ledger, begun)


async def quiet(ledger: Ledger, publishing: "Sequence[asyncio.Task[None]]", backend: KafkaBackend) -> None:
    """Ends the publishers, and waits until the group has nothing left: what comes again is seen then."""
    ledger.stop = True
    await asyncio.gather(*publishing)
    ledger.missing = ledger.acknowledged - ledger.seen
    await ledger.until(lambda: not ledger.missing, "all was published")
    await _at_rest(backend)


def report(ledger: Ledger, begun: float) -> Report:
    """What the ledger says."""
    return Report(
        len(ledger.acknowledged), ledger.failed, ledger.deliveries, len(ledger.settled),
        sorted(ledger.acknowledged - ledger.seen), ledger.again, ledger.disorder, round(ledger.stood, 1),
        round(time.monotonic() - begun, 1),
    )  # fmt: skip


async def _at_rest(backend: KafkaBackend) -> None:
    """Waits until the group has nothing left: what comes again is seen then."""
    describe = q.DescribeGroupRequest(topic=TOPIC, group=GROUP)
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await backend.interfaces[0].describe_group(describe, Context(NAMESPACE))  # type: ignore[attr-defined]
            counts = found.counts
            if not counts.waiting + counts.delayed + counts.in_flight:
                return
            await asyncio.sleep(0.2)


def _main(messages: str = "100000", pause: str = "20", *chosen: str) -> None:
    report = asyncio.run(run(int(messages), float(pause), chosen=chosen))
    print(json.dumps(asdict(report), indent=2))
    report.check()


if __name__ == "__main__":
    _main(*sys.argv[1:])
