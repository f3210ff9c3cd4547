"""Consumers and gateways that come and go, and a group that is idle for longer than brokers keep where it stands."""

import asyncio
import secrets
import time

import pytest
from confluent_kafka import Consumer, TopicPartition

from backends.kafka.chaos import GROUP, PARTITIONS, TOPIC, Ledger, quiet, report
from backends.kafka.gateways import NAMESPACE, Gateways, Stream, publish
from missing import missing
from prism.acceptance.store.polling import eventually
from prism.backends.kafka.backend import KafkaBackend
from prism.backends.kafka.testing import KafkaServer, ServerMissing
from prism.context import Context
from prism.interfaces import queue as q

KEYS = 12
PAUSE = 0.02
"""Seconds between two messages of a key."""
A_MINUTE = "it takes a minute: of `make acceptance` and of whole runs"


async def begin(gateways: Gateways) -> tuple[KafkaBackend, Ledger, "list[asyncio.Task[None]]"]:
    """A gateway that publishes, with nothing that reads."""
    backend, ledger = await gateways.new(), Ledger()
    made = q.CreateTopicRequest(topic=TOPIC, config=q.TopicConfig(partitions=PARTITIONS))
    await backend.interfaces[0].create_topic(made, Context(NAMESPACE))  # type: ignore[attr-defined]
    tasks = [asyncio.create_task(ledger.publish(backend, f"k{each}", PAUSE)) for each in range(KEYS)]
    return backend, ledger, tasks


def reader(backend: KafkaBackend, ledger: Ledger) -> Stream:
    stream = Stream(backend, TOPIC, GROUP, max_in_flight=16)
    stream.heard = ledger.hear
    return stream


@pytest.mark.slow
async def test_consumers_come_and_go_every_second(server: KafkaServer, *, whole: bool) -> None:
    """CONTRACT, Queue 2, 4 and 8: for a minute, each third as one whose connection breaks; on two gateways."""
    if not whole:
        pytest.skip(A_MINUTE)
    async with Gateways(server) as gateways:
        backend, ledger, publishing = await begin(gateways)
        begun, backends = time.monotonic(), [backend, await gateways.new()]
        streams = [reader(backends[each % 2], ledger) for each in range(3)]
        for number in range(60):
            await asyncio.sleep(1.0)
            oldest = streams.pop(0)
            await (oldest.cut() if number % 3 == 0 else oldest.end())
            streams.append(reader(backends[number % 2], ledger))
        await quiet(ledger, publishing, backend)
        for each in streams:
            await each.end()
    found = report(ledger, begun)
    print(found)
    found.check()


@pytest.mark.slow
async def test_gateways_come_and_go(server: KafkaServer, *, whole: bool) -> None:
    """CONTRACT, Queue 2 and 8: one ends and another begins every ten seconds for a minute; two of three stay."""
    if not whole:
        pytest.skip(A_MINUTE)
    async with Gateways(server) as gateways:
        backend, ledger, publishing = await begin(gateways)
        begun = time.monotonic()
        serving = [await gateways.new() for _ in range(3)]
        streams = [reader(each, ledger) for each in serving]
        for _ in range(6):
            await asyncio.sleep(10.0)
            await streams.pop(0).cut()
            await serving.pop(0).stop()
            serving.append(await gateways.new())
            streams.append(reader(serving[-1], ledger))
        await quiet(ledger, publishing, backend)
        for each in streams:
            await each.end()
    found = report(ledger, begun)
    print(found)
    found.check()


@pytest.mark.slow
async def test_an_idle_group_stays_where_it_was(whole: bool) -> None:
    """CONTRACT, Queue 12: the broker keeps positions for a minute; a stock one is gone then, the group is not."""
    if not whole:
        pytest.skip("brokers count that in minutes: of `make acceptance` and of whole runs")
    try:
        server = KafkaServer(settings={"offsets.retention.minutes": "1", "offsets.retention.check.interval.ms": "1000"})
    except ServerMissing as absent:
        missing(str(absent))
    try:
        await asyncio.to_thread(server.start)
        async with Gateways(server) as gateways:
            backend = await gateways.new(queue={"recommit_interval": 15.0})
            for number in range(4):
                await publish(backend, TOPIC, b"%d" % number)
            stream = Stream(backend, TOPIC, GROUP)
            await stream.until(lambda: len(stream.settled) == 4)
            await stream.end()
            place = TopicPartition(f"{gateways.prefix}.{NAMESPACE}.{TOPIC}", 0, 4)
            stock = Consumer({"bootstrap.servers": server.address, "group.id": secrets.token_hex(4)})
            await asyncio.to_thread(stock.commit, offsets=[place], asynchronous=False)

            async def gone() -> bool:
                (found,) = await asyncio.to_thread(stock.committed, [place], 30)
                return bool(found.offset < 0)

            assert not await gone()
            await eventually(gone, "the broker keeps it", timeout=180)
            await asyncio.to_thread(stock.close)
            await publish(backend, TOPIC, b"4")
            stream = Stream(backend, TOPIC, GROUP)
            await stream.until(lambda: stream.settled)
            assert [each.payload for each in stream.got] == [b"4"]
            await stream.end()
    finally:
        await asyncio.to_thread(server.stop)
