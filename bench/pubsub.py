"""A message from its publisher to its subscriber, through the gateway and by the driver used directly."""

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import nats
from nats.aio.msg import Msg

import gateways
from bench.arena import compete, rows
from bench.contestants import TIMEOUT, Call, Contestant
from bench.headers import headers
from bench.measure import resident_bytes
from bench.report import Table, write
from prism.backends.nats.testing import NatsServer
from prism.client import Client

MANY = 64
FILLING = bytes(92)
NOTE = (
    "A call publishes 100 bytes and waits until they are acknowledged and its own subscription has brought them. All "
    "callers share a process, a connection and a subscription; gateway and NATS are other processes. Median of 5 "
    "interleaved rounds. Ratio and added latency are against nats-py with a flush behind each message: that is what an "
    "acknowledgement through Prism means too."
)
DIRECT = "nats-py, flushed"


@dataclass(frozen=True, slots=True)
class Arena:
    """A gateway with a namespace on memory and one on NATS, and that NATS."""

    address: str
    pid: int
    nats: str


class Post:
    """Messages on their way: who published one waits here until it comes."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._waiting: dict[bytes, asyncio.Future[None]] = {}

    def stamp(self) -> tuple[bytes, asyncio.Future[None]]:
        """A payload that no other message has, and what comes true when it arrives."""
        payload = next(self._numbers).to_bytes(8, "big") + FILLING
        arrival = asyncio.get_running_loop().create_future()
        self._waiting[payload] = arrival
        return payload, arrival

    def arrived(self, payload: bytes) -> None:
        """A message has come."""
        self._waiting.pop(payload).set_result(None)


def run() -> None:
    """Runs both competitions and writes their tables."""
    with _arena() as arena:
        for callers in (1, MANY):
            competitors = [
                _driver(arena, DIRECT, flushed=True),
                _driver(arena, "nats-py, not acknowledged", flushed=False),
                _prism(arena, "nats"),
                _prism(arena, "memory"),
            ]
            results = asyncio.run(compete(competitors, callers=callers))
            who_calls = "one caller" if callers == 1 else f"{callers} callers"
            megabytes = resident_bytes(arena.pid) / 1e6
            verdicts = [f"resident memory of the gateway: {megabytes:.0f} MB"]
            bars = "calls/s" if callers > 1 else "p50 us"
            table = rows(results, DIRECT)
            write(Table(f"pubsub-{callers}", f"Publish to delivery, {who_calls}", NOTE, table, verdicts, bars))


@contextmanager
def _arena() -> Iterator[Arena]:
    server = NatsServer("none")
    server.start()
    try:
        config = {
            "namespaces": [
                gateways.namespace("memory", "memory", "pubsub"),
                gateways.namespace("nats", "nats", "pubsub", servers=[server.url]),
            ]
        }
        with tempfile.TemporaryDirectory() as folder, gateways.running(config, Path(folder)) as gateway:
            yield Arena(gateway.data, gateway.pid, server.url)
    finally:
        server.stop()


def _prism(arena: Arena, namespace: str) -> Contestant:
    """Our client, through the gateway."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        post = Post()
        async with Client(arena.address, headers=headers, timeout=TIMEOUT) as prism:
            events = prism.pubsub(namespace)
            async with events.subscribe("bench.topic") as messages:

                async def read() -> None:
                    async for message in messages:
                        post.arrived(message.payload)

                reader = asyncio.create_task(read())

                async def call() -> None:
                    payload, arrival = post.stamp()
                    await events.publish("bench.topic", payload)
                    await arrival

                yield call
                reader.cancel()

    return Contestant(f"Prism on {namespace}, its Python client", opened, arena.pid)


def _driver(arena: Arena, name: str, *, flushed: bool) -> Contestant:
    """The driver, as an application would use it."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        post = Post()

        async def arrived(message: Msg) -> None:
            post.arrived(message.data)

        client = await nats.connect(arena.nats)
        topic = f"bench.{int(flushed)}"
        await client.subscribe(topic, cb=arrived)
        await client.flush()

        async def call() -> None:
            payload, arrival = post.stamp()
            await client.publish(topic, payload)
            if flushed:
                await client.flush()
            await arrival

        try:
            yield call
        finally:
            await client.close()

    return Contestant(name, opened)
