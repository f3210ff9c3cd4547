"""Three brokers, of which a leader is killed: nothing acknowledged is lost or comes again."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from confluent_kafka.admin import AdminClient

from backends.kafka.gateways import NAMESPACE, Gateways, Stream
from missing import missing
from prism.backends.kafka.backend import KafkaBackend
from prism.backends.kafka.testing import KafkaCluster, KafkaServer, ServerMissing
from prism.context import Context
from prism.errors import PrismError
from prism.interfaces import queue as q

KEYS = 8
PARTITIONS = 3


@pytest_asyncio.fixture
async def cluster(whole: bool) -> AsyncIterator[KafkaCluster]:
    """Three nodes."""
    if not whole:
        pytest.skip("three brokers take long to start: they are of `make acceptance` and of whole runs")
    try:
        cluster = KafkaCluster()
    except ServerMissing as absent:
        missing(str(absent))
    try:
        await asyncio.to_thread(cluster.start)
        yield cluster
    finally:
        await asyncio.to_thread(cluster.stop)


class Ledger:
    """What publishers were told, and what a consumer got, by key."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, list[int]] = {f"k{each}": [] for each in range(KEYS)}
        self.unknown = 0
        self.stop = False

    @property
    def count(self) -> int:
        """Of what was acknowledged to its publisher."""
        return sum(map(len, self.acknowledged.values()))

    async def publish(self, backend: KafkaBackend, key: str) -> None:
        """Publishes one after the other; one that failed is not tried again."""
        number, queue = 0, backend.interfaces[0]
        while not self.stop:
            number += 1
            request = q.PublishRequest(topic="t", payload=b"%d" % number, ordering_key=key)
            try:
                await queue.publish(request, Context(NAMESPACE))  # type: ignore[attr-defined]
            except PrismError:
                self.unknown += 1
                await asyncio.sleep(0.05)
            else:
                self.acknowledged[key].append(number)

    async def more(self, count: int) -> None:
        """Waits until so many more are acknowledged."""
        goal = self.count + count
        async with asyncio.timeout(120):
            while self.count < goal:  # noqa: ASYNC110  # publishers tell nothing but their lists
                await asyncio.sleep(0.02)


def check(ledger: Ledger, stream: Stream) -> None:
    """Nothing lost, nothing again after its acknowledgement, and the order of each key."""
    settled: set[str] = set()
    last = dict.fromkeys(ledger.acknowledged, 0)
    receipts: dict[str, str] = {}
    for answer in stream.answers:
        if answer.HasField("message"):
            message = answer.message
            assert message.message_id not in settled, f"{message.ordering_key}/{message.payload!r} came again"
            number = int(message.payload)
            assert number >= last[message.ordering_key], f"{message.ordering_key}: {number} after {last}"
            last[message.ordering_key] = number
            receipts[message.receipt] = message.message_id
        elif answer.HasField("settled") and not answer.settled.HasField("error"):
            settled |= {receipts[each] for each in answer.settled.receipts}
    came: dict[str, set[int]] = {key: set() for key in ledger.acknowledged}
    for message in stream.got:
        came[message.ordering_key].add(int(message.payload))
    for key, numbers in ledger.acknowledged.items():
        assert set(numbers) <= came[key], f"{key}: {sorted(set(numbers) - came[key])[:10]} were lost"


def node(cluster: KafkaCluster, topic: str) -> KafkaServer:
    """The node that leads the first partition of a topic in Kafka."""
    admin = AdminClient({"bootstrap.servers": ",".join(cluster.addresses)})
    about = admin.list_topics(topic, timeout=30).topics[topic]
    return cluster.nodes[about.partitions[0].leader - 1]


@pytest.mark.slow
async def test_nothing_is_lost_through_the_trouble_of_brokers(cluster: KafkaCluster) -> None:
    """CONTRACT, Queue 2 and 8, on a cluster: acknowledged is kept and never comes again, keys keep their order."""
    ledger, between = Ledger(), 200
    async with Gateways(cluster.nodes[0]) as gateways:
        backend = await gateways.new(addresses=cluster.addresses, publish_timeout=30.0)
        queue = backend.interfaces[0]
        made = q.CreateTopicRequest(topic="t", config=q.TopicConfig(partitions=PARTITIONS))
        await queue.create_topic(made, Context(NAMESPACE))  # type: ignore[attr-defined]
        stream = Stream(backend, "t", "g", max_in_flight=64)
        await stream.subscribed
        publishing = [asyncio.create_task(ledger.publish(backend, key)) for key in ledger.acknowledged]
        name = f"{gateways.prefix}.{NAMESPACE}.t"

        async def killed(topic: str) -> None:
            victim = await asyncio.to_thread(node, cluster, topic)
            await asyncio.to_thread(victim.kill)
            await ledger.more(between)
            await asyncio.to_thread(victim.start)

        await ledger.more(between)
        await killed(name)
        await ledger.more(between)
        ledger.stop = True
        await asyncio.gather(*publishing)
        wanted = {(key, number) for key, numbers in ledger.acknowledged.items() for number in numbers}
        async with asyncio.timeout(120):
            await stream.until(
                lambda: (
                    wanted
                    <= {(each.ordering_key, int(each.payload)) for each in stream.got if each.receipt in stream.settled}
                )
            )
        await stream.end()
    check(ledger, stream)
    print(f"{ledger.count} acknowledged, {ledger.unknown} failed, {len(stream.got)} deliveries")
