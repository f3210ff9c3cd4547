"""Rows and their messages whose gateway, plugin and store are killed under writers, judged by a ledger of its own: a
row and its message are there both or neither; each message is relayed, once, of each shard in the order of its commits;
and a reader that goes on behind the last sequence that it has seen misses none.

    python -m e2e.transact_chaos [WRITES] [KILLS] [STORE_KILLS] [sqlite|postgres]
"""

import asyncio
import collections
import json
import random
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from e2e.queue_chaos import HASTY, _kill
from e2e.test_plugins import children_of
from e2e.transact_stages import Postgres, Sqlite, Stage, started
from gateways import GatewayProcess
from prism.acceptance.store.held_port import HeldPort
from prism.client import Client, Mail, Outcome, PrismError, Transact, insert

WRITERS = 64
BOX, AUDITOR, GROUP = "orders", "auditor", "all"


@dataclass(slots=True)
class Ledger:
    """What the writers were promised.

    Attributes:
        acknowledged: ids whose write was answered.
        not_applied: ids whose only write failed with NOT_APPLIED.
        unknown: ids whose write ended in UNKNOWN, and was not repeated.
    """

    acknowledged: set[int] = field(default_factory=set)
    not_applied: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def done(self) -> int:
        """How many have an end."""
        return len(self.acknowledged) + len(self.not_applied) + len(self.unknown)

    async def until(self, done: int) -> None:
        """Waits until so many have an end."""
        while self.done < done:
            self.changed.clear()
            await self.changed.wait()


@dataclass(frozen=True, slots=True)
class Report:
    """How it went; lists hold ids.

    Attributes:
        writes: how many there were, each of which is acknowledged, not applied, or unknown.
        kills: of gateway and plugin.
        store_kills: of the store.
        acknowledged: how many were answered.
        not_applied: how many failed with that outcome.
        unknown: how many failed with that one, and were not repeated.
        rows: how many are there.
        lost: acknowledged, and not there.
        ghosts: not applied, and there.
        rows_without_message: that.
        messages_without_row: that, or more than one message of a row.
        not_relayed: in the mailbox, and not in the queue.
        relayed_twice: more than once in the queue.
        out_of_order: shards whose messages the queue has in another order than the mailbox; and writers whose
            acknowledged writes the mailbox has in another order than theirs.
        missed: in the mailbox, and not seen by the readers that resume by sequence.
        read_again: seen by them twice, or behind one of a higher sequence.
        consumed_otherwise: what a consumer of the queue got, of each key, is not what the queue took.
        seconds: it took.
    """

    writes: int
    kills: int
    store_kills: int
    acknowledged: int
    not_applied: int
    unknown: int
    rows: int
    lost: Sequence[int]
    ghosts: Sequence[int]
    rows_without_message: Sequence[int]
    messages_without_row: Sequence[int]
    not_relayed: Sequence[int]
    relayed_twice: Sequence[int]
    out_of_order: Sequence[str]
    missed: Sequence[int]
    read_again: Sequence[int]
    consumed_otherwise: Sequence[int]
    seconds: float

    def check(self) -> None:
        """Both or neither, none lost, none twice, in order."""
        faults = {
            name: list(getattr(self, name))
            for name in (
                "lost", "ghosts", "rows_without_message", "messages_without_row", "not_relayed", "relayed_twice",
                "out_of_order", "missed", "read_again", "consumed_otherwise",
            )
        }  # fmt: skip
        assert not any(faults.values()), faults
        assert self.acknowledged + self.not_applied + self.unknown == self.writes


