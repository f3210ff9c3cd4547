"""A client's work through a proxy with short time-outs, while gateways and the proxy are killed: what it may never see.

`python tests/e2e/proxy_chaos.py PROXY [SECONDS [PAUSE]]` does it for ten minutes with a kill every 20 s, and prints
what was seen; `test_proxy_chaos.py` for a few seconds.
"""

import asyncio
import itertools
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from gateways import GatewayProcess, namespace
from prism.acceptance.store.held_port import HeldPort
from prism.backends.redis.testing.server import RedisServer
from prism.client import Client, Gap, KeyValue, PrismError, PubSub
from prism.errors import BackendUnavailable, DeadlineExceeded, GatewayUnavailable, Outcome
from proxies import Proxy

SILENCE = 2
"""Seconds of silence that the proxy allows."""
HEARTBEAT = 1.0
RECORDS = 40
ITEMS = 5
HELD_UP = 0.02
"""Seconds between two chunks of a scan, so that kills come in the midst of one."""
PATIENCE = 60.0
PASSING = (GatewayUnavailable, BackendUnavailable, DeadlineExceeded)
"""What a caller can act on: it passes, and a write says what became of it."""
_END = b"the end"


@dataclass
class Seen:
    """What the work has met.

    Attributes:
        wrong: what must not be, in words.
        errors: those that calls raised, by who did what, class, reason and outcome.
        counts: of everything else.
        longest: the longest time that a kind of call failed in a row, in seconds.
    """

    wrong: list[str] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    longest: dict[str, float] = field(default_factory=dict)

    def error(self, who: str, error: PrismError, *, write: bool) -> None:
        """A call failed: with something that its caller can act on?"""
        outcome = f" {error.outcome.name}" if error.outcome is not None else ""
        self.errors[f"{who}: {type(error).__name__} {error.reason}{outcome}"] += 1
        if not isinstance(error, PASSING):
            self.wrong.append(f"{who} failed with {type(error).__name__} {error.reason}: {error}")
        if write and error.outcome is None:
            self.wrong.append(f"{who} failed without an outcome: {error}")

    def report(self) -> str:
        """All of it, to read."""
        rows = [f"{number:7,}  {what}" for what, number in sorted(self.counts.items())]
        rows += [f"{number:7,}  error of {what}" for what, number in sorted(self.errors.items())]
        rows += [f"{seconds:7.1f}  seconds at most that {who} failed" for who, seconds in sorted(self.longest.items())]
        return "\n".join([*rows, *(f"  WRONG  {each}" for each in self.wrong[:50]), f"{len(self.wrong):7,}  wrong"])


