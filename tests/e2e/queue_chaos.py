"""A queue whose gateway, plugin and store are killed under consumers that crash, hang and settle out of order, judged
by a ledger of its own: nothing lost, nothing acknowledged seen again, and counts that add up.

    python -m e2e.queue_chaos [MESSAGES] [KILLS] [sqlite|postgres|redis|nats]
"""

import asyncio
import collections
import itertools
import json
import logging
import os
import random
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from e2e.test_plugins import children_of, sidecar
from gateways import GatewayProcess
from prism.acceptance.run.gateway_process import NotServing
from prism.acceptance.store.held_port import HeldPort
from prism.client import (
    Client,
    Consumption,
    GroupConfig,
    PrismError,
    Queue,
    QueueMessage,
    QueueOutgoing,
    ReceiptLost,
    RetryPolicy,
)

if TYPE_CHECKING:
    from prism.backends.nats.testing import NatsCluster
    from prism.backends.postgres.testing import PostgresServer
    from prism.backends.redis.testing.server import RedisServer

log = logging.getLogger(__name__)

CONSUMERS = 8
PUBLISHERS = 4
BATCH = 50
IN_FLIGHT = 64
TOPIC, GROUP = "work", "workers"
CONFIG = GroupConfig(ack_deadline=2, max_lease=3, max_attempts=0, backoff_min=0.05, backoff_max=0.2)
HASTY = RetryPolicy(first_delay=0.02, longest_delay=0.3)

HANG, CRASH, NACK, RELEASE = 0.001, 0.001, 0.05, 0.03
"""How often a consumer does each with a message; else it acknowledges."""


class Stage(Protocol):
    """Where a queue is kept, and what of it can be killed."""

    def entry(self) -> dict[str, Any]:
        """The namespace `default`, with its plugin as a sidecar."""

    async def kill_store(self, gateway: GatewayProcess) -> None:
        """Kills the store, and has it serve again."""


@dataclass(frozen=True, slots=True)
class Sqlite:
    """A store without a server: who writes it is killed, and the gateway at the same moment."""

    folder: Path

    def entry(self) -> dict[str, Any]:
        """A file of its own."""
        return sidecar("default", "sqlite", path=str(self.folder / "queue.db")) | {"abstraction": "queue"}

    async def kill_store(self, gateway: GatewayProcess) -> None:
        """Both at once: there is nobody left who could end anything in order."""
        _kill(children_of(gateway.pid))
        await asyncio.to_thread(gateway.kill)
        await _start(gateway)


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server of its own, whose processes are all killed at once."""

    server: "PostgresServer"

    def entry(self) -> dict[str, Any]:
        """A database of its own."""
        url = self.server.create_database()
        return sidecar("default", "postgres", connection_string=url) | {"abstraction": "queue"}

    async def kill_store(self, gateway: GatewayProcess) -> None:
        """The gateway stays, and finds it again."""
        await asyncio.to_thread(self.server.kill)
        await asyncio.to_thread(self.server.start)


@dataclass(frozen=True, slots=True)
class Redis:
    """A server of its own, which syncs each write before it answers."""

    server: "RedisServer"

    def entry(self) -> dict[str, Any]:
        """All of it."""
        made = sidecar("default", "redis", addresses=[self.server.address]) | {"abstraction": "queue"}
        return made | {"credentials": dict(self.server.credentials())}

    async def kill_store(self, gateway: GatewayProcess) -> None:
        """The gateway stays, and finds it again."""
        await asyncio.to_thread(self.server.kill)
        await asyncio.to_thread(self.server.start)


@dataclass(slots=True)
class Nats:
    """Three servers that keep everything; one at a time is killed or stands still, or the leaders are others."""

    cluster: "NatsCluster"
    pause: float
    turn: int = 0

    def entry(self) -> dict[str, Any]:
        """Every topic on all three."""
        return sidecar("default", "nats", servers=self.cluster.urls, replicas=3) | {"abstraction": "queue"}

    async def kill_store(self, gateway: GatewayProcess) -> None:
        """Two of three go on, also where the one that is away has led."""
        one = self.cluster.servers[self.turn % len(self.cluster.servers)]
        self.turn += 1
        match self.turn % 3:
            case 0:
                await self._move_leaders()
            case 1:
                await asyncio.to_thread(one.kill)
                await asyncio.sleep(random.uniform(0, 1))
                await asyncio.to_thread(self.cluster.start)
            case _:
                one.pause()
                try:
                    await asyncio.sleep(self.pause)
                finally:
                    one.resume()

    async def _move_leaders(self) -> None:
        """Each stream's leader steps down, and that of each of its consumers."""
        import nats

        client = await nats.connect(self.cluster.urls)
        try:
            for stream in await client.jetstream().streams_info():
                name = stream.config.name
                await client.request(f"$JS.API.STREAM.LEADER.STEPDOWN.{name}", timeout=20)
                answer = await client.request(f"$JS.API.CONSUMER.NAMES.{name}", timeout=20)
                for consumer in json.loads(answer.data).get("consumers") or []:
                    await client.request(f"$JS.API.CONSUMER.LEADER.STEPDOWN.{name}.{consumer}", timeout=20)
        finally:
            await client.close()