async def run(stage: Stage, folder: Path, writes: int, kills: int, store_kills: int, seed: int = 0) -> Report:
    """Writes so many rows with a message each, kills meanwhile, and compares rows, mailbox and queue."""
    loop = asyncio.get_running_loop()
    relay = {"mailbox": f"shop/{BOX}", "to": f"work/{BOX}", "lease": 1.0}
    config = {
        "gateway": {"listen": f"127.0.0.1:{HeldPort()}"}, "namespaces": stage.entries(), "relays": [relay],
    }  # fmt: skip
    gateway = GatewayProcess(config, folder)
    await started(gateway)
    ledger, begun = Ledger(), loop.time()
    followed: list[list[tuple[int, int]]] = [[] for _ in range(stage.shards)]
    try:
        for namespace in ("shop", "work"):
            await asyncio.to_thread(gateway.wait_until_served, namespace)
        async with Client(gateway.data, retry=HASTY) as prism:
            shop = prism.transact("shop")
            await shop.create_mailbox(BOX, shards=stage.shards)
            await shop.ack(BOX, AUDITOR, 0)
            over = asyncio.Event()
            async with asyncio.TaskGroup() as followers:
                for shard, seen in enumerate(followed):
                    followers.create_task(_follow(shop, shard, seen, over))
                async with asyncio.TaskGroup() as tasks:
                    for writer in range(WRITERS):
                        tasks.create_task(_write(shop, ledger, writer, range(writer, writes, WRITERS)))
                    await _kill_by_chance(stage, gateway, ledger, writes, kills, store_kills, random.Random(seed))
                over.set()
            mailed = [
                [int(each.payload) async for each in shop.read(BOX, shard=shard, reader=AUDITOR)]
                for shard in range(stage.shards)
            ]
            await _relayed(shop)
            queued = await stage.queued()
            consumed = await _consumed(prism, len(queued))
        rows = await stage.rows()
    finally:
        await asyncio.to_thread(gateway.stop)
    report = _judged(ledger, mailed, followed, queued, consumed, rows)
    return Report(
        writes, kills, store_kills, len(ledger.acknowledged), len(ledger.not_applied), len(ledger.unknown), len(rows),
        **report, seconds=round(loop.time() - begun, 1),
    )  # fmt: skip


def _judged(
    ledger: Ledger,
    mailed: Sequence[Sequence[int]],
    followed: Sequence[Sequence[tuple[int, int]]],
    queued: Sequence[int],
    consumed: Sequence[int],
    rows: Sequence[int],
) -> dict[str, Sequence[Any]]:
    """The faults.

    Args:
        ledger: what the writers were promised.
        mailed: what the mailbox has, by shard.
        followed: what the readers have seen, by shard, with its sequence.
        queued: what the queue has, in the order in which it took it.
        consumed: what its consumer got, in its order.
        rows: what the table has.
    """
    there = set(rows)
    mails = collections.Counter(number for shard in mailed for number in shard)
    relayed = collections.Counter(queued)
    out_of_order = []
    for index, shard in enumerate(mailed):
        within = set(shard)
        if _once(number for number in queued if number in within) != _once(shard):
            out_of_order.append(f"shard {index}")
        by_writer = _by_writer(number for number in shard if number in ledger.acknowledged)
        out_of_order += [f"writer {who}" for who, numbers in by_writer.items() if numbers != sorted(numbers)]
    missed, again = [], []
    for shard, seen in zip(mailed, followed, strict=True):
        missed += sorted(set(shard) - {number for _, number in seen})
        sequences = [sequence for sequence, _ in seen]
        again += [number for (sequence, number), last in zip(seen[1:], sequences, strict=False) if sequence <= last]
    took, got = _by_writer(_once(queued)), _by_writer(consumed)
    return {
        "lost": sorted(ledger.acknowledged - there),
        "ghosts": sorted(ledger.not_applied & there),
        "rows_without_message": sorted(there - set(mails)),
        "messages_without_row": sorted((set(mails) - there) | {each for each, times in mails.items() if times > 1}),
        "not_relayed": sorted(set(mails) - set(relayed)),
        "relayed_twice": sorted(each for each, times in relayed.items() if times > 1),
        "out_of_order": out_of_order,
        "missed": missed,
        "read_again": again,
        "consumed_otherwise": sorted(each for each in took.keys() | got.keys() if took.get(each) != got.get(each)),
    }


