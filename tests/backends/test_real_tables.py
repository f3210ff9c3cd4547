"""Sql on tables that were not made here, row by row beside the stores' own programs, psql and sqlite3."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from missing import missing
from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.config import SqliteConfig
from prism.client.values import from_value
from prism.context import Context
from prism.interfaces import sql
from prism.interfaces.value import Value
from prism.sdk import Backend, NoCredentials
from prism.sdk.sql import StoredSql

LANGUAGES = Path("/usr/share/iso-codes/json/iso_639-3.json")
FIELD, RECORD, NULL = "\x1f", "\x1e", "\x1d"
CATALOGUE = (
    "pg_aggregate", "pg_am", "pg_amop", "pg_attribute", "pg_cast", "pg_class", "pg_collation", "pg_constraint",
    "pg_database", "pg_description", "pg_index", "pg_language", "pg_namespace", "pg_opclass", "pg_operator", "pg_proc",
    "pg_range", "pg_rewrite", "pg_roles", "pg_settings", "pg_type",
)  # fmt: skip
COUNT = "SELECT count(*) FROM pgbench_accounts"
_QUOTED = set('{},"\\ \t\n\r\v\f')


def program(name: str) -> str:
    """Where it is; skips without it."""
    found = shutil.which(name)
    if found is None:
        missing(f"packages that bring {name} are not installed")
    return found


@pytest.fixture
def languages() -> Path:
    """Debian's table of languages; skips without it."""
    if not LANGUAGES.exists():
        missing("iso-codes is not installed")
    return LANGUAGES


async def all_rows(backend: Backend, statement: str) -> list[list[Value]]:
    """Those of a Query."""
    (statements,) = (each for each in backend.interfaces if isinstance(each, StoredSql))
    rows: list[list[Value]] = []
    async for message in statements.query(sql.QueryRequest(statement=statement, max_rows=10**9), Context("test")):
        each = sql.QueryResponse.FromString(message.SerializeToString())
        rows += [list(row.values) for row in each.rows.rows]
    assert each.end.complete
    return rows


def as_psql(value: Value) -> str:
    """As PostgreSQL writes it."""
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
        case "list":
            return "{" + ",".join(_element(each) for each in value.list.values) + "}"
        case kind:
            return str(getattr(value, kind or ""))


def _element(value: Value) -> str:
    if value.WhichOneof("kind") == "null":
        return "NULL"
    text = as_psql(value)
    if value.WhichOneof("kind") == "list" or (text and text.upper() != "NULL" and not _QUOTED & set(text)):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.fixture
def psql(postgres_url: str) -> Callable[[str], list[list[str]]]:
    """Runs a statement with psql, on the database of the test."""
    found = program("psql")

    def run(statement: str) -> list[list[str]]:
        options = ["-X", "-A", "-t", "-F", FIELD, "-R", RECORD, "-P", f"null={NULL}", "-v", "ON_ERROR_STOP=1"]
        done = subprocess.run(
            [found, postgres_url, *options, "-c", statement], capture_output=True, text=True, check=True
        )
        return [line.split(FIELD) for line in done.stdout.removesuffix("\n").split(RECORD)]

    return run


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[Backend]:
    """Sql on the same database."""
    from prism.backends.postgres.backend import PostgresBackend
    from prism.backends.postgres.config import PostgresConfig, PostgresCredentials

    config = PostgresConfig.model_validate({"connection_string": postgres_url, "sql": "write"})
    backend = PostgresBackend(config, PostgresCredentials())
    await backend.start()
    yield backend
    await backend.stop()


async def test_pgbench(
    postgres: Backend, psql: Callable[[str], list[list[str]]], postgres_url: str, often: Callable[[int], int]
) -> None:
    """Its four tables, 100,000 accounts among them, all of which the whole run compares."""
    made = [program("pgbench"), "-i", "-q", "-s", "1", postgres_url]
    await asyncio.to_thread(subprocess.run, made, capture_output=True, check=True)
    for table, key in (("accounts", "aid"), ("branches", "bid"), ("tellers", "tid"), ("history", "tid")):
        statement = f"SELECT * FROM pgbench_{table} WHERE {key} <= {often(100_000)} ORDER BY {key}"
        rows = [[as_psql(each) for each in row] for row in await all_rows(postgres, statement)]
        assert rows == (psql(statement) if rows else []), table
    assert [[as_psql(each) for each in row] for row in await all_rows(postgres, COUNT)] == [["100000"]]


