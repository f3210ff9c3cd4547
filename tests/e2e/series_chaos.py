"""A program that appends events as fast as it is asked to, follows them, and disturbs the gateway between the two.

What was acknowledged stands in a ledger of the program's own. The stream has `dedup`, so what ends in UNKNOWN is sent
again until it is answered.
"""

import asyncio
import collections
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from e2e.test_plugin_chaos import reload
from gateways import GatewayProcess
from prism.acceptance.run.gateway_process import NotServing
from prism.acceptance.store.held_port import HeldPort
from prism.client import Client, Event, PrismError, RetryPolicy

STREAM, WRITERS, BATCH = "ticks", 4, 250
HASTY = RetryPolicy(attempts=1)
PATIENCE = 120.0


@dataclass(slots=True)
class Ledger:
    """What the writers were promised and the followers were given.

    Attributes:
        acknowledged: how many events of each writer, in their order.
        given: by each follower, how often each event came.
        gaps: how often one was told of a gap.
    """

    acknowledged: collections.Counter[int] = field(default_factory=collections.Counter)
    given: list[collections.Counter[str]] = field(default_factory=list)
    gaps: int = 0

    @property
    def count(self) -> int:
        """Events that were acknowledged."""
        return self.acknowledged.total()

    def ids(self) -> set[str]:
        """Theirs."""
        return {f"{writer}-{number}" for writer, count in self.acknowledged.items() for number in range(count)}


@dataclass(frozen=True, slots=True)
class Report:
    """How it went."""

    events: int
    rate: float
    disturbances: int
    lost: Sequence[int]
    doubled: Sequence[int]
    ghosts: Sequence[int]
    gaps: int

    def check(self) -> None:
        """Each event once, to each follower."""
        assert not any((*self.lost, *self.doubled, *self.ghosts, self.gaps)), self


async def run(
    entry: dict[str, Any], folder: Path, rate: int, disturbances: int, pause: float, followers: int = 2
) -> Report:
    """Appends at a rate while the gateway is reloaded and killed and followers connect anew, in turns."""
    loop = asyncio.get_running_loop()
    gateway = GatewayProcess({"gateway": {"listen": f"127.0.0.1:{HeldPort()}"}, "namespaces": [entry]}, folder)
    await _start(gateway)
    ledger, stopping = Ledger(given=[collections.Counter() for _ in range(followers)]), asyncio.Event()
    hang_up = [asyncio.Event() for _ in range(followers)]
    try:
        await asyncio.to_thread(gateway.wait_until_served, entry["name"])
        async with Client(gateway.data, retry=HASTY) as prism, asyncio.TaskGroup() as tasks:
            await prism.timeseries(entry["name"]).create(STREAM, {"n": "int64"}, dedup=True)
            begun = loop.time()
            following = [
                tasks.create_task(_follow(gateway.data, entry["name"], ledger, number, hang_up[number]))
                for number in range(followers)
            ]
            writing = [
                tasks.create_task(_write(gateway.data, entry["name"], ledger, writer, rate // WRITERS, stopping))
                for writer in range(WRITERS)
            ]
            turns: Sequence[Callable[[], Awaitable[Any]]] = (
                lambda: reload(gateway, entry["name"]),
                lambda: _kill(gateway),
                lambda: _hang_up(hang_up),
            )
            for turn in range(disturbances):
                await asyncio.sleep(pause)
                await turns[turn % len(turns)]()
            await asyncio.sleep(pause)
            stopping.set()
            await asyncio.gather(*writing)
            seconds = loop.time() - begun
            expected = ledger.ids()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    while not all(expected <= given.keys() for given in ledger.given):  # noqa: ASYNC110  # many write
                        await asyncio.sleep(0.1)
            for task in following:
                task.cancel()
    finally:
        await asyncio.to_thread(gateway.stop)
    return Report(
        events=len(expected),
        rate=round(len(expected) / seconds),
        disturbances=disturbances,
        lost=[len(expected - given.keys()) for given in ledger.given],
        doubled=[sum(1 for count in given.values() if count > 1) for given in ledger.given],
        ghosts=[len(given.keys() - expected) for given in ledger.given],
        gaps=ledger.gaps,
    )


async def _start(gateway: GatewayProcess) -> None:
    """Again and again where the machine is busy, as an orchestrator would."""
    while True:
        with contextlib.suppress(NotServing):
            await asyncio.to_thread(gateway.start)
            return


async def _kill(gateway: GatewayProcess) -> None:
    await asyncio.to_thread(gateway.kill)
    await _start(gateway)


async def _hang_up(events: Sequence[asyncio.Event]) -> None:
    for each in events:
        each.set()


async def _write(address: str, namespace: str, ledger: Ledger, writer: int, rate: int, stopping: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    number, due = 0, loop.time()
    async with Client(address, retry=HASTY) as prism:
        series = prism.timeseries(namespace)
        while not stopping.is_set():
            now = datetime.now(UTC)
            events = [
                Event(now - timedelta(microseconds=place), {"n": place}, b"", f"{writer}-{place}")
                for place in range(number, number + BATCH)
            ]
            while True:
                try:
                    await series.append(STREAM, events, timeout=5)
                    break
                except PrismError:
                    await asyncio.sleep(0.05)
            number += BATCH
            ledger.acknowledged[writer] = number
            due = max(due + BATCH / rate, loop.time() - 1.0)
            await asyncio.sleep(max(0.0, due - loop.time()))


async def _follow(address: str, namespace: str, ledger: Ledger, place: int, hang_up: asyncio.Event) -> None:
    """Goes on until it is cancelled; where it is told to it hangs up at a position, and connects anew there."""
    given, position = ledger.given[place], b""

    def gap() -> None:
        ledger.gaps += 1

    while True:
        async with Client(address) as prism:
            with contextlib.suppress(PrismError):
                events = prism.timeseries(namespace).tail(STREAM, after=position, on_gap=gap, outage_timeout=PATIENCE)
                async with contextlib.aclosing(events):
                    async for event in events:
                        given[event.event_id] += 1
                        position = event.position or position
                        if event.position and hang_up.is_set():
                            hang_up.clear()
                            break
        await asyncio.sleep(0.02)
