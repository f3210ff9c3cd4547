"""Sql on PostgreSQL beyond the suite: roles, 60 ways to write, a pooler, prepared statements, and real tables."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from hostile_texts import made, published
from prism.backends.postgres.backend import PostgresBackend
from prism.backends.postgres.config import PostgresConfig, PostgresCredentials
from prism.backends.postgres.tables.catalogue import Catalogue
from prism.backends.postgres.tables.sessions import Session, Sessions
from prism.backends.postgres.testing import RunningServer
from prism.client.values import Json, from_value, to_value
from prism.errors import (
    CallerError,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    LimitExceeded,
    Outcome,
    PrismError,
)
from prism.interfaces import sql
from prism.sdk import Context, Deadline
from prism.sdk.sql import StoredSql

from .pooler import Pooler

CONTEXT = Context("test")


class Statements:
    """A backend's Sql in few words."""

    def __init__(self, backend: PostgresBackend) -> None:
        self.backend = backend
        (self._sql,) = (each for each in backend.interfaces if isinstance(each, StoredSql))

    async def rows(
        self, statement: str, *params: Any, context: Context = CONTEXT, max_rows: int = 0
    ) -> list[list[Any]]:
        """Those of a Query."""
        request = sql.QueryRequest(statement=statement, params=map(to_value, params), max_rows=max_rows)
        rows: list[list[Any]] = []
        async for message in self._sql.query(request, context):
            each = sql.QueryResponse.FromString(message.SerializeToString())
            rows += [[from_value(one) for one in row.values] for row in each.rows.rows]
        assert each.HasField("end")
        return rows

    async def execute(self, statement: str, *params: Any, **options: Any) -> sql.Result:
        """What it gives."""
        request = sql.ExecuteRequest(statement=statement, params=map(to_value, params), **options)
        return (await self._sql.execute(request, CONTEXT)).result

    async def batch(self, *statements: str) -> None:
        """All of them."""
        await self._sql.batch(
            sql.BatchRequest(statements=[sql.Statement(statement=each) for each in statements]), CONTEXT
        )


OpenSql = Callable[..., Awaitable[Statements]]


@pytest.fixture
async def open_sql() -> AsyncIterator[OpenSql]:
    """Starts a backend for Sql on a connection string; ends it with the test."""
    async with AsyncExitStack() as stack:

        async def open_(url: str, access: str = "write", **options: Any) -> Statements:
            backend = PostgresBackend(
                PostgresConfig(connection_string=url, sql=access, **options), PostgresCredentials()
            )
            stack.push_async_callback(backend.stop)
            await backend.start()
            return Statements(backend)

        yield open_


@pytest.fixture
def reader_url(postgres_server: RunningServer, postgres_url: str) -> str:
    """The same database as a role that may do everything with the tables there, and owns nothing."""
    name = f"reader_{urlsplit(postgres_url).path.strip('/')}"
    run = postgres_server.execute
    run(f"DROP ROLE IF EXISTS {name}")
    run(f"CREATE ROLE {name} LOGIN PASSWORD 'secret'")
    run("CREATE TABLE kept (id int PRIMARY KEY, v text, secret text)", url=postgres_url)
    run("INSERT INTO kept VALUES (1, 'one', 'confidential'), (2, 'two', NULL)", url=postgres_url)
    run("CREATE SEQUENCE numbers", url=postgres_url)
    for each in _FUNCTIONS:
        run(each, url=postgres_url)
    for each in ("ALL ON ALL TABLES", "ALL ON ALL SEQUENCES", "ALL ON ALL FUNCTIONS"):
        run(f"GRANT {each} IN SCHEMA public TO {name}", url=postgres_url)
    run(f"GRANT CREATE ON SCHEMA public TO {name}", url=postgres_url)
    url = urlsplit(postgres_url)
    host = url.netloc.rpartition("@")[2]
    return urlunsplit(url._replace(netloc=f"{name}:secret@{host}"))