class Work:
    """What a client does, until it is to end.

    Args:
        client: goes through the proxy.
        seen: takes what it meets.
    """

    def __init__(self, client: Client, seen: Seen) -> None:
        self._kv: KeyValue = client.keyvalue("records")
        self._scanned: KeyValue = client.keyvalue("scanned")
        self._events: PubSub = client.pubsub("events")
        self._seen = seen
        self._ending = False
        self._listening = {"busy.t", "quiet.t"}  # the topics whose subscription has not heard the end
        self.stored: dict[str, dict[bytes, bytes]] = {}
        self.absent: set[tuple[str, bytes]] = set()

    async def prepare(self) -> None:
        """Puts what is scanned."""
        for number in range(RECORDS):
            await self._scanned.put(f"{number:03}", {b"%d" % item: b"v" for item in range(ITEMS)})

    async def go_on(self, seconds: float) -> None:
        """All of it at once; returns when each has ended in order."""
        subscribed = asyncio.Event()
        async with asyncio.TaskGroup() as listening:
            listening.create_task(self._listen(subscribed))
            listening.create_task(self._listen_to_silence())
            await subscribed.wait()
            async with asyncio.TaskGroup() as working:
                working.create_task(self._publish())
                working.create_task(self._scan())
                working.create_task(self._put("plain", keyed=False))
                working.create_task(self._put("keyed", keyed=True))
                await asyncio.sleep(seconds)
                self._ending = True
            async with asyncio.timeout(PATIENCE):
                await self._say_the_end()

    def _numbers(self) -> Iterator[int]:
        return itertools.takewhile(lambda _: not self._ending, itertools.count())

    @asynccontextmanager
    async def _noting(self, who: str, failing: dict[str, float], *, write: bool) -> AsyncIterator[None]:
        try:
            yield
        except PrismError as error:
            self._seen.error(who, error, write=write)
            since = failing.setdefault(who, time.monotonic())
            took = time.monotonic() - since
            self._seen.longest[who] = max(took, self._seen.longest.get(who, 0.0))
            await asyncio.sleep(0.05)
            raise
        failing.pop(who, None)

    async def _put(self, name: str, *, keyed: bool) -> None:
        failing: dict[str, float] = {}
        for number in self._numbers():
            record, key, value = f"{name}:{number // 100}", b"%06d" % number, b"%d" % number
            idempotency = f"{name}-{number}" if keyed else None
            try:
                async with self._noting(f"put {name}", failing, write=True):
                    await self._kv.put(record, {key: value}, idempotency_key=idempotency)
            except PrismError as error:
                if error.outcome is Outcome.NOT_APPLIED:
                    self.absent.add((record, key))
            else:
                self.stored.setdefault(record, {})[key] = value
                self._seen.counts[f"put {name} acknowledged"] += 1
            await asyncio.sleep(0.002)

    async def _scan(self) -> None:
        failing: dict[str, float] = {}
        wanted = [(f"{number:03}", b"%d" % item) for number in range(RECORDS) for item in range(ITEMS)]
        for _ in self._numbers():
            found = []
            with suppress(PrismError):
                async with self._noting("scan", failing, write=False):
                    async for chunk in self._scanned.scan_stream():
                        found += [(chunk.record, item.key) for item in chunk.items]
                        await asyncio.sleep(HELD_UP)
                    self._seen.counts["scans to their end"] += 1
                    if found != wanted:
                        self._seen.wrong.append(f"a scan gave {len(found)} items of {len(wanted)}, or in another order")

    async def _publish(self) -> None:
        failing: dict[str, float] = {}
        self._acknowledged: set[int] = set()
        for number in self._numbers():
            with suppress(PrismError):
                async with self._noting("publish", failing, write=True):
                    await self._events.publish("busy.t", b"%d" % number)
                    self._acknowledged.add(number)
                    self._seen.counts["published and acknowledged"] += 1
            await asyncio.sleep(0.005)

    async def _say_the_end(self) -> None:
        """To both subscriptions, again and again until each has heard it: one may be on its way back meanwhile."""
        while self._listening:
            with suppress(PrismError):
                for topic in tuple(self._listening):
                    await self._events.publish(topic, _END)
            await asyncio.sleep(0.2)

    async def _listen(self, subscribed: asyncio.Event) -> None:
        """What was acknowledged comes, or a gap says that something is missing where it is."""
        received: list[int | None] = []  # None is a gap

        def on_gap(gap: Gap) -> None:
            self._seen.counts["gaps of the busy subscription"] += 1
            self._acceptable(gap)
            received.append(None)

        async with self._events.subscribe("busy.>", on_gap=on_gap) as subscription:
            subscribed.set()
            async for message in subscription:
                if message.payload == _END:
                    break
                received.append(int(message.payload))
        self._listening.remove("busy.t")
        numbers = [number for number in received if number is not None]
        self._seen.counts["messages received"] += len(numbers)
        twice = [number for number, times in Counter(numbers).items() if times > 1]
        self._seen.wrong += [f"message {number} came twice" for number in twice]
        last, gap = -1, False
        for number in [*received, max(self._acknowledged, default=-1) + 1]:
            if number is None:
                gap = True
                continue
            if number < last:
                # One that failed with an unknown outcome may have been on its way still.
                self._seen.counts["messages that came late, unacknowledged"] += 1
                if number in self._acknowledged:
                    self._seen.wrong.append(f"message {number} was acknowledged before {last}, and came after it")
                continue
            missing = [each for each in range(last + 1, number) if each in self._acknowledged]
            self._seen.counts["messages missed in gaps"] += len(missing) if gap else 0
            if missing and not gap:
                self._seen.wrong.append(f"messages {missing[:5]} were acknowledged, and are missing without a gap")
            last, gap = number, False

    async def _listen_to_silence(self) -> None:
        """Only what is killed ends it: heartbeats keep it through the proxy's time-out."""

        def on_gap(gap: Gap) -> None:
            self._seen.counts["gaps of the quiet subscription"] += 1
            self._acceptable(gap)

        async with self._events.subscribe("quiet.>", on_gap=on_gap) as subscription:
            await anext(subscription)
        self._listening.remove("quiet.t")

    def _acceptable(self, gap: Gap) -> None:
        if not isinstance(gap.error, PASSING):
            self._seen.wrong.append(f"a gap for {type(gap.error).__name__} {gap.error}")


