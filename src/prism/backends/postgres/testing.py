"""PostgreSQL for tests: the servers, and one as the acceptance kit wants it."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

from prism.acceptance.store.backend import SMALL_PUBSUB, SMALL_SERIES, Fault
from prism.acceptance.store.tables import READER, statements
from prism.backends.postgres.testing_installation import (
    ATTACH_VARIABLE,
    VERSION_VARIABLE,
    ServerMissing,
    binaries,
    memory,
)
from prism.backends.postgres.testing_server import PostgresServer, RunningServer
from prism.backends.postgres.testing_standby import StandbyServer

__all__ = [
    "ATTACH_VARIABLE",
    "VERSION_VARIABLE",
    "PostgresServer",
    "PostgresTestBackend",
    "RunningServer",
    "ServerMissing",
    "StandbyServer",
    "binaries",
    "find_server",
    "memory",
]

_END_SESSIONS = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1"
_REFUSAL = (
    """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'refused for a test' USING ERRCODE = '{condition}'; END $$""",
    *(
        f"CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON prism.{table} EXECUTE FUNCTION refuse()"
        for table in ("items", "cache", "queue_log", "queue_entry", "pubsub_log", "mailbox_message", "graph_node")
    ),
)
_CONDITIONS: Mapping[Fault, str] = {
    "full": "disk_full",
    "conflict": "serialization_failure",
    "damaged": "data_corrupted",
}

_OWNER = """DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'prism_sql') THEN
        CREATE ROLE prism_sql LOGIN PASSWORD 'its-own';
    END IF;