_FUNCTIONS = (
    "CREATE FUNCTION writes() RETURNS int LANGUAGE sql AS 'DELETE FROM kept RETURNING id'",
    "CREATE FUNCTION as_owner() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM kept RETURNING id'",
    """CREATE FUNCTION opens() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN PERFORM set_config('transaction_read_only', 'off', false); DELETE FROM kept; RETURN 1; END $$""",
    "CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN COMMIT; DELETE FROM kept; COMMIT; END $$",
    "CREATE PROCEDURE rolls_back() LANGUAGE plpgsql AS $$ BEGIN ROLLBACK; DELETE FROM kept; COMMIT; END $$",
)

WAYS_TO_WRITE = (
    "INSERT INTO kept VALUES (3, 'x')",
    "INSERT INTO kept VALUES (3, 'x') RETURNING id",
    "INSERT INTO kept SELECT 3, 'x'",
    "INSERT INTO kept VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET v = 'x'",
    "UPDATE kept SET v = 'x'",
    "UPDATE kept SET v = 'x' RETURNING *",
    "DELETE FROM kept",
    "DELETE FROM kept RETURNING *",
    "MERGE INTO kept USING (SELECT 1 AS n) s ON id = n WHEN MATCHED THEN DELETE",
    "TRUNCATE kept",
    "WITH w AS (INSERT INTO kept VALUES (3, 'x') RETURNING id) SELECT * FROM w",
    "WITH w AS (UPDATE kept SET v = 'x' RETURNING id) SELECT * FROM w",
    "WITH w AS (DELETE FROM kept RETURNING id) SELECT * FROM w",
    "WITH RECURSIVE r AS (SELECT 1), w AS (DELETE FROM kept RETURNING id) SELECT * FROM w",
    "SELECT * INTO other FROM kept",
    "CREATE TABLE other AS SELECT * FROM kept",
    "CREATE TABLE other (a int)",
    "CREATE UNLOGGED TABLE other (a int)",
    "CREATE VIEW other AS SELECT 1",
    "CREATE MATERIALIZED VIEW other AS SELECT 1",
    "CREATE SEQUENCE other",
    "CREATE FUNCTION other() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TYPE other AS (a int)",
    "CREATE DOMAIN other AS int",
    "CREATE SCHEMA other",
    "CREATE INDEX other ON kept (v)",
    "CREATE RULE other AS ON INSERT TO kept DO INSTEAD NOTHING",
    "CREATE TRIGGER other BEFORE INSERT ON kept EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE ROLE other",
    "CREATE DATABASE other",
    "CREATE EXTENSION citext",
    "ALTER TABLE kept ADD COLUMN other int",
    "ALTER ROLE CURRENT_USER SET search_path = other",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER SYSTEM SET work_mem = '1GB'",
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC",
    "DROP TABLE kept",
    "DROP OWNED BY CURRENT_USER",
    "GRANT ALL ON kept TO PUBLIC",
    "REVOKE ALL ON kept FROM CURRENT_USER",
    "COMMENT ON TABLE kept IS 'x'",
    "SELECT nextval('numbers')",
    "SELECT setval('numbers', 99)",
    "SELECT writes()",
    "SELECT as_owner()",
    "SELECT opens()",
    "SELECT set_config('transaction_read_only', 'off', false), as_owner()",
    "CALL commits()",
    "CALL rolls_back()",
    "DO $$ BEGIN DELETE FROM kept; END $$",
    "DO $$ BEGIN SET transaction_read_only = off; DELETE FROM kept; END $$",
    "DO $$ BEGIN COMMIT; DELETE FROM kept; END $$",
    "DO $$ BEGIN EXECUTE 'SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE'; DELETE FROM kept; END $$",
    "EXPLAIN ANALYZE DELETE FROM kept",
    "EXPLAIN (ANALYZE, FORMAT JSON) UPDATE kept SET v = 'x'",
    "COPY kept FROM STDIN",
    "COPY kept FROM PROGRAM 'echo 3'",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY kept TO '/tmp/prism-kept'",
    "SET transaction_read_only = off",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    "SET default_transaction_read_only = off",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "BEGIN; DELETE FROM kept; COMMIT",
    "SELECT 1; DELETE FROM kept",
    "COMMIT",
    "ROLLBACK",
    "START TRANSACTION READ WRITE",
    "/* x */ COMMIT AND CHAIN",
    "PREPARE w AS DELETE FROM kept",
    "EXECUTE w",
    "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM kept",
    "LOCK TABLE kept IN ACCESS EXCLUSIVE MODE",
    "SELECT * FROM kept FOR UPDATE",
    "NOTIFY other",
    "SELECT pg_notify('other', 'x')",
    "REFRESH MATERIALIZED VIEW other",
    "REINDEX TABLE kept",
    "VACUUM kept",
    "CLUSTER kept",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT query_to_xml('DELETE FROM kept RETURNING id', true, false, '')",
    "PREPARE TRANSACTION 'other'",
    "SECURITY LABEL ON TABLE kept IS 'x'",
    "SELECT pg_reload_conf()",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
)
_STATE = """SELECT (SELECT string_agg(k::text, ',' ORDER BY id) FROM kept k),
    (SELECT string_agg(relname || relacl::text, ',' ORDER BY oid) FROM pg_class WHERE relname !~ '^pg_'),
    (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_type), (SELECT count(*) FROM pg_largeobject_metadata),
    (SELECT string_agg(rolname || rolsuper::text, ',' ORDER BY oid) FROM pg_roles WHERE rolname LIKE 'other%'),
    (SELECT last_value::text || is_called::text FROM numbers), (SELECT count(*) FROM pg_prepared_xacts),
    (SELECT count(*) FROM pg_db_role_setting), (SELECT obj_description('kept'::regclass)),
    (SELECT count(*) FROM pg_namespace), (SELECT count(*) FROM pg_extension)"""


