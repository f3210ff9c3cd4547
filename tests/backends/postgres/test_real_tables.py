"""Reader on tables that were not made for it: pgbench's and PostgreSQL's own catalogue, row by row as psql has them."""

import asyncio
import csv
import io
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from missing import missing
from prism.context import Context
from prism.interfaces import reader as r
from prism.interfaces.value import Value
from prism.sdk.reader import StoredReader

from .store import OpenStore

CONTEXT = Context("ns")
NULL = "<null>"

csv.field_size_limit(1 << 24)  # the plans of rules are long texts


def told_by_psql(url: str, select: str) -> list[list[str]]:
    """What `psql` prints."""
    command = ["psql", url, "--no-psqlrc", "--csv", "--tuples-only", "--pset", f"null={NULL}", "--command", select]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return [*csv.reader(io.StringIO(done.stdout))]


def text(value: Value) -> str:
    """A value as PostgreSQL writes it."""
    match value.WhichOneof("kind"):
        case "null":
            return NULL
        case "bool":
            return "t" if value.bool else "f"
        case "double":
            return repr(value.double).removesuffix(".0")
        case "bytes":
            return "\\x" + value.bytes.hex()
        case "other":
            return value.other.text
        case kind:
            return str(getattr(value, kind or ""))


async def compared(reader: StoredReader, url: str, collection: str, source: str) -> int:
    """Reads a collection page by page, beside psql; how many rows it has. Lists are left to other tests."""
    described = await reader.describe(r.DescribeRequest(collection=collection), CONTEXT)
    names = [each.name for each in described.columns if each.kind != "list"]
    columns = ", ".join(f't."{each}"' for each in names)
    key = ", ".join(f't."{each}"' for each in described.key)
    expected = await asyncio.to_thread(told_by_psql, url, f"SELECT {columns} FROM {source} AS t ORDER BY {key}")
    asked = r.ReadPageRequest(collection=collection, fields=names, page_size=997)
    count = 0
    while True:
        page = await reader.read_page(asked, CONTEXT)
        rows = [[text(value) for value in row.values] for row in page.rows]
        assert rows == expected[count : count + len(rows)], collection
        count += len(rows)
        asked.cursor = page.next_cursor
        if not page.next_cursor:
            assert count == len(expected)
            return count


@pytest.fixture
def psql() -> None:
    """The program."""
    if shutil.which("psql") is None:
        missing("psql")


@pytest.mark.usefixtures("psql")
async def test_the_catalogue(open_store: OpenStore, postgres_url: str) -> None:
    """Every table of pg_catalog that has a key, in the order of it, whatever the types of its columns."""
    connection = await asyncpg.connect(postgres_url)
    try:
        rows = await connection.fetch("""
            SELECT c.relname::text FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
            WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r'
                AND has_table_privilege(c.oid, 'SELECT')
                AND c.relname NOT IN ('pg_statistic', 'pg_statistic_ext_data', 'pg_authid', 'pg_database')
        """)
    finally:
        await connection.close()
    tables = [row[0] for row in rows]
    options = {"collections": {each: {"table": each, "schema": "pg_catalog"} for each in tables}}
    reader = (await open_store(postgres_url, reader=options)).backend._reader
    counts = [await compared(reader, postgres_url, each, f"pg_catalog.{each}") for each in tables]
    assert len(tables) > 30
    assert sum(counts) > 8_000


@pytest.mark.usefixtures("psql")
async def test_pgbench(open_store: OpenStore, postgres_url: str, often: Callable[[int], int]) -> None:
    """The tables that pgbench makes, 100,000 accounts among them."""
    if (program := shutil.which("pgbench")) is None:
        missing("pgbench")
    make = [program, "--initialize", "--quiet", "--scale", "1", postgres_url]
    await asyncio.to_thread(subprocess.run, make, capture_output=True, check=True)
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(f"DELETE FROM pgbench_accounts WHERE aid > {often(100_000)}")
    finally:
        await connection.close()
    tables = ("pgbench_accounts", "pgbench_branches", "pgbench_tellers")
    options: dict[str, Any] = {"collections": {each: {"table": each} for each in tables}}
    reader = (await open_store(postgres_url, reader=options)).backend._reader
    assert [await compared(reader, postgres_url, each, each) for each in tables] == [often(100_000), 1, 10]