def _once(numbers: Iterable[int]) -> list[int]:
    """Each the first time that it is there: what is there twice is a fault of its own."""
    return list(dict.fromkeys(numbers))


def _by_writer(numbers: Iterable[int]) -> dict[int, list[int]]:
    """By their ordering key."""
    found: dict[int, list[int]] = {}
    for number in numbers:
        found.setdefault(number % WRITERS, []).append(number)
    return found


async def _follow(shop: Transact, shard: int, seen: list[tuple[int, int]], over: asyncio.Event) -> None:
    """Reads a shard as it grows, and goes on behind the last sequence whatever happens, until all is written."""
    while True:
        last = over.is_set()
        after, before = seen[-1][0] if seen else 0, len(seen)
        try:
            async for each in shop.read(BOX, shard=shard, after=after, wait=0.5, timeout=20):
                seen.append((each.sequence, int(each.payload)))  # noqa: PERF401 - kept also where it breaks off
        except PrismError:
            await asyncio.sleep(0.05)
        else:
            if last and len(seen) == before:
                return


async def _write(shop: Transact, ledger: Ledger, writer: int, numbers: range) -> None:
    """Half of them under a key, again and again until they are answered; the others once."""
    for number in numbers:
        change = insert("orders", {"id": number, "writer": writer})
        mail = [Mail(BOX, b"%d" % number, f"w{writer}")]
        keyed = number // WRITERS % 2 == 0
        while True:
            try:
                await shop.write(change, mail=mail, idempotency_key=f"k{number}" if keyed else "", timeout=5)
            except PrismError as error:
                if not keyed:
                    (ledger.not_applied if error.outcome is Outcome.NOT_APPLIED else ledger.unknown).add(number)
                    await asyncio.sleep(0.02)
                    break
                await asyncio.sleep(0.05)
            else:
                ledger.acknowledged.add(number)
                break
        ledger.changed.set()


async def _kill_by_chance(
    stage: Stage, gateway: GatewayProcess, ledger: Ledger, writes: int, kills: int, store_kills: int,
    chance: random.Random,
) -> None:  # fmt: skip
    """At even distances of what is done, the store among them by chance."""
    turns = [False] * kills + [True] * store_kills
    chance.shuffle(turns)
    for number, store in enumerate(turns, 1):
        await ledger.until(writes * number // (len(turns) + 1))
        if store:
            await stage.kill_store(gateway)
        elif chance.random() < 0.5:
            await asyncio.to_thread(gateway.kill)
            await started(gateway)
        else:
            _kill(children_of(gateway.pid))


async def _relayed(shop: Transact) -> None:
    """Waits until the relay has passed all."""
    while True:
        with suppress(PrismError):
            readers = (await shop.describe_mailbox(BOX)).readers
            if any(each.name == "relay" and not each.behind for each in readers):
                return
        await asyncio.sleep(0.2)


async def _consumed(prism: Client, count: int) -> list[int]:
    """All that the queue has, as a consumer gets it."""
    found: list[int] = []
    queue = prism.queue("work")
    while True:
        messages = await queue.receive(BOX, group=GROUP, limit=1000, wait=1.0 if len(found) >= count else 10.0)
        found += [int(each.payload) for each in messages]
        await queue.acknowledge(BOX, GROUP, messages)
        if not messages:
            return found


def _stage(store: str, folder: Path, stack: ExitStack) -> Stage:
    if store == "postgres":
        from prism.backends.postgres.testing import PostgresServer, memory

        return Postgres(stack.enter_context(PostgresServer(within=memory())))
    return Sqlite(folder)


async def _main(writes: str = "50000", kills: str = "100", store_kills: str = "20", store: str = "postgres") -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        stage = _stage(store, Path(folder), stack)
        report = await run(stage, Path(folder), int(writes), int(kills), int(store_kills))
    print(json.dumps(asdict(report), indent=2))  # a script
    report.check()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
