"""Consume, transform, produce through Commit, while the gateway is killed again and again."""

import asyncio
import secrets
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from backends.kafka.gateways import NAMESPACE, Gateways, publish
from prism.acceptance.store.server_process import ServerProcess

WORKER = Path(__file__).with_name("worker.py")
EACH = 4
"""Messages that are committed at least between two kills."""


def committed(address: str, topic: str, count: int) -> Counter[bytes]:
    """What a stock consumer sees that reads what is committed; to the end of the topic, when there is so much."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": secrets.token_hex(4), "enable.auto.commit": False,
                         "isolation.level": "read_committed", "enable.partition.eof": True})  # fmt: skip
    consumer.assign([TopicPartition(topic, 0, 0)])
    found: Counter[bytes] = Counter()
    while True:
        record = consumer.poll(60)
        assert record is not None, f"{len(found)} of {count} came"
        if record.error() is None:
            found[record.value() or b""] += 1
        elif len(found) >= count:  # the end, with all of them
            consumer.close()
            return found


@pytest.mark.slow
async def test_each_output_exactly_once_through_kills(gateways: Gateways, often: Callable[[int], int]) -> None:
    """CONTRACT, Queue 16: killed in the midst of it, 50 times: all that came in went out once, by a stock consumer."""
    kills = often(50) if often(50) == 50 else 3
    count = kills * 2 * EACH
    backend = await gateways.new()
    await asyncio.gather(*(publish(backend, "in", b"%d" % number) for number in range(count)))
    await publish(backend, "out", b"first")
    worker = ServerProcess("worker")
    command = (sys.executable, WORKER, gateways.server.address, gateways.prefix)
    with worker:
        for _ in range(kills):
            since = worker.said
            await asyncio.to_thread(worker.launch, command, "ready", timeout=60)
            done = since
            for _ in range(EACH):
                await asyncio.to_thread(worker.wait_for, "done", since=done, timeout=60)
                done += 1
            await asyncio.to_thread(worker.kill)
        await asyncio.to_thread(worker.launch, command, "ready", timeout=60)
        topic = f"{gateways.prefix}.{NAMESPACE}.out"
        found = await asyncio.to_thread(committed, gateways.server.address, topic, count + 1)
    found.pop(b"first")
    assert found == Counter(b"%d" % number for number in range(count))
