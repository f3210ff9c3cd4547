"""Publishing to Kafka and consuming from it, by the gateway, and by confluent-kafka called directly."""

import asyncio
import os
import secrets
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.aio import AIOConsumer

import gateways
from bench.arena import compete, rows
from bench.contestants import TIMEOUT, Call, Contestant
from bench.headers import headers
from bench.measure import cpu_seconds
from bench.report import Row, Table, write
from prism.backends.kafka.testing import KafkaServer
from prism.client import Client

CALLERS = 64
SIZES = {"100 B": 100, "10 KB": 10_240}
MESSAGES = {"100 B": 20_000, "10 KB": 4_000}
ROUNDS = 3
AT_ONCE = 500
WINDOW = 1000
PRISM, BARE = "Prism on kafka, its Python client", "confluent-kafka called directly"
PUBLISH, CONSUME = 0.6, 0.5
NOTE = (
    f"acks=all, one broker, {CALLERS} callers that each wait for their acknowledgement; by hand one producer, one "
    "thread that hears its reports, and a loop that gets them in bunches. Gateway, broker and callers are a process "
    "each. Median of 5 interleaved rounds."
)
CONSUMING = (
    f"One consumer, messages that are there already; Prism's acknowledges each and waits for none of them, by hand "
    f"`AIOConsumer.consume({AT_ONCE})` and a commit after each batch. Median of {ROUNDS} interleaved rounds."
)


@dataclass(frozen=True, slots=True)
class Arena:
    """A broker, and a gateway on it."""

    server: KafkaServer
    gateway: gateways.GatewayProcess
    prefix: str


def run() -> None:
    """Runs the competitions and writes their tables."""
    with _arena() as arena:
        for name, size in SIZES.items():
            slug = name.replace(" ", "").lower()
            results = asyncio.run(compete([_published(arena, size), _published_by_hand(arena, size)], callers=CALLERS))
            ours, theirs = results[PRISM], results[BARE]
            verdicts = [
                f"goal: at least {PUBLISH} of the bare producer: {ours.throughput / theirs.throughput:.2f}",
                f"p99 {ours.p99 / 1000:.1f} ms beside {theirs.p99 / 1000:.1f} ms",
                _machine(),
            ]
            title = f"Publish to Kafka, {name}, {CALLERS} callers"
            write(Table(f"kafka-publish-{slug}", title, NOTE, rows(results, BARE), verdicts, "calls/s"))
            _consume(arena, name, size, slug)


def _machine() -> str:
    return f"load average of the machine, which others share: {os.getloadavg()[1]:.0f}"


@contextmanager
def _arena() -> Iterator[Arena]:
    server = KafkaServer()
    server.start()
    prefix = f"b{secrets.token_hex(4)}"
    try:
        with tempfile.TemporaryDirectory() as folder:
            entry = gateways.namespace("kafka", "kafka", "queue", addresses=[server.address], prefix=prefix)
            with gateways.running({"namespaces": [entry]}, Path(folder)) as gateway:
                yield Arena(server, gateway, prefix)
    finally:
        server.stop()


def _published(arena: Arena, size: int) -> Contestant:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        async with Client(arena.gateway.data, headers=headers, timeout=TIMEOUT) as prism:
            yield partial(prism.queue("kafka").publish, "published", bytes(size))

    return Contestant(PRISM, opened, arena.gateway.pid)


class _Bare:
    """The least that waits for each acknowledgement: reports come to the loop in bunches."""

    def __init__(self, address: str) -> None:
        self._producer = Producer({"bootstrap.servers": address, "acks": "all", "enable.idempotence": True,
                                   "linger.ms": 0})  # fmt: skip
        self._reports: deque[tuple[asyncio.Future[None], Any]] = deque()
        self._loop = asyncio.get_running_loop()
        self._ended = False
        self._thread = Thread(target=self._poll, daemon=True)
        self._thread.start()

    async def publish(self, topic: str, payload: bytes) -> None:
        """Returns when it is acknowledged."""
        report = self._loop.create_future()
        self._producer.produce(topic, payload, on_delivery=lambda error, _: self._reports.append((report, error)))
        await report

    def _poll(self) -> None:
        while not self._ended:
            self._producer.poll(0.5)
            if self._reports:
                self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        while self._reports:
            report, error = self._reports.popleft()
            if not report.done():
                report.set_exception(RuntimeError(str(error))) if error else report.set_result(None)

    async def stop(self) -> None:
        """Ends its thread."""
        self._ended = True
        await asyncio.to_thread(self._thread.join)


