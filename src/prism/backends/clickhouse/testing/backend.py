"""ClickHouse for tests, as the acceptance kit wants it."""

import asyncio
import os
import re
import secrets
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from prism.acceptance.store.backend import SMALL_SERIES, Fault
from prism.backends.clickhouse.testing.engine import Engine

ATTACH_VARIABLE: Final = "PRISM_TEST_CLICKHOUSE_URL"
ATTACHED: Final = f"the server that {ATTACH_VARIABLE} names may be shared"


class ClickHouseTestBackend:
    """`prism.acceptance.TestBackend`: ClickHouse's engine on a folder of its own, or a server that runs already."""

    def __init__(self) -> None:
        self._url = urlsplit(os.environ.get(ATTACH_VARIABLE, ""))
        self._engine: Engine | None = None
        self._resets = 0
        self._token = secrets.token_hex(4)

    @property
    def lacks(self) -> Mapping[str, str]:
        """A server that was attached is not broken."""
        lacks = {
            "disconnect": "the listener has no command for it; the tests cut connections by a proxy",
            "full": "the engine has no limit of its own",
            "conflict": "ClickHouse has no transactions that could be in conflict",
            "damaged": "ClickHouse looks at what it has stored when it starts",
        }
        if self._url.hostname:
            return lacks | dict.fromkeys(("rotate_credentials", "kill", "pause", "read_only"), ATTACHED)
        return lacks

    @property
    def engine(self) -> Engine:
        """The engine, once it was started."""
        if self._engine is None:
            raise RuntimeError("the store has not been started")
        return self._engine

    async def start(self) -> None:
        """Starts it; after `kill` on the data that it had.

        Raises:
            StoreMissing: it is not installed.
        """
        if self._url.hostname:
            return
        if self._engine is None:
            self._engine = Engine()
        await asyncio.to_thread(self._engine.start)

    async def stop(self) -> None:
        """Ends it."""
        if self._engine is not None:
            await asyncio.to_thread(self._engine.stop)
            self._engine = None

    async def reset(self) -> None:
        """Places begin anew, in other databases; the tables of tests of Sql have names of their own."""
        self._resets += 1

    async def connection_config(self, place: str = "main") -> Mapping[str, object]:
        """The database of that place."""
        name = re.sub("[^a-z0-9]+", "_", f"prism_{self._token}_{place}_{self._resets}".lower())
        return {
            "urls": [self._address()], "database": name[:120], "sql": "write", "sql_database": "default",
            "statement_timeout": 20.0, "timeseries": dict(SMALL_SERIES),
        }  # fmt: skip

    @property
    def address(self) -> tuple[str, int]:
        """Where the server listens."""
        if self._url.hostname:
            return self._url.hostname, self._url.port or 8123
        return "127.0.0.1", self.engine.port

    async def connection_through(self, port: int, place: str = "main") -> Mapping[str, object]:
        """The same by way of a proxy."""
        return {**await self.connection_config(place), "urls": [f"http://127.0.0.1:{port}"]}

    def credentials(self) -> Mapping[str, str]:
        """What the server lets in."""
        if self._url.hostname:
            found = {"username": self._url.username or "default", "password": self._url.password or ""}
            return {name: unquote(value) for name, value in found.items()}
        return {"username": self.engine.user, "password": self.engine.password}

    async def rotate_credentials(self) -> None:
        """Another password; the one before is refused."""
        await asyncio.to_thread(self.engine.change_password)

    async def kill(self) -> None:
        """Ends it at once."""
        await asyncio.to_thread(self.engine.kill)

    async def pause(self) -> None:
        """Stops it by a signal."""
        self.engine.pause()

    async def resume(self) -> None:
        """Lets it go on."""
        self.engine.resume()

    async def break_(self, fault: Fault) -> None:
        """Read-only: the profile of the gateway's user is."""
        if fault != "read_only":
            raise ValueError(fault)
        self.engine.limit(readonly="1")

    async def mend(self) -> None:
        """It may write again."""
        self.engine.limit()

    def _address(self) -> str:
        if self._url.hostname:
            return f"{self._url.scheme}://{self._url.hostname}:{self._url.port or 8123}"
        return self.engine.url