async def verify(client: Client, work: Work, seen: Seen) -> None:
    """What the store has, asked without the proxy."""
    kv = client.keyvalue("records")
    records: dict[str, dict[bytes, bytes]] = {}
    async for chunk in kv.scan_stream():
        records.setdefault(chunk.record, {}).update({item.key: item.value for item in chunk.items})
    for record, items in work.stored.items():
        lost = [key for key, value in items.items() if records.get(record, {}).get(key) != value]
        seen.wrong += [f"the acknowledged item {record} {key!r} is not there" for key in lost]
    seen.wrong += [
        f"{record} {key!r} is there, and its put was said not to be applied"
        for record, key in work.absent
        if key in records.get(record, {})
    ]


async def kill_in_turn(
    victims: "list[GatewayProcess | Proxy]", pause: float, seen: Seen, ending: asyncio.Event
) -> None:
    """A kill every `pause` seconds, one after the other; each comes back at once."""
    for victim in itertools.cycle(victims):
        with suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), pause)
            return
        process = victim if isinstance(victim, GatewayProcess) else victim.process
        await asyncio.to_thread(process.kill)
        await asyncio.to_thread(victim.start)
        seen.counts[f"kills of a {process.name}"] += 1


async def chaos(name: str, redis: RedisServer, folder: Path, *, seconds: float, pause: float) -> Seen:
    """The whole of it, through one proxy to two gateways on one store."""
    seen = Seen()
    stores = [
        namespace("records", "redis", addresses=[redis.address]),
        namespace("scanned", "redis", addresses=[redis.address]),
        namespace("events", "redis", "pubsub", addresses=[redis.address]),
    ]
    ports = [HeldPort(), HeldPort()]
    gateways = [
        GatewayProcess(
            {
                "gateway": {"listen": f"127.0.0.1:{port}", "heartbeat_interval": HEARTBEAT},
                "namespaces": [each | {"credentials": dict(redis.credentials())} for each in stores],
            },
            folder / f"gateway-{port}",
        )
        for port in ports
    ]
    async with AsyncExitStack() as stack:
        for gateway in gateways:
            stack.push_async_callback(asyncio.to_thread, gateway.stop)
            await asyncio.to_thread(gateway.start)
            await asyncio.to_thread(gateway.wait_until_served, "events")
        proxy = stack.enter_context(Proxy(name, [each.data for each in gateways], timeout=SILENCE))
        client = await stack.enter_async_context(Client(proxy.address, timeout=5))
        work = Work(client, seen)
        await work.prepare()
        ending = asyncio.Event()
        victims = [gateways[0], proxy, gateways[1], proxy]
        killing = asyncio.create_task(kill_in_turn(victims, pause, seen, ending))
        try:
            await work.go_on(seconds)
        finally:
            ending.set()
            await killing
        async with Client(gateways[0].data) as direct:
            await verify(direct, work, seen)
    return seen


async def main(name: str, seconds: float = 600, pause: float = 20) -> None:
    """By hand."""
    redis = RedisServer()
    await asyncio.to_thread(redis.start)
    try:
        with tempfile.TemporaryDirectory() as folder:
            seen = await chaos(name, redis, Path(folder), seconds=seconds, pause=pause)
    finally:
        await asyncio.to_thread(redis.kill)
    print(f"{name}, {seconds:g} s, a kill every {pause:g} s\n{seen.report()}")
    sys.exit(bool(seen.wrong))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(float, sys.argv[2:])))