async def test_ways_to_write(
    open_sql: OpenSql, reader_url: str, postgres_server: RunningServer, postgres_url: str
) -> None:
    """A namespace that reads survives each, with a role that could do most of them: nothing is there afterwards."""
    assert len(WAYS_TO_WRITE) >= 60
    statements = await open_sql(reader_url, "read")
    before = postgres_server.execute(_STATE, url=postgres_url)
    for text in WAYS_TO_WRITE:
        with suppress(PrismError):
            await statements.rows(text)
        with pytest.raises(FailedPrecondition, match="only reads"):
            await statements.execute(text)
        assert postgres_server.execute(_STATE, url=postgres_url) == before, text
        assert (await statements.rows("SELECT count(*), current_setting('transaction_read_only') FROM kept")) == [
            [2, "on"]
        ], text


async def test_hostile_texts(
    open_sql: OpenSql, reader_url: str, postgres_server: RunningServer, postgres_url: str, often: Callable[[int], int]
) -> None:
    """As a parameter each is text and nothing else; as a statement, or in one's literal, none changes a thing."""
    texts = [*made(), *published()]
    assert len(texts) >= 500
    step = len(texts) // often(len(texts))
    statements = await open_sql(reader_url, "read")
    before = postgres_server.execute(_STATE, url=postgres_url)
    for text in texts[::step]:
        assert await statements.rows("SELECT $1::text, $1::text = ANY ($2::text[])", text, [text, ""]) == [[text, True]]
        assert await statements.rows("SELECT v FROM kept WHERE v = $1 AND v <> ''", text) == []
        for statement in (text, f"SELECT v FROM kept WHERE v = '{text}'", f'SELECT v AS "{text}" FROM kept'):
            with suppress(PrismError):
                soon = Context("test", Deadline.after(5.0))
                await statements.rows(statement, context=soon)
        with pytest.raises(PrismError):
            await statements.rows("SELECT $1::int4", text)
    assert postgres_server.execute(_STATE, url=postgres_url) == before


