"""A rolling restart of two gateways behind a proxy, with the times of the Helm chart, under open load: what fails.

`python tests/e2e/rolling_restart.py PROXY [CALLS A SECOND]` prints what was seen.
"""

import asyncio
import itertools
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from gateways import GatewayProcess, namespace
from prism.acceptance.store.held_port import HeldPort
from prism.backends.redis.testing.server import RedisServer
from prism.client import Client, Gap, PrismError, QueueMessage
from prism.client.retry import RetryPolicy
from proxies import ROOT, Proxy

ONCE: Final = RetryPolicy(attempts=1)
"""Nothing is repeated: what fails is seen."""
_STEP: Final = 0.01
_RECORDS: Final = 40
_BEFORE: Final = 2.0
"""Seconds of load before the first restart, between the two and after the last."""
_CAUGHT_UP: Final = 60.0


@dataclass
class Seen:
    """What happened.

    Attributes:
        failed: calls, streams and messages that were not as they should be, in words.
        counts: of what went well.
        seconds: of load.
        restarts: how long each gateway took from SIGTERM to its end.
        phase: what happens now.
        proxy: what that has printed.
    """

    failed: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    restarts: list[float] = field(default_factory=list)
    phase: str = "both serve"
    proxy: str = ""

    def report(self) -> str:
        """To read."""
        rate = (self.counts["get"] + self.counts["put"]) / max(self.seconds, 1e-9)
        rows = [f"{number:9,}  {what}" for what, number in sorted(self.counts.items())]
        rows += [f"{rate:9,.0f}  unary calls a second, for {self.seconds:.0f} s"]
        rows += [f"{seconds:9.1f}  seconds from SIGTERM to the end of a gateway" for seconds in self.restarts]
        rows += [f"{number:9,}  FAILED {what}" for what, number in sorted(self.failed.items())]
        return "\n".join(rows)


def chart() -> dict[str, int]:
    """The times that the chart gives gateways."""
    values = yaml.safe_load((ROOT / "deploy" / "helm" / "prism" / "values.yaml").read_text())["gateway"]
    return {"shutdown_delay": values["shutdownDelay"], "drain_timeout": values["drainTimeout"]}


class Load:
    """Calls, streams, a subscription and consumers, through the proxy, until it is to end.

    Args:
        once: a client that repeats nothing.
        client: one whose subscription and consumers open their streams again, as applications have it.
    """

    def __init__(self, once: Client, client: Client, seen: Seen, rate: float) -> None:
        self._once = once
        self._client = client
        self._seen = seen
        self._rate = rate
        self._kv = once.keyvalue("records")
        self._scanned = once.keyvalue("scanned")
        self._ending = asyncio.Event()
        self._sent: set[bytes] = set()
        self._worked: Counter[bytes] = Counter()
        self._said: set[bytes] = set()
        self._heard: list[bytes] = []

    async def prepare(self) -> None:
        """What is read and scanned."""
        for number in range(_RECORDS):
            await self._scanned.put(f"r{number}", {b"%d" % item: b"v" for item in range(5)})

    async def run(self, restarts: Awaitable[None]) -> None:
        """All at once, while gateways are restarted; returns when consumers and subscription have had all."""
        worker = self._client.queue("work").worker("jobs", self._work, group="g", concurrency=16)
        working = asyncio.create_task(worker.run())
        listening = asyncio.create_task(self._listen())
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for task in (self._call(), self._scan(), self._publish(self._job), self._publish(self._event)):
                group.create_task(task)
            await restarts
            self._ending.set()
        self._seen.seconds = time.monotonic() - began
        over = time.monotonic() + _CAUGHT_UP
        while self._sent - self._worked.keys() or self._said - set(self._heard):
            await asyncio.sleep(0.05)
            if time.monotonic() < over:
                continue
            self._seen.failed["jobs never worked on"] += len(self._sent - self._worked.keys())
            self._seen.failed["events never heard"] += len(self._said - set(self._heard))
            break
        worker.stop()
        await working
        listening.cancel()
        self._seen.counts["jobs worked on"] = len(self._worked)
        self._seen.counts["jobs that came again"] = sum(self._worked.values()) - len(self._worked)
        self._seen.counts["events heard"] = len(set(self._heard))
        self._seen.failed["events heard twice"] += len(self._heard) - len(set(self._heard))
        self._seen.failed = +self._seen.failed

    def _when(self) -> str:
        return f" while {self._seen.phase}"

    async def _call(self) -> None:
        """Open load: calls begin when their time has come, however long others take."""
        calls: set[asyncio.Task[None]] = set()
        began, started = time.monotonic(), 0
        while not self._ending.is_set():
            due = int((time.monotonic() - began) * self._rate)
            due = min(
                due, started + int(self._rate * _STEP * 5)
            )  # what a busy machine has missed is not made up at once
            for number in range(started, due):
                task = asyncio.create_task(self._one(number))
                calls.add(task)
                task.add_done_callback(calls.discard)
            if due < (time.monotonic() - began) * self._rate - self._rate:
                began = time.monotonic() - due / self._rate
            started = due
            await asyncio.sleep(_STEP)
        await asyncio.gather(*calls)

    async def _one(self, number: int) -> None:
        what = "put" if number % 10 == 0 else "get"
        try:
            if what == "put":
                await self._kv.put(f"w{number % 1000}", {b"k": b"%d" % number})
            else:
                await self._scanned.get(f"r{number % _RECORDS}", b"1")
        except PrismError as error:
            self._seen.failed[f"{what}{self._when()}: {error}"] += 1
        else:
            self._seen.counts[what] += 1

    async def _scan(self) -> None:
        while not self._ending.is_set():
            try:
                found = 0
                async for chunk in self._scanned.scan_stream():
                    found += len(chunk.items)
                    await asyncio.sleep(0.02)
            except PrismError as error:
                self._seen.failed[f"scan{self._when()}: {error}"] += 1
                await asyncio.sleep(0.02)
            else:
                self._seen.counts["streams read to their end"] += 1
                self._seen.failed["streams that missed items"] += found != _RECORDS * 5

    async def _publish(self, publish: Callable[[bytes], Awaitable[None]]) -> None:
        for number in itertools.count():
            if self._ending.is_set():
                return
            try:
                await publish(b"%d" % number)
            except PrismError as error:
                self._seen.failed[f"publish{self._when()}: {error}"] += 1
            await asyncio.sleep(0.02)

    async def _job(self, payload: bytes) -> None:
        await self._once.queue("work").publish("jobs", payload)
        self._sent.add(payload)

    async def _event(self, payload: bytes) -> None:
        await self._once.pubsub("events").publish("t", payload)
        self._said.add(payload)

    async def _work(self, message: QueueMessage) -> None:
        self._worked[message.payload] += 1
        await asyncio.sleep(0.01)

    async def _listen(self) -> None:
        def on_gap(gap: Gap) -> None:
            self._seen.failed[f"gap: {gap.error}"] += 1

        async with self._client.pubsub("events").subscribe("t", start="earliest", on_gap=on_gap) as events:
            async for message in events:
                self._heard.append(message.payload)