def _published_by_hand(arena: Arena, size: int) -> Contestant:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        bare = _Bare(arena.server.address)
        yield partial(bare.publish, f"{arena.prefix}.kafka.published", bytes(size))
        await bare.stop()

    return Contestant(BARE, opened)


def _consume(arena: Arena, name: str, size: int, slug: str) -> None:
    """So many messages, by each in turn, always anew."""
    count = MESSAGES[name]
    topic = asyncio.run(_filled(arena, size, count, slug))
    found: dict[str, list[tuple[float, float, float]]] = {PRISM: [], BARE: []}
    ways: dict[str, Callable[[], Awaitable[float]]] = {
        PRISM: lambda: _consumed(arena, topic, count),
        BARE: lambda: _consumed_by_hand(arena, topic, count),
    }
    for _ in range(ROUNDS):
        for way, work in ways.items():
            gateway, own = cpu_seconds(arena.gateway.pid), time.process_time()
            seconds = asyncio.run(work())  # type: ignore[arg-type]
            used = cpu_seconds(arena.gateway.pid) - gateway, time.process_time() - own
            found[way].append((seconds, *used))
    middle = {way: sorted(each)[ROUNDS // 2] for way, each in found.items()}
    best = middle[BARE][0]
    table = [
        Row(
            way,
            {
                "messages/s": count / seconds,
                "ratio": best / seconds,
                "gateway CPU ms per 1,000": gateway * 1e6 / count if way == PRISM else "",
                "callers' CPU ms per 1,000": own * 1e6 / count,
            },
        )
        for way, (seconds, gateway, own) in middle.items()
    ]
    verdicts = [f"goal: at least {CONSUME} of AIOConsumer: {best / middle[PRISM][0]:.3f}", _machine()]
    title = f"Consume from Kafka, {name}"
    write(Table(f"kafka-consume-{slug}", title, CONSUMING, table, verdicts, "messages/s"))


async def _filled(arena: Arena, size: int, count: int, slug: str) -> str:
    """A topic with so many messages."""
    topic = f"filled-{slug}"
    async with Client(arena.gateway.data, headers=headers, timeout=TIMEOUT) as prism:
        await prism.queue("kafka").create_topic(topic)
    place = f"{arena.prefix}.kafka.filled-2D{slug}"
    bare = _Bare(arena.server.address)
    for start in range(0, count, AT_ONCE):
        await asyncio.gather(*(bare.publish(place, bytes(size)) for _ in range(start, min(count, start + AT_ONCE))))
    await bare.stop()
    return topic


async def _consumed(arena: Arena, topic: str, count: int) -> float:
    """The seconds from the first message until all are acknowledged."""
    async with Client(arena.gateway.data, headers=headers, timeout=TIMEOUT) as prism:
        queue = prism.queue("kafka").consume(topic, group=secrets.token_hex(4), max_in_flight=WINDOW)
        started, left = 0.0, count
        async with queue as messages:
            done: list[asyncio.Future[list[str]]] = []
            async for message in messages:
                started = started or time.perf_counter()
                done.append(message.acknowledge_nowait())
                left -= 1
                if not left:
                    break
            for each in done:
                await each
            return time.perf_counter() - started


async def _consumed_by_hand(arena: Arena, topic: str, count: int) -> float:
    """The same by the driver's own consumer for asyncio."""
    place = f"{arena.prefix}.kafka.{topic.replace('-', '-2D')}"
    consumer = AIOConsumer(
        {"bootstrap.servers": arena.server.address, "group.id": secrets.token_hex(4), "enable.auto.commit": False,
         "isolation.level": "read_committed", "auto.offset.reset": "earliest"}, max_workers=2,
    )  # fmt: skip
    await consumer.assign([TopicPartition(place, 0, 0)])
    started, left = 0.0, count
    while left > 0:
        found = await consumer.consume(AT_ONCE, 1.0)
        started = started or time.perf_counter()
        left -= sum(each.error() is None for each in found)
        if found:
            await consumer.commit(asynchronous=False)
    seconds = time.perf_counter() - started
    await consumer.close()
    return seconds