@dataclass(slots=True)
class Ledger:
    """What was promised and what was seen, by the loop's clock.

    Attributes:
        published: keys whose publishing was acknowledged.
        asked: keys of which an acknowledgement was asked for; a crash may hide its answer.
        settled: when the acknowledgement of a key was answered.
        deliveries: how often each key came.
        again: keys that came after they had been acknowledged.
        dropped: messages that crashes took; kept, as a crash leaves nothing to notice that they are gone.
        done: set when the group says that all are acknowledged.
    """

    messages: int
    published: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    settled: dict[str, float] = field(default_factory=dict)
    deliveries: collections.Counter[str] = field(default_factory=collections.Counter)
    again: list[str] = field(default_factory=list)
    dropped: list[QueueMessage] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def came(self, message: QueueMessage) -> None:
        """A delivery; what it came before, though it is only looked at now, may have been acknowledged since."""
        key = message.payload.decode()
        arrived = message._holder._lease.since  # type: ignore[attr-defined]  # nothing else needs it
        self.deliveries[key] += 1
        if key in self.settled and arrived > self.settled[key]:
            self.again.append(key)

    def acknowledged(self, message: QueueMessage) -> None:
        """The gateway has said so."""
        self.settled.setdefault(message.payload.decode(), asyncio.get_running_loop().time())

    def asks(self, message: QueueMessage) -> None:
        """The gateway will be asked to acknowledge it."""
        self.asked.add(message.payload.decode())
        self.changed.set()

    async def until(self, asked: int) -> None:
        """Waits until the acknowledgement of so many was asked for: of some no one hears the answer."""
        while len(self.asked) < asked:
            self.changed.clear()
            await self.changed.wait()


@dataclass(frozen=True, slots=True)
class Report:
    """How it went."""

    messages: int
    kills: int
    published: int
    asked: int
    settled: int
    deliveries: int
    again: Sequence[str]
    lost: Sequence[str]
    counts: dict[str, int]
    seconds: float

    def check(self) -> None:
        """Nothing is lost, nothing acknowledged came again, and the counts add up."""
        assert (self.published, self.asked) == (self.messages, self.messages)
        assert (list(self.again), list(self.lost)) == ([], [])
        states = ("waiting", "delayed", "in_flight", "dead", "expired")
        expected = {"offered": self.messages, "acknowledged": self.messages, **dict.fromkeys(states, 0)}
        assert self.counts == expected


async def run(stage: Stage, folder: Path, messages: int, kills: int, seed: int = 0) -> Report:
    """Publishes so many messages, has them worked on, and kills gateway, plugin and store in turn meanwhile."""
    loop = asyncio.get_running_loop()
    port = HeldPort()
    config = {"gateway": {"listen": f"127.0.0.1:{port}"}, "namespaces": [stage.entry()]}
    gateway = GatewayProcess(config, folder)
    await _start(gateway)
    ledger, begun = Ledger(messages), loop.time()
    try:
        await asyncio.to_thread(gateway.wait_until_served, "default")
        async with Client(gateway.data, retry=HASTY) as prism, asyncio.TaskGroup() as tasks:
            jobs = prism.queue()
            await jobs.create_group(TOPIC, GROUP, CONFIG)
            for number in range(PUBLISHERS):
                tasks.create_task(_publish(jobs, ledger, range(number, messages, PUBLISHERS)))
            for number in range(CONSUMERS):
                tasks.create_task(_consume(gateway.data, ledger, number, random.Random(seed + number)))
            await _kill_in_turn(stage, gateway, ledger, kills)
            counts = await _at_quiet(jobs, messages)
            ledger.done.set()
    finally:
        await asyncio.to_thread(gateway.stop)
    lost = sorted(ledger.published - set(ledger.deliveries))
    return Report(
        messages, kills, len(ledger.published), len(ledger.asked), len(ledger.settled), ledger.deliveries.total(),
        ledger.again, lost, counts, round(loop.time() - begun, 1),
    )  # fmt: skip


async def _start(gateway: GatewayProcess) -> None:
    """A run of an hour meets a machine that is busy for half a minute: then once more, as an orchestrator would."""
    try:
        await asyncio.to_thread(gateway.start)
    except NotServing:  # and killed
        await asyncio.to_thread(gateway.start)