@pytest.mark.parametrize(
    ("grant", "why"),
    [
        ("ALTER ROLE {name} SUPERUSER", "is a superuser"),
        ("GRANT pg_read_server_files TO {name}", "is a member of pg_read_server_files"),
        ("GRANT pg_execute_server_program TO {name}", "is a member of pg_execute_server_program"),
        ("ALTER TABLE kept OWNER TO {name}", "owns public.kept"),
        ("ALTER DATABASE {database} OWNER TO {name}", "owns the database"),
    ],
)
async def test_a_role_that_could_write_is_refused(
    open_sql: OpenSql, reader_url: str, postgres_server: RunningServer, postgres_url: str, grant: str, why: str
) -> None:
    """At the start, with the reason."""
    url = urlsplit(reader_url)
    name, database = url.username, url.path.strip("/")
    postgres_server.execute(grant.format(name=name, database=database), url=postgres_url)
    with pytest.raises(FailedPrecondition, match=why):
        await open_sql(reader_url, "read")


async def test_a_database_of_prism_is_refused(open_sql: OpenSql, postgres_url: str) -> None:
    """Statements must not reach what Prism keeps for namespaces."""
    own = PostgresBackend(PostgresConfig(connection_string=postgres_url), PostgresCredentials())
    await own.start()
    await own.stop()
    with pytest.raises(FailedPrecondition, match="where Prism keeps"):
        await open_sql(postgres_url)


async def test_off_unless_asked_for(postgres_url: str) -> None:
    """It says what to set; nothing is made in a database that Sql has to itself."""
    backend = PostgresBackend(PostgresConfig(connection_string=postgres_url), PostgresCredentials())
    with pytest.raises(FailedPrecondition, match="set `sql: read`"):
        await Statements(backend).rows("SELECT 1")
    await backend.stop()


async def test_prepared_statements_are_kept(open_sql: OpenSql, postgres_url: str) -> None:
    """The same text is parsed once in a session."""
    statements = await open_sql(postgres_url, sql_sessions=1)
    for number in range(20):
        assert await statements.rows("SELECT $1::int4 + 1", number) == [[number + 1]]
    seen = await statements.rows("SELECT statement, generic_plans + custom_plans FROM pg_prepared_statements")
    assert [count for text, count in seen if text == "SELECT $1::int4 + 1"] == [20]


async def test_a_prepared_statement_cannot_be_replaced(open_sql: OpenSql, postgres_url: str) -> None:
    """A caller who prepares another statement under the name of one of ours changes what no other caller gets."""
    statements = await open_sql(postgres_url, sql_sessions=1)
    assert await statements.rows("SELECT 'right'") == [["right"]]
    names = await statements.rows("SELECT name FROM pg_prepared_statements WHERE statement = 'SELECT ''right'''")
    for text in ("DEALLOCATE ALL", f'DEALLOCATE "{names[0][0]}"'):
        with suppress(PrismError):
            await statements.rows(text)
        assert await statements.rows("SELECT 'right'") == [["right"]]
    names = await statements.rows("SELECT name FROM pg_prepared_statements WHERE statement = 'SELECT ''right'''")
    swap = f"DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; EXECUTE 'PREPARE \"{names[0][0]}\" AS SELECT ''wrong'''; END $$"
    for run in (statements.rows, statements.execute):
        with suppress(PrismError):
            await run(swap)
        assert await statements.rows("SELECT 'right'") == [["right"]]


