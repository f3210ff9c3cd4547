"""Consume, transform, produce through Commit, while the gateway is killed again and again."""

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

import gateways as processes
from backends.kafka.gateways import NAMESPACE, Gateways, publish
from prism.acceptance.store.polling import eventually
from prism.backends.kafka.testing import KafkaServer
from prism.client import Client, PrismError, QueueMessage, QueueOutgoing, RetryPolicy
from prism.context import Context
from prism.interfaces import queue as q

EACH = 4
"""Messages that are committed at least between two kills."""
PARTITIONS = 3
HASTY = RetryPolicy(first_delay=0.02, longest_delay=0.3)


class Transformer:
    """What an application does: a message of `in` becomes one of `out`, as one step.

    Attributes:
        confirmed: how many were.
    """

    def __init__(self) -> None:
        self.confirmed = 0
        self._more = asyncio.Event()

    async def work(self, address: str) -> None:
        """Until its gateway is gone, or it is cancelled."""
        async with Client(address, retry=HASTY) as prism, asyncio.TaskGroup() as tasks:
            with suppress(PrismError):
                async for message in prism.queue(NAMESPACE).consume("in", group="g", max_in_flight=8):
                    tasks.create_task(self._transform(message))

    async def _transform(self, message: QueueMessage) -> None:
        try:
            await message.commit(QueueOutgoing(topic="out", payload=message.payload))
        except PrismError:
            with suppress(PrismError):
                await message.release()  # it comes again, unless it was done
        else:
            self.confirmed += 1
            self._more.set()

    async def more(self, count: int) -> None:
        """Waits until so many more are confirmed."""
        goal = self.confirmed + count
        async with asyncio.timeout(120):
            while self.confirmed < goal:
                self._more.clear()
                await self._more.wait()


def seen(address: str, topic: str) -> Counter[bytes]:
    """What a stock consumer sees that reads what is committed, to the end of each partition."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": secrets.token_hex(4), "enable.auto.commit": False,
                         "isolation.level": "read_committed", "enable.partition.eof": True})  # fmt: skip
    consumer.assign([TopicPartition(topic, each, 0) for each in range(PARTITIONS)])
    found: Counter[bytes] = Counter()
    ends = 0
    while ends < PARTITIONS:
        record = consumer.poll(60)
        assert record is not None, f"{found.total()} came, and no end"
        error = record.error()
        if error is None:
            found[record.value() or b""] += 1
        else:
            assert error.code() == KafkaError._PARTITION_EOF, error
            ends += 1
    consumer.close()
    return found


@pytest.mark.slow
async def test_each_output_exactly_once_through_kills(
    server: KafkaServer, tmp_path: Path, often: Callable[[int], int]
) -> None:
    """CONTRACT, Queue 16: killed in the midst of it, 50 times: all that came in went out once, by a stock consumer."""
    async with Gateways(server) as gateways:
        await _killed(gateways, tmp_path, often(50) if often(50) == 50 else 3)


async def _killed(gateways: Gateways, folder: Path, kills: int) -> None:
    count = kills * 2 * EACH
    backend = await gateways.new()
    queue = backend.interfaces[0]
    for topic in ("in", "out"):
        made = q.CreateTopicRequest(topic=topic, config=q.TopicConfig(partitions=PARTITIONS))
        await queue.create_topic(made, Context(NAMESPACE))  # type: ignore[attr-defined]
    await asyncio.gather(*(publish(backend, "in", b"%d" % n, ordering_key=f"k{n}") for n in range(count)))
    entry = processes.namespace(
        NAMESPACE, "kafka", "queue", addresses=[gateways.server.address], prefix=gateways.prefix, session_timeout=1.5,
        transaction_timeout=2, publish_timeout=2, queue={"linger": 0.1, "handover": 0.5},
    )  # fmt: skip
    gateway = processes.GatewayProcess({"namespaces": [entry]}, folder)
    transformer, chance = Transformer(), random.Random(kills)
    for _ in range(kills):
        await _serving(gateway)
        working = asyncio.create_task(transformer.work(gateway.data))
        await transformer.more(EACH)
        await asyncio.sleep(chance.uniform(0, 0.02))  # anywhere in the next one
        await asyncio.to_thread(gateway.kill)
        working.cancel()
        await asyncio.wait((working,))
    await _serving(gateway)
    working = asyncio.create_task(transformer.work(gateway.data))
    describe = q.DescribeGroupRequest(topic="in", group="g")

    async def at_rest() -> bool:
        counts = (await queue.describe_group(describe, Context(NAMESPACE))).counts  # type: ignore[attr-defined]
        return not counts.waiting + counts.delayed + counts.in_flight

    try:
        await eventually(at_rest, "there are messages left", timeout=120)
    finally:
        working.cancel()
        await asyncio.wait((working,))
        await asyncio.to_thread(gateway.stop)
    topic = f"{gateways.prefix}.{NAMESPACE}.out"
    found = await asyncio.to_thread(seen, gateways.server.address, topic)
    assert found == Counter(b"%d" % number for number in range(count))
    print(f"{kills} kills, {found.total()} outputs, each once; {transformer.confirmed} were confirmed")


async def _serving(gateway: processes.GatewayProcess) -> None:
    await asyncio.to_thread(gateway.start)
    await asyncio.to_thread(gateway.wait_until_served, NAMESPACE)
