"""Where rows and their messages are kept while `e2e.transact_chaos` kills, and how each store is killed."""

import asyncio
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from e2e.queue_chaos import _kill
from e2e.test_plugins import children_of, sidecar
from gateways import GatewayProcess
from prism.acceptance.run.gateway_process import NotServing

if TYPE_CHECKING:
    from prism.backends.postgres.testing import PostgresServer

TABLE = "CREATE TABLE orders (id bigint PRIMARY KEY, writer bigint NOT NULL)"


class Stage(Protocol):
    """Where the rows are kept.

    Attributes:
        shards: of the mailbox.
    """

    @property
    def shards(self) -> int: ...

    def entries(self) -> list[dict[str, Any]]:
        """The namespaces `shop` and `work`; the former's plugin is a sidecar."""

    async def kill_store(self, gateway: GatewayProcess) -> None:
        """Kills the store, and has it serve again."""

    async def rows(self) -> list[int]:
        """The ids of the rows that are there."""

    async def queued(self) -> list[int]:
        """What the queue has, in the order in which it took it."""


@dataclass(frozen=True, slots=True)
class Sqlite:
    """A file; who writes it is killed, and the gateway at the same moment."""

    folder: Path
    shards: int = 1

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
        await started(gateway)

    async def rows(self) -> list[int]:
        """Read by SQLite itself."""
        with closing(sqlite3.connect(self.folder / "tables.db")) as connection:
            return [number for (number,) in connection.execute("SELECT id FROM orders")]

    async def queued(self) -> list[int]:
        """Read by SQLite itself."""
        with closing(sqlite3.connect(self.folder / "work.db")) as connection:
            return [int(each) for (each,) in connection.execute("SELECT payload FROM queue_message ORDER BY seq")]


@dataclass(slots=True)
class Postgres:
    """A server of its own, whose processes are all killed at once."""

    server: "PostgresServer"
    url: str = ""
    shards: int = 4

    def entries(self) -> list[dict[str, Any]]:
        """A database of its own."""
        self.url = self.server.create_database()
        self.server.execute(TABLE, url=self.url)
        options = {"collections": {"orders": {}}, "create": False}  # the mailbox is made with its shards
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

    async def queued(self) -> list[int]:
        """Read by a client of PostgreSQL."""
        select = "SELECT payload FROM work.queue_log ORDER BY seq"
        return [int(row[0]) for row in await asyncio.to_thread(self.server.execute, select, url=self.url)]


async def started(gateway: GatewayProcess) -> None:
    """Again and again where the machine is so busy that a start takes half a minute, as an orchestrator would."""
    while True:
        with suppress(NotServing):
            await asyncio.to_thread(gateway.start)
            return