async def _publish(jobs: Queue, ledger: Ledger, numbers: range) -> None:
    """Each message under a key of its own, again and again until it is acknowledged: then it is there once."""
    for batch in _batches(numbers):
        missing = [str(number) for number in batch]
        while missing:
            outgoing = [QueueOutgoing(topic=TOPIC, payload=key.encode(), idempotency_key=key) for key in missing]
            try:
                results = await jobs.publish_batch(outgoing, timeout=5)
            except PrismError:
                await asyncio.sleep(0.05)
                continue
            done = {key for key, result in zip(missing, results, strict=True) if result.error is None}
            ledger.published |= done
            missing = [key for key in missing if key not in done]


def _batches(numbers: range) -> Iterator[range]:
    for start in range(0, len(numbers), BATCH):
        yield numbers[start : start + BATCH]


async def _consume(address: str, ledger: Ledger, number: int, chance: random.Random) -> None:
    """Consumes until all is done; crashes now and then, with all that it has in hand, and comes again."""
    while not ledger.done.is_set():
        async with Client(address, retry=HASTY) as prism:
            messages = prism.queue().consume(TOPIC, group=GROUP, consumer_id=f"c{number}", max_in_flight=IN_FLIGHT)
            crashed = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(_read(messages, ledger, crashed, chance))
                ends = [asyncio.ensure_future(each.wait()) for each in (ledger.done, crashed)]
                await asyncio.wait([reading, *ends], return_when=asyncio.FIRST_COMPLETED)
                for end in ends:
                    end.cancel()
                await (messages.abort() if crashed.is_set() else messages.aclose())
                await reading


async def _read(messages: Consumption, ledger: Ledger, crashed: asyncio.Event, chance: random.Random) -> None:
    async with asyncio.TaskGroup() as tasks:
        with suppress(PrismError):  # it began while the gateway was away
            async for message in messages:
                ledger.came(message)
                tasks.create_task(_work(message, ledger, crashed, chance))


async def _work(message: QueueMessage, ledger: Ledger, crashed: asyncio.Event, chance: random.Random) -> None:
    """Side by side with others, so that they settle out of order."""
    fate = chance.random()
    await asyncio.sleep(chance.uniform(0, 0.01))
    with suppress(ReceiptLost, PrismError):
        if fate < HANG:
            while not message.lost:  # noqa: ASYNC110  # a program that hangs hears of nothing
                await asyncio.sleep(0.1)
            await message.acknowledge()  # too late: it must not count
            raise AssertionError("a receipt that was lost was accepted")
        if fate < HANG + CRASH:
            ledger.dropped.append(message)
            crashed.set()
        elif fate < HANG + CRASH + NACK:
            await message.nack(delay=chance.choice([None, 0, 0.02]), reason="by chance")
        elif fate < HANG + CRASH + NACK + RELEASE:
            await message.release()
        else:
            ledger.asks(message)
            await message.acknowledge()
            ledger.acknowledged(message)


async def _kill_in_turn(stage: Stage, gateway: GatewayProcess, ledger: Ledger, kills: int) -> None:
    """At even distances of what is done."""

    async def whole_gateway() -> None:
        await asyncio.to_thread(gateway.kill)
        await _start(gateway)

    async def plugin() -> None:
        _kill(children_of(gateway.pid))

    async def store() -> None:
        await stage.kill_store(gateway)

    turns: Iterator[Callable[[], Any]] = itertools.cycle([whole_gateway, plugin, store])
    for number in range(1, kills + 1):
        await ledger.until(ledger.messages * number // (kills + 1))
        log.info("%d messages done, kill %d of %d", len(ledger.asked), number, kills)
        await next(turns)()


def _kill(processes: set[int]) -> None:
    for each in processes:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


async def _at_quiet(jobs: Queue, messages: int) -> dict[str, int]:
    """The counts of the group, once it has offered all, and nothing is left to do."""
    while True:
        with suppress(PrismError):
            found = asdict(await jobs.describe_group(TOPIC, GROUP))
            states = ("offered", "waiting", "delayed", "in_flight", "acknowledged", "dead", "expired")
            counts = {name: int(found[name]) for name in states}
            if counts["offered"] >= messages and not counts["waiting"] + counts["delayed"] + counts["in_flight"]:
                return counts
        await asyncio.sleep(0.2)


def _stage(store: str, folder: Path, stack: ExitStack) -> Stage:
    if store == "postgres":
        from prism.backends.postgres.testing import PostgresServer, memory

        return Postgres(stack.enter_context(PostgresServer(within=memory())))
    if store == "nats":
        from prism.backends.nats.testing import NatsCluster

        return Nats(stack.enter_context(NatsCluster(jetstream=True)), pause=20.0)
    if store == "redis":
        from prism.backends.redis.testing.server import RedisServer

        return Redis(stack.enter_context(RedisServer()))
    return Sqlite(folder)


async def _main(messages: str = "200000", kills: str = "30", store: str = "sqlite") -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        report = await run(_stage(store, Path(folder), stack), Path(folder), int(messages), int(kills))
    print(json.dumps(asdict(report), indent=2))  # a script
    report.check()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