async def test_the_catalogue(
    postgres: Backend, psql: Callable[[str], list[list[str]]], often: Callable[[int], int]
) -> None:
    """PostgreSQL's own tables, with all the types that only it has."""
    for table in CATALOGUE[-often(len(CATALOGUE)) :]:
        statement = f'SELECT t.* FROM pg_catalog.{table} t ORDER BY t::text COLLATE "C"'
        found, expected = await all_rows(postgres, statement), psql(statement)
        assert len(found) == len(expected), table
        for row, said in zip(found, expected, strict=True):
            if table == "pg_settings" and row[0].string in {"application_name", "transaction_isolation"}:
                continue
            texts = [as_psql(each) for each in row]
            if table == "pg_settings":  # what a session of ours sets is ours
                texts, said = texts[:1], said[:1]
            assert texts == said, table


async def test_languages_in_postgresql(
    postgres: Backend, psql: Callable[[str], list[list[str]]], languages: Path
) -> None:
    """Debian's iso-codes, 7,910 languages with their names in all scripts, as psql reads them."""
    psql(
        f"""CREATE TABLE languages AS SELECT row_number() OVER () AS id, l ->> 'alpha_3' AS code, l ->> 'name' AS name,
            l ->> 'common_name' AS common, l ->> 'alpha_2' AS short, l AS document
        FROM jsonb_array_elements(pg_read_file('{languages}')::jsonb -> '639-3') l"""
    )
    statement = "SELECT * FROM languages ORDER BY id"
    rows = [[as_psql(each) for each in row] for row in await all_rows(postgres, statement)]
    assert len(rows) > 7_000
    assert rows == psql(statement)


async def test_languages_in_sqlite(tmp_path: Path, languages: Path) -> None:
    """The same in a file that sqlite3 made, as sqlite3 reads it."""
    found, file = program("sqlite3"), tmp_path / "languages.db"

    def sqlite3(statement: str) -> list[list[str]]:
        options = ["-batch", "-noheader", "-separator", FIELD, "-newline", RECORD, "-nullvalue", NULL]
        done = subprocess.run([found, *options, str(file), statement], capture_output=True, text=True, check=True)
        return [line.split(FIELD) for line in done.stdout.removesuffix(RECORD).split(RECORD)]

    sqlite3(
        f"""CREATE TABLE languages (id INTEGER PRIMARY KEY, code TEXT, name TEXT, common TEXT, size REAL, raw BLOB);
        INSERT INTO languages (code, name, common, size, raw) SELECT value ->> 'alpha_3', value ->> 'name',
            value ->> 'common_name', length(value ->> 'name') / 2.0, CAST(value ->> 'name' AS BLOB)
        FROM json_each(CAST(readfile('{languages}') AS TEXT), '$.639-3')"""
    )
    backend = SqliteBackend(
        SqliteConfig.model_validate({"path": tmp_path / "own.db", "tables": file, "sql": "read"}), NoCredentials()
    )
    await backend.start()
    try:
        statement = "SELECT id, code, name, common, size, hex(raw) FROM languages ORDER BY id"
        rows = await all_rows(backend, statement)
        assert len(rows) > 7_000
        assert [[_as_sqlite3(each) for each in row] for row in rows] == sqlite3(statement)
        blobs = await all_rows(backend, "SELECT name, raw FROM languages ORDER BY id")
        assert [(_plain(row)[0].encode(), _plain(row)[1]) for row in blobs] == [
            (name.string.encode(), name.string.encode()) for name, _ in blobs
        ]
    finally:
        await backend.stop()


def _as_sqlite3(value: Value) -> str:
    return NULL if value.WhichOneof("kind") == "null" else str(from_value(value))


def _plain(row: Sequence[Value]) -> list[Any]:
    return [from_value(each) for each in row]
