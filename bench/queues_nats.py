"""A message from its publisher to its handler and acknowledged, on JetStream: by the gateway, and by nats-py alone."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import nats
from nats import errors

import gateways
from bench.arena import compete, rows
from bench.contestants import Call, Contestant
from bench.measure import resident_bytes
from bench.queues import AT_ONCE, CONSUMERS, PUBLISHERS, Arena, Post, consumers, prism_queue
from bench.report import Table, write
from prism.backends.nats.testing import NatsServer

BY_HAND = "nats-py, JetStream by hand"
NOTE = (
    f"A call publishes 100 bytes and waits until they are acknowledged and a handler has them; {CONSUMERS} consumers "
    f"take up to {AT_ONCE} messages at once and acknowledge each, by hand without waiting for the answer. "
    "Publishers and consumers share a process; gateway and server are others. Median of 5 interleaved rounds."
)


def run() -> None:
    """Runs the competition and writes its tables."""
    with _arena() as (server, gateway):
        arena = Arena(gateway.data, gateway.pid, "", None, ("nats",))
        for callers in (1, PUBLISHERS):
            results = asyncio.run(compete([prism_queue(arena, "nats"), _by_hand(server)], callers=callers))
            ours, theirs = results["Prism on nats, its Python client"], results[BY_HAND]
            verdicts = [
                f"goal: at least 0.5 of nats-py by hand: {ours.throughput / theirs.throughput:.2f}",
                f"p50 {ours.p50 / 1000:.2f} ms beside {theirs.p50 / 1000:.2f} ms; p99 {ours.p99 / 1000:.1f} ms beside "
                f"{theirs.p99 / 1000:.1f} ms",
                f"resident memory of the gateway: {resident_bytes(gateway.pid) / 1e6:.0f} MB",
                f"load average of the machine, which others share: {os.getloadavg()[1]:.0f}",
            ]
            who = "one publisher" if callers == 1 else f"{callers} publishers"
            title = f"Publish to handler on JetStream, {who}, {CONSUMERS} consumers"
            write(Table(f"queue-nats-{callers}", title, NOTE, rows(results, BY_HAND), verdicts, "calls/s"))


@contextmanager
def _arena() -> Iterator[tuple[NatsServer, gateways.GatewayProcess]]:
    server = NatsServer("none")
    server.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            entry = gateways.namespace("nats", "nats", "queue", servers=[server.url])
            with gateways.running({"namespaces": [entry]}, Path(folder)) as gateway:
                yield server, gateway
    finally:
        server.stop()


def _by_hand(server: NatsServer) -> Contestant:
    """A stream, and a durable whose messages are pulled in batches."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        post = Post()
        client = await nats.connect(server.url)
        stream = client.jetstream()
        await stream.add_stream(name="BENCH", subjects=["bench"])

        async def taking() -> Callable[[], object]:
            subscription = await stream.pull_subscribe("bench", "workers", stream="BENCH")

            async def take() -> int:
                try:
                    found = await subscription.fetch(AT_ONCE, timeout=0.1)
                except (errors.TimeoutError, TimeoutError):
                    return 0
                for message in found:
                    post.handle(message.data)
                    await message.ack()
                return len(found)

            return take

        async def call() -> None:
            payload, arrival = post.stamp()
            await stream.publish("bench", payload)
            await arrival

        async with consumers([await taking() for _ in range(CONSUMERS)]):
            yield call
        await client.close()

    return Contestant(BY_HAND, opened)
