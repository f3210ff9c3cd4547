"""Rows a second of one statement on PostgreSQL: through the gateway, beside asyncpg's cursor and psycopg's.

Processor time is of the process that is measured and of the gateway together, without PostgreSQL's.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg

import gateways
from bench.report import Row, Table, write
from prism.backends.postgres.testing import find_server, memory
from prism.client import Client
from prism.interfaces import sql
from prism.wire import Channel, Metadata

ROWS, ROUNDS = 100_000, 3
STATEMENT = "SELECT id, account, balance, note, made_at FROM entries"
MAKE = f"""CREATE TABLE entries AS SELECT n AS id, n % 1000 AS account, (n * 1.25)::float8 AS balance,
    'note ' || n AS note, now() + n * interval '1 second' AS made_at FROM generate_series(1::bigint, {ROWS}) AS n"""
NOTE = (
    f"{ROWS:,} rows of five columns (two int8, float8, text, timestamptz) read to the end by one caller, in batches: "
    f"of 1,000 by cursors, of about 256 KiB through the gateway. Median of {ROUNDS} interleaved rounds; the machine "
    "was shared. Rows a second are of time; microseconds of processor time a row are of client and gateway together."
)
Read = Callable[[], Awaitable[int]]


def run() -> None:
    """Measures and writes the table."""
    server = find_server(memory())
    server.start()
    try:
        url = server.create_database()
        server.execute(MAKE, url=url)
        server.execute("ANALYZE entries", url=url)
        entry = gateways.namespace("d", "postgres", "sql", connection_string=url, sql="write")
        config = {"namespaces": [entry]}
        with tempfile.TemporaryDirectory() as folder, gateways.running(config, Path(folder)) as gateway:
            asyncio.run(_measure(url, gateway.data, gateway.pid))
    finally:
        server.stop()


async def _measure(url: str, address: str, pid: int) -> None:
    ways: dict[str, tuple[Read, tuple[int, ...]]] = {
        "asyncpg, cursor of 1,000": (lambda: _asyncpg(url), ()),
        "psycopg, server-side cursor of 1,000": (lambda: _psycopg(url), ()),
        "Prism, its Python client": (lambda: _client(address), (pid,)),
        "Prism, bare messages": (lambda: _channel(address), (pid,)),
    }
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS + 1):
        for name, (read, others) in ways.items():
            began, used = time.perf_counter(), _used(others)
            count = await read()
            assert count == ROWS, (name, count)
            seen[name].append((ROWS / (time.perf_counter() - began), (_used(others) - used) / ROWS * 1e6))
    rows = []
    first = statistics.median(rate for rate, _ in seen["asyncpg, cursor of 1,000"][1:])
    for name, found in seen.items():
        rate = statistics.median(each for each, _ in found[1:])
        cost = statistics.median(each for _, each in found[1:])
        rows.append(Row(name, {"rows/s": rate, "of asyncpg": rate / first, "processor us a row": cost}))
    write(Table("sql-rows", "Rows of a statement on PostgreSQL", NOTE, rows))


def _used(others: tuple[int, ...]) -> float:
    """Seconds of processor time of this process and of others."""
    total = time.process_time()
    for pid in others:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


async def _asyncpg(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        count = 0
        async with connection.transaction(readonly=True):
            cursor = await connection.cursor(STATEMENT)
            while rows := await cursor.fetch(1_000):
                count += len(rows)
                for row in rows:
                    tuple(row)
        return count
    finally:
        await connection.close()


async def _psycopg(url: str) -> int:
    import psycopg

    connection = await psycopg.AsyncConnection.connect(url)
    async with connection, connection.cursor("c") as cursor:
        await cursor.execute(STATEMENT)
        count = 0
        while rows := await cursor.fetchmany(1_000):
            count += len(rows)
        return count


async def _client(address: str) -> int:
    async with Client(address) as client:
        return sum([1 async for _ in client.sql("d").stream(STATEMENT)])


async def _channel(address: str) -> int:
    request = sql.QueryRequest(statement=STATEMENT, max_rows=ROWS).SerializeToString()
    count = 0
    async with Channel(address) as channel:
        call = channel.open("/prism.data.v1.Sql/Query", metadata=Metadata([("prism-namespace", "d")]))
        async with call:
            await call.send(request)
            await call.end()
            while (message := await call.receive()) is not None:
                count += len(sql.QueryResponse.FromString(message).rows.rows)
    return count
