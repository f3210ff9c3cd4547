"""Who competes to read one item: ways through a gateway, and the drivers used directly as an application would."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import grpc
import grpc.aio

from bench.data import KEY, VALUE, any_record
from bench.headers import TOKEN, headers
from prism.client import Client
from prism.interfaces import keyvalue as kv
from prism.wire import Channel, Deadline, Metadata

GET = "/prism.data.v1.KeyValue/Get"
TIMEOUT = 10.0

Call = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to read an item.

    Attributes:
        name: as the table shows it.
        open: gives the call, ready to be made by any number of callers.
        pid: of the gateway whose processor time counts; None for a driver.
    """

    name: str
    open: Callable[[], AbstractAsyncContextManager[Call]]
    pid: int | None = None


def prism_client(address: str, namespace: str, pid: int, name: str = "Prism, its Python client") -> Contestant:
    """Our client."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        async with Client(address, headers=headers, timeout=TIMEOUT) as prism:
            keyvalue = prism.keyvalue(namespace)

            async def call() -> None:
                item = await keyvalue.get(any_record(), KEY)
                assert item is not None
                assert item.value == VALUE

            yield call

    return Contestant(name, opened, pid)


def channel(
    address: str, namespace: str, pid: int, name: str = "Prism, bare channel", token: str = TOKEN
) -> Contestant:
    """The transport under our client: messages made and read, no retries, no conversion."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        async with Channel(address) as wire:

            async def call() -> None:
                metadata = Metadata([("prism-namespace", namespace), *headers(token).items()])
                request = kv.GetRequest(id=any_record(), keys=(KEY,)).SerializeToString()
                answer = await wire.unary(GET, request, metadata=metadata, deadline=Deadline.after(TIMEOUT))
                assert kv.GetResponse.FromString(answer).items[0].value == VALUE

            yield call

    return Contestant(name, opened, pid)


def stock_client(address: str, namespace: str, pid: int, name: str = "Prism, stock grpcio client") -> Contestant:
    """grpc.aio, as any application has it."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        async with grpc.aio.insecure_channel(address) as stock:
            get = stock.unary_unary(
                GET,
                request_serializer=kv.GetRequest.SerializeToString,
                response_deserializer=kv.GetResponse.FromString,
            )

            async def call() -> None:
                metadata = (("prism-namespace", namespace), *headers().items())
                answer = await get(kv.GetRequest(id=any_record(), keys=(KEY,)), metadata=metadata, timeout=TIMEOUT)
                assert answer.items[0].value == VALUE

            yield call

    return Contestant(name, opened, pid)


_POSTGRES_GET = "SELECT value, version, expires_at FROM prism.items WHERE namespace = $1 AND id = $2 AND key = $3"
_POSTGRES_GETS = """
    SELECT id, value, version, expires_at FROM prism.items
    WHERE namespace = $1 AND key = $3 AND id = ANY($2::bytea[])
"""


def asyncpg_pool(url: str, namespace: str, size: int) -> Contestant:
    """asyncpg with a pool and prepared statements, a query for each call."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        async with asyncpg.create_pool(url, min_size=size, max_size=size) as pool:

            async def call() -> None:
                row = await pool.fetchrow(_POSTGRES_GET, namespace.encode(), any_record().encode(), KEY)
                assert row["value"] == VALUE

            yield call

    return Contestant(f"asyncpg, pool of {size}", opened)


def asyncpg_connection(url: str, namespace: str) -> Contestant:
    """asyncpg at its best for one caller: a connection of its own and a prepared statement."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        connection = await asyncpg.connect(url)
        statement = await connection.prepare(_POSTGRES_GET)

        async def call() -> None:
            row = await statement.fetchrow(namespace.encode(), any_record().encode(), KEY)
            assert row["value"] == VALUE

        try:
            yield call
        finally:
            await connection.close()

    return Contestant("asyncpg, one connection", opened)


def asyncpg_batching(url: str, namespace: str, size: int) -> Contestant:
    """asyncpg in an application that does the gateway's work itself: joins the gets of its own callers."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        async with asyncpg.create_pool(url, min_size=size, max_size=size) as pool:
            waiting: deque[tuple[bytes, asyncio.Future[bytes | None]]] = deque()
            running = 0

            async def run() -> None:
                nonlocal running
                while waiting:
                    batch = [waiting.popleft() for _ in range(min(len(waiting), 256))]
                    rows = await pool.fetch(_POSTGRES_GETS, namespace.encode(), [each for each, _ in batch], KEY)
                    found = {row["id"]: row["value"] for row in rows}
                    for each, future in batch:
                        future.set_result(found.get(each))
                running -= 1

            async def call() -> None:
                nonlocal running
                loop = asyncio.get_running_loop()
                future: asyncio.Future[bytes | None] = loop.create_future()
                waiting.append((any_record().encode(), future))
                if running < size:
                    running += 1
                    tasks.add(task := loop.create_task(run()))
                    task.add_done_callback(tasks.discard)
                assert await future == VALUE

            tasks: set[asyncio.Task[None]] = set()
            yield call

    return Contestant(f"asyncpg, batching by hand over {size}", opened)


def sqlite_thread(path: Path, namespace: str, threads: int) -> Contestant:
    """The standard library's sqlite3 as an asyncio application has to use it: on threads."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        connections: deque[sqlite3.Connection] = deque(
            sqlite3.connect(path, check_same_thread=False) for _ in range(threads)
        )

        def read() -> bytes:
            connection = connections.pop()
            query = "SELECT value, version, expires_at FROM item WHERE namespace = ? AND id = ? AND key = ?"
            row = connection.execute(query, (namespace.encode(), any_record().encode(), KEY)).fetchone()
            connections.append(connection)
            value: bytes = row[0]
            return value

        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(threads) as executor:

            async def call() -> None:
                assert await loop.run_in_executor(executor, read) == VALUE

            yield call
        for connection in connections:
            connection.close()

    return Contestant(f"sqlite3 on {threads} thread{'s' * (threads > 1)}", opened)


def sqlite_blocking(path: Path, namespace: str) -> Contestant:
    """sqlite3 called on the event loop, which stands still meanwhile: the bare driver."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        connection = sqlite3.connect(path)
        query = "SELECT value, version, expires_at FROM item WHERE namespace = ? AND id = ? AND key = ?"

        async def call() -> None:
            row = connection.execute(query, (namespace.encode(), any_record().encode(), KEY)).fetchone()
            assert row[0] == VALUE

        yield call
        connection.close()

    return Contestant("sqlite3, blocking the loop", opened)
