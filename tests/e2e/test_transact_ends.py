"""Interactive transactions whose gateway drains, whose gateway or plugin is killed, and whose caller goes."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from e2e.test_plugins import children_of
from gateways import GatewayProcess, serving
from missing import missing
from prism.backends.postgres.testing import PostgresServer, ServerMissing, memory
from prism.client import Client, PrismError, TransactionAborted, insert, update

_TIMEOUT = 20.0


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of the module's own."""
    try:
        server = PostgresServer(within=memory())
    except ServerMissing as error:
        missing(str(error))
    with server:
        yield server


@asynccontextmanager
async def shop(server: PostgresServer, folder: Path, placement: str) -> AsyncIterator[tuple[GatewayProcess, str]]:
    """A gateway with a table that has one row; and the database's address."""
    url = server.create_database()
    server.execute("CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint NOT NULL)", url=url)
    server.execute("INSERT INTO accounts VALUES (1, 10)", url=url)
    config: dict[str, Any] = {"connection_string": url, "transact": {"collections": {"accounts": {}}}}
    entry = {
        "name": "shop", "abstraction": "transact", "backend": "postgres", "config": config,
        "plugin": {"type": placement},
    }  # fmt: skip
    async with serving({"namespaces": [entry]}, folder) as gateway:
        await asyncio.to_thread(gateway.wait_until_served, "shop")
        yield gateway, url


async def untouched(url: str) -> None:
    """The row is as it was, and no transaction holds it."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"SET lock_timeout = '{_TIMEOUT}s'")
        assert await connection.fetch("SELECT balance FROM accounts WHERE id = 1 FOR UPDATE") == [(10,)]
        assert await connection.fetchval("SELECT count(*) FROM accounts") == 1
    finally:
        await connection.close()


@pytest.mark.parametrize("placement", ["in_process", "sidecar"])
async def test_a_gateway_that_drains(server: PostgresServer, tmp_path: Path, placement: str) -> None:
    """CONTRACT, Transact 4: it is rolled back, and its caller gets `aborted` with DRAINING."""
    async with shop(server, tmp_path, placement) as (gateway, url), Client(gateway.data) as client:

        async def interrupted() -> None:
            async with client.transact("shop").transaction() as transaction, asyncio.timeout(_TIMEOUT):
                await transaction.write(update("accounts", {"balance": 9}, key={"id": 1}))
                os.kill(gateway.pid, signal.SIGTERM)
                while True:
                    await transaction.read("accounts", key={"id": 1})

        with pytest.raises(TransactionAborted) as caught:
            await interrupted()
        assert caught.value.reason == "DRAINING"
        await untouched(url)


@pytest.mark.parametrize(
    ("placement", "victim"), [("in_process", "gateway"), ("sidecar", "gateway"), ("sidecar", "plugin")]
)
async def test_who_is_killed(server: PostgresServer, tmp_path: Path, placement: str, victim: str) -> None:
    """CONTRACT, Transact 4: one whose gateway or plugin goes is rolled back, and its rows are free."""
    async with shop(server, tmp_path, placement) as (gateway, url), Client(gateway.data) as client:

        async def interrupted() -> None:
            async with client.transact("shop").transaction() as transaction, asyncio.timeout(_TIMEOUT):
                (row,) = await transaction.read("accounts", key={"id": 1}, for_update=True)
                await transaction.write(
                    update("accounts", {"balance": row["balance"] - 1}, key={"id": 1}),
                    insert("accounts", {"id": 2, "balance": 1}),
                )
                if victim == "gateway":
                    await asyncio.to_thread(gateway.kill)
                else:
                    for each in children_of(gateway.pid):
                        os.kill(each, signal.SIGKILL)
                await transaction.commit()

        with pytest.raises(PrismError):
            await interrupted()
        await untouched(url)


async def test_a_caller_that_goes(server: PostgresServer, tmp_path: Path) -> None:
    """CONTRACT, Transact 4: one whose caller's connection is gone is rolled back, long before it would be idle."""
    async with shop(server, tmp_path, "in_process") as (gateway, url):
        client = Client(gateway.data)
        transaction = client.transact("shop").transaction()
        await transaction.__aenter__()
        await transaction.write(update("accounts", {"balance": 9}, key={"id": 1}))
        await client.__aexit__(None, None, None)
        await untouched(url)
        await transaction._end()
