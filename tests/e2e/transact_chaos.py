"""Rows and their messages whose gateway, plugin and store are killed under writers, judged by a ledger of its own: a
row and its message are there both or neither, each message is relayed once, of each key in the order of its commits.

    python -m e2e.transact_chaos [WRITES] [KILLS] [STORE_KILLS] [sqlite|postgres]
"""

import asyncio
import collections
import json
import random
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from e2e.queue_chaos import HASTY, _kill
from e2e.test_plugins import children_of, sidecar
from gateways import GatewayProcess
from prism.acceptance.run.gateway_process import NotServing
from prism.acceptance.store.held_port import HeldPort
from prism.client import Client, Mail, Outcome, PrismError, Transact, insert

if TYPE_CHECKING:
    from prism.backends.postgres.testing import PostgresServer

WRITERS = 8
TABLE = "CREATE TABLE orders (id bigint PRIMARY KEY, writer bigint NOT NULL)"
BOX, AUDITOR, GROUP = "orders", "auditor", "all"


class Stage(Protocol):
    """Where the rows are kept."""

    def entries(self) -> list[dict[str, Any]]:
        """The namespaces `shop` and `work`; the former's plugin is a sidecar."""

    async def kill_store(self, gateway: GatewayProcess) -> None:
        """Kills the store, and has it serve again."""

    async def rows(self) -> list[int]:
        """The ids of the rows that are there."""


@dataclass(frozen=True, slots=True)
class Sqlite:
    """A file; who writes it is killed, and the gateway at the same moment."""

    folder: Path

    def entries(self) -> list[dict[str, Any]]:
        """Files of their own."""
        tables = self.folder / "tables.db"
        with closing(sqlite3.connect(tables)) as connection:
            connection.execute(TABLE)
        shop = sidecar("shop", "sqlite", path=str(self.folder / "shop.db"), tables=str(tables))
        work = sidecar("work", "sqlite", path=str(self.folder / "work.db"))
        return [shop | {"abstraction": "transact"}, work | {"abstraction": "queue"}]

    async def kill_store(self, gateway: GatewayProcess) -> None:
        """Both at once."""
        _kill(children_of(gateway.pid))
        await asyncio.to_thread(gateway.kill)
        await _start(gateway)

    async def rows(self) -> list[int]:
        """Read by SQLite itself."""
        with closing(sqlite3.connect(self.folder / "tables.db")) as connection:
            return [number for (number,) in connection.execute("SELECT id FROM orders")]


@dataclass(slots=True)
class Postgres:
    """A server of its own, whose processes are all killed at once."""

    server: "PostgresServer"
    url: str = ""

    def entries(self) -> list[dict[str, Any]]:
        """A database of its own."""
        self.url = self.server.create_database()
        self.server.execute(TABLE, url=self.url)
        options = {"collections": {"orders": {}}}
        shop = sidecar("shop", "postgres", connection_string=self.url, transact=options)
        work = sidecar("work", "postgres", connection_string=self.url, schema="work")
        return [shop | {"abstraction": "transact"}, work | {"abstraction": "queue"}]

    async def kill_store(self, gateway: GatewayProcess) -> None:
        """The gateway stays, and finds it again."""
        await asyncio.to_thread(self.server.kill)
        await asyncio.to_thread(self.server.start)

    async def rows(self) -> list[int]:
        """Read by a client of PostgreSQL."""
        found = await asyncio.to_thread(self.server.execute, "SELECT id FROM orders", url=self.url)
        return [row[0] for row in found]


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
    """How it went; lists hold ids."""

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
    seconds: float

    def check(self) -> None:
        """Both or neither, none lost, none twice, in order."""
        faults = {
            name: list(getattr(self, name))
            for name in (
                "lost", "ghosts", "rows_without_message", "messages_without_row", "not_relayed", "relayed_twice",
                "out_of_order",
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
    await _start(gateway)
    ledger, begun = Ledger(), loop.time()
    try:
        for namespace in ("shop", "work"):
            await asyncio.to_thread(gateway.wait_until_served, namespace)
        async with Client(gateway.data, retry=HASTY) as prism, asyncio.TaskGroup() as tasks:
            shop = prism.transact("shop")
            await shop.ack(BOX, AUDITOR, 0)
            for writer in range(WRITERS):
                tasks.create_task(_write(shop, ledger, writer, range(writer, writes, WRITERS)))
            await _kill_by_chance(stage, gateway, ledger, writes, kills, store_kills, random.Random(seed))
        async with Client(gateway.data) as prism:
            shop = prism.transact("shop")
            mails = [int(each.payload) async for each in shop.read(BOX, reader=AUDITOR)]
            await _relayed(shop)
            relayed = await _consumed(prism, len(mails))
        rows = await stage.rows()
    finally:
        await asyncio.to_thread(gateway.stop)
    counts = collections.Counter(number for number, _ in relayed)
    keys: dict[str, list[int]] = {}
    for number, key in relayed:
        keys.setdefault(key, []).append(number)
    mailed, there = collections.Counter(mails), set(rows)
    return Report(
        writes, kills, store_kills, len(ledger.acknowledged), len(ledger.not_applied), len(ledger.unknown), len(rows),
        lost=sorted(ledger.acknowledged - there),
        ghosts=sorted(ledger.not_applied & there),
        rows_without_message=sorted(there - set(mailed)),
        messages_without_row=sorted((set(mailed) - there) | {number for number, times in mailed.items() if times > 1}),
        not_relayed=sorted(set(mailed) - set(counts)),
        relayed_twice=sorted(number for number, times in counts.items() if times > 1),
        out_of_order=sorted(key for key, numbers in keys.items() if numbers != sorted(numbers)),
        seconds=round(loop.time() - begun, 1),
    )  # fmt: skip


async def _start(gateway: GatewayProcess) -> None:
    """Again and again where the machine is so busy that a start takes half a minute, as an orchestrator would."""
    while True:
        with suppress(NotServing):
            await asyncio.to_thread(gateway.start)
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
            await _start(gateway)
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


async def _consumed(prism: Client, count: int) -> list[tuple[int, str]]:
    """All that the queue has, in its order by key."""
    found: list[tuple[int, str]] = []
    queue = prism.queue("work")
    while True:
        messages = await queue.receive(BOX, group=GROUP, limit=1000, wait=1.0 if len(found) >= count else 10.0)
        if not messages and len(found) >= count:
            return found
        found += [(int(each.payload), each.ordering_key) for each in messages]
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