END $$"""
_OPTIONS: Mapping[str, object] = {
    "pubsub": dict(SMALL_PUBSUB),
    "reader": dict(READER),
    "timeseries": dict(SMALL_SERIES),
    "transact": {
        "collections": {"accounts": {}, "Entries": {"table": "public.Entries"}, "rich": {}},
        "idle_timeout": 2.0,
        "max_interactive": 2,
    },
}

ATTACHED = "the server that PRISM_TEST_POSTGRES_URL names may be shared"


def find_server(within: Path | None = None) -> RunningServer:
    """The server that PRISM_TEST_POSTGRES_URL names, else one of one's own, in a directory there.

    Raises:
        ServerMissing: neither is there.
    """
    url = os.environ.get(ATTACH_VARIABLE)
    return RunningServer(url) if url else PostgresServer(within=within)


class PostgresTestBackend:
    """`prism.acceptance.TestBackend`: a database for each place on a server of its own, or on one that already runs."""

    def __init__(self) -> None:
        self._server: RunningServer | None = None
        self._places: dict[str, str] = {}
        self._found: dict[str, str] = {}

    @property
    def lacks(self) -> Mapping[str, str]:
        """A server that was attached is not broken."""
        if isinstance(self._server, PostgresServer):
            return {}
        broken = ("rotate_credentials", "kill", "pause", "disconnect", "read_only", *_CONDITIONS)
        return dict.fromkeys(broken, ATTACHED)

    async def start(self) -> None:
        """Starts or attaches it; after `kill` on the data that it had.

        Raises:
            ServerMissing: PostgreSQL is not installed, and no server was named.
        """
        if self._server is None:
            self._server = find_server(memory())
        await asyncio.to_thread(self._server.start)

    async def stop(self) -> None:
        """Ends it; of an attached one only the databases made here."""
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)
            self._server = None
            self._places.clear()
            self._found.clear()

    async def reset(self) -> None:
        """Drops the databases."""
        await asyncio.to_thread(self.server.reset)
        self._places.clear()
        self._found.clear()

    async def connection_config(self, place: str = "main") -> Mapping[str, object]:
        """A database for that place."""
        if place not in self._places:
            url = urlsplit(await asyncio.to_thread(self.server.create_database))
            self._places[place] = urlunsplit(url._replace(netloc=url.netloc.rpartition("@")[2]))
            for statement in statements("bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"):
                await asyncio.to_thread(self.server.execute, statement, url=urlunsplit(url))
        return {"connection_string": self._places[place], **await self._sql(place), **_OPTIONS}

    async def _sql(self, place: str, port: int | None = None) -> Mapping[str, object]:
        """Another database for that place, for callers' own statements; by way of a proxy where there is a port."""
        if place not in self._found:
            made = await asyncio.to_thread(self.server.create_database)
            self._found[place] = await asyncio.to_thread(self._given_away, made)
        url = urlsplit(self._found[place])
        if port is not None:
            url = url._replace(netloc=f"{url.netloc.rpartition('@')[0]}@127.0.0.1:{port}")
        return {"sql": "write", "sql_connection_string": urlunsplit(url)}

    def _given_away(self, url: str) -> str:
        """The database belongs to a role that is no superuser, and keeps its password where others rotate."""
        name = urlsplit(url).path[1:]
        self.server.execute(_OWNER)
        self.server.execute(f'ALTER DATABASE "{name}" OWNER TO prism_sql')
        self.server.execute("ALTER SCHEMA public OWNER TO prism_sql", url=url)
        where = urlsplit(url)
        return urlunsplit(where._replace(netloc=f"prism_sql:its-own@{where.netloc.rpartition('@')[2]}"))

    async def execute(self, place: str, *given: str) -> list[tuple[object, ...]]:
        """Runs statements as another program would."""
        await self.connection_config(place)
        connection = await asyncpg.connect(self._url(urlsplit(self._places[place]).path[1:]))
        try:
            async with connection.transaction():
                for statement in given:
                    rows = await connection.fetch(statement)
        finally:
            await connection.close()
        return [tuple(row) for row in rows]

    @property
    def address(self) -> tuple[str, int]:
        """Where the server listens."""
        url = urlsplit(self.server.url)
        return url.hostname or "localhost", url.port or 5432

    async def connection_through(self, port: int, place: str = "main") -> Mapping[str, object]:
        """The database for that place, by way of a proxy."""
        await self.connection_config(place)
        url = urlsplit(self._places[place])
        through = urlunsplit(url._replace(netloc=f"127.0.0.1:{port}"))
        return {"connection_string": through, **await self._sql(place, port), **_OPTIONS}

    def credentials(self) -> Mapping[str, str]:
        """The account that owns the databases."""
        url = urlsplit(self.server.url)
        return {
            name: unquote(value) for name, value in (("username", url.username), ("password", url.password)) if value
        }

    async def rotate_credentials(self) -> None:
        """Gives the account another password; sessions that stand stay as they are."""
        await asyncio.to_thread(self.own.change_password)

    async def kill(self) -> None:
        """Ends every process of it at once."""
        await asyncio.to_thread(self.own.kill)

    async def pause(self) -> None:
        """Stops every process of it by a signal."""
        await asyncio.to_thread(self.own.pause)

    async def resume(self) -> None:
        """Lets them go on."""
        await asyncio.to_thread(self.own.resume)

    async def disconnect(self) -> None:
        """Terminates every session but the one that does it."""
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename <> ''"
        await asyncio.to_thread(self.own.execute, end)

    async def break_(self, fault: Fault) -> None:
        """Read-only by the databases' default; else by a trigger that raises what PostgreSQL raises then."""
        for url in self._places.values():
            await asyncio.to_thread(self._break, urlsplit(url).path[1:], fault)

    async def mend(self) -> None:
        """Takes both away."""
        for url in self._places.values():
            await asyncio.to_thread(self._mend, urlsplit(url).path[1:])

    def _break(self, database: str, fault: Fault) -> None:
        if fault == "read_only":
            self.own.execute(f'ALTER DATABASE "{database}" SET default_transaction_read_only = on')
            self.own.execute(_END_SESSIONS, database)
            return
        for statement in _REFUSAL:
            self.own.execute(statement.format(condition=_CONDITIONS[fault]), url=self._url(database))

    def _mend(self, database: str) -> None:
        self.own.execute(f'ALTER DATABASE "{database}" RESET default_transaction_read_only')
        self.own.execute(_END_SESSIONS, database)
        self.own.execute("DROP FUNCTION IF EXISTS refuse CASCADE", url=self._url(database))

    def _url(self, database: str) -> str:
        return urlunsplit(urlsplit(self.server.url)._replace(path=f"/{database}"))

    @property
    def server(self) -> RunningServer:
        """The server itself, for tests of what is PostgreSQL's alone."""
        if self._server is None:
            raise RuntimeError("the test store has not been started: call start() first")
        return self._server

    @property
    def own(self) -> PostgresServer:
        """The server, where it is this object's own and may be broken."""
        if isinstance(self._server, PostgresServer):
            return self._server
        raise RuntimeError(ATTACHED)