async def test_behind_a_pooler(open_sql: OpenSql, postgres_url: str) -> None:
    """PgBouncer in transaction mode: found out by itself, nothing is prepared by a name, nothing leaks to others."""
    with Pooler(postgres_url, "transaction") as pooler:
        statements = await open_sql(pooler.url)
        await statements.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")

        async def caller(number: int) -> None:
            await statements.execute("INSERT INTO t VALUES ($1, $2)", number, "x")
            await statements.rows(f"SELECT set_config('search_path', 'nowhere{number}', false)")
            assert await statements.rows("SELECT v FROM t WHERE id = $1", number) == [["x"]]
            assert (await statements.rows("SELECT count(*) FROM generate_series(1, $1::int)", 2_000)) == [[2_000]]
            with suppress(CallerError):
                await statements.execute("SET search_path = nowhere")
            await statements.rows("SELECT pg_advisory_lock($1::int)", number)

        await asyncio.gather(*map(caller, range(30)))
        assert await statements.rows("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [[0]]
        assert await statements.rows("SELECT count(*) FROM pg_prepared_statements") == [[0]]
        with pytest.raises(DeadlineExceeded):
            await statements.rows("SELECT pg_sleep(30)", context=Context("test", Deadline.after(0.3)))
        assert await statements.rows("SELECT count(*) FROM t") == [[30]]


async def test_what_rfc_008_lists(open_sql: OpenSql, postgres_url: str) -> None:
    """The features by their names: insert, select, update, delete, transaction, prepared, json and array types."""
    statements = await open_sql(postgres_url)
    await statements.execute("CREATE TABLE orders (id int PRIMARY KEY, doc jsonb, raw json, tags text[], grid int[])")
    document, raw = Json('{"a": [1, 2], "b": null}'), Json('{"b":1,  "b":2}')
    inserted = await statements.execute(
        "INSERT INTO orders VALUES ($1, $2, $3, $4, $5)", 1, document, raw, ["x", None, "{"], [[1, 2], [3, 4]]
    )
    assert inserted.rows_affected == 1
    assert await statements.rows("SELECT * FROM orders") == [[1, document, raw, ["x", None, "{"], [[1, 2], [3, 4]]]]
    assert await statements.rows("SELECT doc -> 'a' ->> 1, tags[1], grid[2][1] FROM orders") == [["2", "x", 3]]
    assert await statements.rows("SELECT id FROM orders WHERE doc @> $1 AND tags @> $2", Json('{"a": [2]}'), ["x"]) == [
        [1]
    ]
    assert (await statements.execute("UPDATE orders SET tags = tags || $1", ["y"])).rows_affected == 1
    await statements.batch("INSERT INTO orders (id) VALUES (2)", "UPDATE orders SET grid = '{}' WHERE id = 2")
    with pytest.raises(CallerError):
        await statements.batch("DELETE FROM orders", "INSERT INTO orders (id) VALUES (NULL)")
    assert await statements.rows("SELECT id, tags, grid FROM orders ORDER BY id") == [
        [1, ["x", None, "{", "y"], [[1, 2], [3, 4]]],
        [2, None, []],
    ]
    assert (await statements.execute("DELETE FROM orders WHERE id = ANY ($1)", [1, 2])).rows_affected == 2
    assert await statements.rows("SELECT count(*) FROM orders") == [[0]]


async def test_types_of_a_user(open_sql: OpenSql, postgres_url: str) -> None:
    """Made while sessions stand: an enum, a composite type, a domain; each is known when it is met."""
    statements = await open_sql(postgres_url, sql_sessions=2)
    await statements.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    await statements.execute("CREATE TYPE pair AS (a int, b text)")
    for _ in range(3):
        assert await statements.rows("SELECT $1::mood, ARRAY['ok']::mood[]", "sad") == [["sad", ["ok"]]]
        (row,) = await statements.rows("SELECT ROW(1, 'a b')::pair")
        assert (row[0].type, row[0].text) == ("public.pair", '(1,"a b")')
    with pytest.raises(InvalidArgument):
        await statements.rows("SELECT $1::mood", "angry")


async def test_a_commit_is_as_durable_as_configured(
    open_sql: OpenSql, postgres_server: RunningServer, postgres_url: str
) -> None:
    """Whatever the database is set to, and the statement sets: looked at by what runs within COMMIT."""
    name = urlsplit(postgres_url).path[1:]
    for each in (
        "CREATE TABLE seen (what text)",
        "CREATE TABLE written (id int)",
        """CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN new; END $$""",
        """CREATE CONSTRAINT TRIGGER look AFTER INSERT ON written DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION look()""",
        f'ALTER DATABASE "{name}" SET synchronous_commit = off',
    ):
        postgres_server.execute(each, url=postgres_url)
    statements = await open_sql(postgres_url, durability="synced")
    await statements.execute("INSERT INTO written VALUES (1)")
    assert await statements.rows("SELECT what FROM seen") == [["on"]]


async def test_what_runs_alone_may_have_been_done_in_part(
    open_sql: OpenSql, postgres_server: RunningServer, postgres_url: str
) -> None:
    """A procedure that commits and fails then: nothing says that nothing was written."""
    postgres_server.execute("CREATE TABLE kept (id int PRIMARY KEY)", url=postgres_url)
    postgres_server.execute(
        """CREATE PROCEDURE half() LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO kept VALUES (1); COMMIT; RAISE EXCEPTION 'too late'; END $$""",
        url=postgres_url,
    )
    statements = await open_sql(postgres_url)
    with pytest.raises(PrismError) as caught:
        await statements.execute("CALL half()", autocommit=True)
    assert caught.value.outcome is Outcome.UNKNOWN
    assert await statements.rows("SELECT id FROM kept") == [[1]]
    with pytest.raises(PrismError) as caught:
        await statements.execute("SELEC 1", autocommit=True)
    assert caught.value.outcome is Outcome.NOT_APPLIED


async def test_rows_of_what_runs_alone(open_sql: OpenSql, postgres_url: str) -> None:
    """A procedure's row comes; of endless rows none are waited for, and what was done meanwhile stays."""
    statements = await open_sql(postgres_url)
    await statements.execute("CREATE TABLE alone (id int)")
    await statements.execute("CREATE PROCEDURE onward(INOUT n int) LANGUAGE sql AS 'SELECT n + 1'")
    result = await statements.execute("CALL onward(2)", autocommit=True)
    assert [from_value(each) for each in result.rows[0].values] == [3]
    for text in ("SELECT generate_series(1, 100000000000)", f"SELECT repeat('x', {20 << 20})"):
        with pytest.raises(LimitExceeded) as caught:
            await statements.execute(text, autocommit=True)
        assert (caught.value.reason, caught.value.outcome) == ("ANSWER_TOO_LARGE", Outcome.UNKNOWN)
    assert len((await statements.execute("SELECT * FROM generate_series(1, 200)", autocommit=True)).rows) == 200


@pytest.mark.parametrize("rows", [0, 1, 15, 16, 17, 3_000])
async def test_rows_affected(open_sql: OpenSql, postgres_url: str, rows: int) -> None:
    """However many portions the rows of a statement come in."""
    statements = await open_sql(postgres_url)
    await statements.execute("CREATE TABLE affected (id int)")
    for text, told in (
        (f"INSERT INTO affected SELECT generate_series(1, {rows}) RETURNING id", rows),
        ("UPDATE affected SET id = -id RETURNING id", rows),
        ("SELECT id FROM affected", rows),
        ("SELECT id FROM affected LIMIT 0", 0),
    ):
        result = await statements.execute(text)
        assert (len(result.rows), result.rows_affected) == (told, told), text
    assert (await statements.execute("DELETE FROM affected")).rows_affected == rows
    assert (await statements.execute("SHOW work_mem")).rows_affected == 0


async def test_a_turn_that_comes_with_the_deadline_is_passed_on(postgres_url: str) -> None:
    """Both in one turn of a loop that was busy: the session is for the next caller, and not lost."""

    async def open_session() -> Session:
        return Session(await asyncpg.connect(postgres_url), Catalogue(), pooled=False)

    sessions = Sessions(open_session, 1)
    async with sessions.one(CONTEXT, None):
        waiting = asyncio.create_task(enter(sessions, Context("test", Deadline.after(0.05))))
        await asyncio.sleep(0.01)
        time.sleep(0.1)  # noqa: ASYNC251  # the loop is busy: the turn comes first then, and the deadline with it
    with suppress(DeadlineExceeded):
        await waiting
    await asyncio.wait_for(enter(sessions, CONTEXT), 5)
    assert sessions.open == 0  # in use
    await sessions.stop()


async def enter(sessions: Sessions, context: Context) -> None:
    """Has a session for a moment."""
    async with sessions.one(context, None):
        pass