async def rolled(name: str, redis: RedisServer, folder: Path, *, rate: float, times: dict[str, int]) -> Seen:
    """The whole of it."""
    seen = Seen()
    entries: list[dict[str, Any]] = [
        namespace("records", "redis", addresses=[redis.address]),
        namespace("scanned", "redis", addresses=[redis.address]),
        namespace("events", "redis", "pubsub", addresses=[redis.address]),
        namespace("work", "redis", "queue", addresses=[redis.address]),
    ]
    gateways = []
    for number in range(2):
        config = {
            "gateway": {"listen": f"127.0.0.1:{HeldPort()}", **times},
            "telemetry": {"listen": f"127.0.0.1:{HeldPort()}"},
            "namespaces": [each | {"credentials": dict(redis.credentials())} for each in entries],
        }
        gateways.append(GatewayProcess(config, folder / f"gateway-{number}"))

    async def restarts() -> None:
        for number, gateway in enumerate(gateways):
            await asyncio.sleep(_BEFORE)
            began = time.monotonic()
            seen.phase = f"gateway {number} stops"
            assert await asyncio.to_thread(gateway.stop) == 0, gateway.log
            seen.restarts.append(time.monotonic() - began)
            seen.phase = f"gateway {number} starts"
            await asyncio.to_thread(gateway.start)
            await asyncio.to_thread(gateway.wait_until_served, "work")
            seen.phase = "both serve"
            await asyncio.sleep(_BEFORE)  # a pod that is ready, and a check that has seen it

    async with AsyncExitStack() as stack:
        for gateway in gateways:
            stack.push_async_callback(asyncio.to_thread, gateway.stop)
            await asyncio.to_thread(gateway.start)
            await asyncio.to_thread(gateway.wait_until_served, "work")
        proxy = Proxy(name, [each.data for each in gateways], timeout=60, probes=[each.metrics for each in gateways])
        address = stack.enter_context(proxy).address
        once = await stack.enter_async_context(Client(address, retry=ONCE, timeout=30))
        client = await stack.enter_async_context(Client(address))
        await asyncio.sleep(_BEFORE)
        load = Load(once, client, seen, rate)
        await load.prepare()
        await load.run(restarts())
        seen.proxy = proxy.process.log
    return seen


async def main(name: str, rate: float = 2000) -> None:
    """By hand."""
    redis = RedisServer()
    await asyncio.to_thread(redis.start)
    try:
        with tempfile.TemporaryDirectory() as folder:
            seen = await rolled(name, redis, Path(folder), rate=rate, times=chart())
    finally:
        await asyncio.to_thread(redis.kill)
    print(f"{name}, {rate:g} calls a second, {chart()}\n{seen.report()}")
    if seen.failed:
        print(seen.proxy)
    sys.exit(bool(seen.failed))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(float, sys.argv[2:])))
