"""Reader on tables of PostgreSQL that Prism did not make: every type, views, partitions, and row-level security."""

from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from typing import Any

import asyncpg
import pytest

from prism.backends.postgres.backend import PostgresBackend
from prism.backends.postgres.config import PostgresCredentials
from prism.backends.postgres.reader.sessions import ReadSession
from prism.client.filters import all_of, field
from prism.client.values import from_value, to_value
from prism.context import Context
from prism.errors import CollectionNotFound, FailedPrecondition, IndexMissing, InvalidArgument
from prism.interfaces import reader as r
from prism.interfaces.filter import Filter, FilterTest
from prism.interfaces.value import Value
from prism.sdk.reader import Statement
from prism.sdk.reader.paging import PageWork

from .store import OpenStore

CONTEXT = Context("ns")
TYPES = """
CREATE SCHEMA "Odd Schema";
CREATE EXTENSION citext SCHEMA "Odd Schema";
CREATE TYPE "Odd Schema".mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN "Odd Schema".positive AS int CHECK (VALUE > 0);
CREATE TABLE "Odd Schema"."Every.Type" (
    "Id" int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, word text, folded "Odd Schema".citext, mood "Odd Schema".mood,
    uuid uuid, single float4, number numeric, instant timestamptz, "When" timestamp, day date, list int[],
    short varchar(10), padded char(3), bytes bytea, flag bool, span interval, "C" text COLLATE "C", own
    "Odd Schema".positive, name name, one "char", document jsonb
);
INSERT INTO "Odd Schema"."Every.Type"
    (word, folded, mood, uuid, single, number, instant, "When", day, list, short, padded, bytes, flag, span, "C", own,
    name, one, document)
SELECT (ARRAY['a', 'A', 'b', 'é', NULL])[n % 5 + 1], (ARRAY['x', 'X', 'y', NULL])[n % 4 + 1],
    (ARRAY['sad', 'ok', 'happy', NULL])[n % 4 + 1]::"Odd Schema".mood,
    (ARRAY['6F9619FF-8B86-D011-B42D-00CF4FC964FF', '00000000-0000-0000-0000-000000000001', NULL])[n % 3 + 1]::uuid,
    (ARRAY[0.1, 'NaN', 'Infinity', -1.5, NULL])[n % 5 + 1]::float4,
    (ARRAY['1.0', '1.00', 'NaN', '-3.5', NULL])[n % 5 + 1]::numeric,
    (ARRAY['infinity', '0044-03-15 12:00:00+00 BC', '2021-05-05 12:00:00.123456', NULL])[n % 4 + 1]::timestamptz,
    (ARRAY['2021-05-05 12:00:00.123456', '2020-01-01', NULL])[n % 3 + 1]::timestamp,
    (ARRAY['2020-01-01', '-infinity', NULL])[n % 3 + 1]::date, (ARRAY['{1}', '{1,2}', '{}', NULL])[n % 4 + 1]::int[],
    (ARRAY['q', 'Q', NULL])[n % 3 + 1], (ARRAY['a', 'ab', NULL])[n % 3 + 1]::char(3),
    (ARRAY['\\x', '\\x00ff', NULL])[n % 3 + 1]::bytea, (ARRAY[true, false, NULL])[n % 3 + 1],
    (ARRAY['1 day', '24:00', '1 mon', NULL])[n % 4 + 1]::interval, (ARRAY['a', 'A', 'b'])[n % 3 + 1],
    nullif(n % 5, 0), (ARRAY['n', 'N'])[n % 2 + 1]::name, (ARRAY['x', 'y'])[n % 2 + 1]::"char",
    (ARRAY['{"a": 1}', '[1]', NULL])[n % 3 + 1]::jsonb
FROM generate_series(0, 59) n;
DO $$ DECLARE each text; BEGIN
    FOR each IN SELECT attname FROM pg_attribute
        WHERE attrelid = '"Odd Schema"."Every.Type"'::regclass AND attnum > 1 LOOP
        EXECUTE format('CREATE INDEX ON "Odd Schema"."Every.Type" (%I, "Id")', each);
    END LOOP; END $$;
CREATE INDEX ON "Odd Schema"."Every.Type" (mood DESC NULLS LAST, word, "Id" DESC);
"""
EVERY = {"table": "Every.Type", "schema": "Odd Schema"}


class Tables:
    """Reader of one backend."""

    def __init__(self, backend: PostgresBackend) -> None:
        self.reader = backend._reader

    async def rows(self, collection: str, context: Context = CONTEXT, **request: Any) -> list[list[Value]]:
        """All rows, page by page."""
        found: list[list[Value]] = []
        asked = r.ReadPageRequest(collection=collection, **request)
        while True:
            page = await self.reader.read_page(asked, context)
            found += [list(row.values) for row in page.rows]
            asked.cursor = page.next_cursor
            if not page.next_cursor:
                return found

    async def ids(self, collection: str, context: Context = CONTEXT, **request: Any) -> list[Any]:
        """The first column of them."""
        return [from_value(row[0]) for row in await self.rows(collection, context, **request)]


def sort(*fields: str) -> list[r.Sort]:
    return [r.Sort(field=each.removeprefix("-"), descending=each.startswith("-")) for each in fields]


@pytest.fixture
async def owner(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The account that makes the tables."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


async def opened(open_store: OpenStore, url: str, collections: dict[str, Any], **options: Any) -> Tables:
    store = await open_store(url, reader={"collections": collections, **options})
    return Tables(store.backend)


async def test_every_type_is_sorted_and_found(
    open_store: OpenStore, postgres_url: str, owner: asyncpg.Connection
) -> None:
    """Each type pages in both directions as PostgreSQL sorts it, and EQ and IN find the rows of each value."""
    await owner.execute(TYPES)
    tables = await opened(open_store, postgres_url, {"every": EVERY}, max_scan=25)
    described = await tables.reader.describe(r.DescribeRequest(collection="every"), CONTEXT)
    kinds = {each.name: each.kind for each in described.columns}
    assert kinds["mood"] == kinds["folded"] == kinds["name"] == "string"
    assert (kinds["single"], kinds["number"], kinds["instant"], kinds["list"]) == (
        "double", "decimal", "timestamp", "list",
    )  # fmt: skip
    assert {kinds[each] for each in ("uuid", "When", "day", "span", "document")} == {"other"}
    orders = {each.name: each.order for each in described.columns if each.order}
    assert (orders["C"], orders["mood"], orders["name"]) == ("bytes", '"Odd Schema".mood', "bytes")
    source = '"Odd Schema"."Every.Type"'
    for name in kinds:
        for sign, direction in (("", ""), ("-", " DESC")):
            expected = await owner.fetch(f'SELECT "Id" FROM {source} ORDER BY "{name}"{direction}, "Id"{direction}')
            for size in (1, 7, 100):
                got = await tables.ids("every", sort=sort(f"{sign}{name}"), page_size=size, fields=["Id"])
                assert got == [row[0] for row in expected], (name, sign, size)
    expected = await owner.fetch(f'SELECT "Id" FROM {source} ORDER BY mood DESC NULLS LAST, word, "Id" DESC')
    assert await tables.ids("every", sort=sort("-mood", "word"), page_size=4) == [row[0] for row in expected]
    rows = await tables.rows("every")
    for place, name in enumerate(kinds):
        found: dict[bytes, list[int]] = {}
        for row in rows:
            found.setdefault(row[place].SerializeToString(deterministic=True), []).append(row[0].int64)
        for text, ids in found.items():
            value = Value.FromString(text)
            if value.WhichOneof("kind") == "null" or name in {"number", "single"} or value.other.type == "timestamptz":
                continue  # a NaN equals nothing, and 1.0 is 1.00
            for test in (FilterTest(field=name, op=1, value=value), FilterTest(field=name, op=7, values=[value])):
                assert await tables.ids("every", filter=Filter(test=test), fields=["Id"]) == ids, (name, value)


async def test_the_search_path_has_no_effect(
    open_store: OpenStore, postgres_url: str, owner: asyncpg.Connection
) -> None:
    """Rule 1: a role's search path leads to no other table, operator or function."""
    await owner.execute("""
        CREATE SCHEMA trap;
        CREATE TABLE public.t (id int PRIMARY KEY, word text);
        CREATE TABLE trap.t (id int PRIMARY KEY, word text);
        INSERT INTO public.t VALUES (1, 'right'), (2, 'left');
        INSERT INTO trap.t VALUES (1, 'wrong');
        CREATE FUNCTION trap.never(text, text) RETURNS bool LANGUAGE sql AS 'SELECT false';
        CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.never);
    """)
    database = postgres_url.rpartition("/")[2].partition("?")[0]
    await owner.execute(f'ALTER DATABASE "{database}" SET search_path = trap, pg_catalog, public')
    tables = await opened(open_store, postgres_url, {"t": {"table": "t"}})
    assert await tables.ids("t", fields=["word"]) == ["right", "left"]
    assert await tables.ids("t", fields=["word"], filter=field("word").eq("left")) == ["left"]
    found = await tables.reader.get(r.GetRequest(collection="t", keys=[r.Row(values=[to_value(2)])]), CONTEXT)
    assert from_value(found.found[0].row.values[1]) == "left"
    for name in ("trap.t", "public.t", "T"):
        with pytest.raises(CollectionNotFound):
            await tables.rows(name)


async def test_views_and_partitions(open_store: OpenStore, postgres_url: str, owner: asyncpg.Connection) -> None:
    """A view with a key that is vouched for, and a table in parts, in both of its orders."""
    await owner.execute("""
        CREATE TABLE measured (at int NOT NULL, id int NOT NULL, v int, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
        CREATE TABLE measured_1 PARTITION OF measured FOR VALUES FROM (0) TO (10);
        CREATE TABLE measured_2 PARTITION OF measured FOR VALUES FROM (10) TO (20);
        CREATE INDEX ON measured (v, at, id);
        INSERT INTO measured SELECT n % 20, n, nullif(n % 7, 0) FROM generate_series(1, 100) n;
        CREATE VIEW high AS SELECT at * 1000 + id AS number, v FROM measured WHERE v > 3;
    """)
    view = {"table": "high", "key": ["number"], "unique": "trusted"}
    tables = await opened(
        open_store, postgres_url,
        {"measured": {"table": "measured"}, "high": view | {"indexes_only": False}, "indexed": view},
    )  # fmt: skip
    for fields, order in ((("v",), "v, at, id"), (("-v",), "v DESC, at DESC, id DESC"), ((), "at, id")):
        expected = await owner.fetch(f"SELECT at, id FROM measured ORDER BY {order}")
        got = await tables.rows("measured", sort=sort(*fields), page_size=9, fields=["at", "id"])
        assert [tuple(map(from_value, row)) for row in got] == [tuple(row) for row in expected]
    expected = await owner.fetch("SELECT number FROM high ORDER BY v DESC, number")
    assert await tables.ids("high", sort=sort("-v"), page_size=5) == [row[0] for row in expected]
    with pytest.raises(IndexMissing):
        await tables.rows("indexed")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"table": "nothing"}, "there is no table public.nothing"),
        ({"table": "plain", "key": ["a"]}, "no unique index over columns that are NOT NULL covers the key"),
        ({"table": "plain", "key": ["b"]}, "no unique index over columns that are NOT NULL covers the key"),
        ({"table": "plain", "key": ["c"]}, "has no column c"),
        ({"table": "plain", "columns": ["d"]}, "has no column d"),
        ({"table": "guarded"}, "guarded has policies of row-level security that do not bind"),
    ],
)
async def test_what_is_checked_at_the_start(
    open_store: OpenStore, postgres_url: str, owner: asyncpg.Connection, options: dict[str, Any], said: str
) -> None:
    """Rules 2 and 9: a table, a key and a role that are not as they must be."""
    await owner.execute("""
        CREATE TABLE plain (a int NOT NULL, b int UNIQUE, e int);
        CREATE UNIQUE INDEX ON plain (a) WHERE e > 0;
        CREATE TABLE guarded (id int PRIMARY KEY);
        ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
        CREATE POLICY p ON guarded USING (true);
    """)
    with pytest.raises(FailedPrecondition, match=said):
        await opened(open_store, postgres_url, {"c": options})


async def test_row_level_security_sees_the_caller(
    open_store: OpenStore, postgres_url: str, owner: asyncpg.Connection
) -> None:
    """Rule 9: the caller's name is in the transaction, and gone after it; a role that no policy binds is refused."""
    await owner.execute("""
        CREATE TABLE notes (id int PRIMARY KEY, owner text NOT NULL);
        INSERT INTO notes SELECT n, 'user-' || n % 3 FROM generate_series(1, 30) n;
        ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
        ALTER TABLE notes FORCE ROW LEVEL SECURITY;
        CREATE POLICY own ON notes USING (owner = current_setting('prism.subject', true));
        CREATE VIEW all_notes AS SELECT * FROM notes;
    """)
    role = "reader_" + postgres_url.rpartition("_")[2].partition("?")[0].replace("-", "")
    database = postgres_url.rpartition("/")[2].partition("?")[0]
    await owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'; GRANT SELECT ON notes, all_notes TO {role}")
    await owner.execute(f'GRANT CREATE ON DATABASE "{database}" TO {role}')
    try:
        credentials = PostgresCredentials.model_validate({"username": role, "password": "secret"})
        seen = {"table": "notes", "settings": {"prism.subject": "subject"}}
        store = await open_store(postgres_url, credentials=credentials, reader={"collections": {"notes": seen}})
        tables = Tables(store.backend)
        for name in ("user-1", "user-2", "user-0", "x' OR '1' = '1"):
            context = Context("ns", principal=name)
            expected = await owner.fetch("SELECT id FROM notes WHERE owner = $1 ORDER BY id", name)
            assert await tables.ids("notes", context, page_size=4) == [row[0] for row in expected]
        assert await tables.ids("notes") == []
        through_view = {"collections": {"all": {"table": "all_notes", "key": ["id"], "unique": "trusted"}}}
        with pytest.raises(FailedPrecondition, match="notes has policies of row-level security that do not bind"):
            await open_store(postgres_url, credentials=credentials, reader=through_view)
    finally:
        await owner.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


async def test_pages_are_ranges_of_an_index(
    open_store: OpenStore, postgres_url: str, owner: asyncpg.Connection
) -> None:
    """Rule 4: the last page reads as few rows of the index as the first, with nulls and in mixed directions."""
    await owner.execute("""
        CREATE TABLE many (id int PRIMARY KEY, a int, b int NOT NULL);
        INSERT INTO many SELECT n, nullif(n % 5, 0), n % 3 FROM generate_series(1, 30000) n;
        CREATE INDEX many_order ON many (a DESC, b, id);
    """)
    await owner.execute("VACUUM ANALYZE many")
    tables = await opened(open_store, postgres_url, {"many": {"table": "many"}})
    asked = r.ReadPageRequest(collection="many", sort=sort("-a", "b"), page_size=1000)
    read = []
    while True:
        page = await tables.reader.read_page(asked, CONTEXT)
        read.append(await _entries(tables, owner))
        if not page.next_cursor:
            break
        asked.cursor = page.next_cursor
    each = [after - before for before, after in pairwise([0, *read])]
    assert len(each) == 30
    assert read[-1] >= 30_000
    assert max(each) <= 1001 + 128, each


@pytest.mark.parametrize(
    ("fields", "order"),
    [
        ((), "c, d"),
        (("a", "b"), "a, b, c, d"),
        (("-a", "-b"), "a DESC, b DESC, c DESC, d DESC"),
        (("a", "-b"), "a, b DESC, c, d"),
        (("n", "a", "b"), "n, a, b, c, d"),
        (("-n", "a", "-b"), "n DESC, a, b DESC, c DESC, d DESC"),
    ],
)
async def test_fields_that_are_compared_as_a_row(
    open_store: OpenStore, postgres_url: str, owner: asyncpg.Connection, fields: tuple[str, ...], order: str
) -> None:
    """Rule 4: those that are never null and have one direction are one range, with the answers of ORDER BY."""
    await owner.execute("""
        CREATE TABLE rows (
            a text COLLATE "und-x-icu" NOT NULL, b numeric NOT NULL, c smallint NOT NULL, d timestamptz NOT NULL, n int,
            PRIMARY KEY (c, d));
        INSERT INTO rows SELECT (ARRAY['a', 'A', 'ä', 'b', ''])[n % 5 + 1], (n % 3 - 1.5)::numeric, n % 20 - 10,
            '2026-01-01'::timestamptz + n * interval '1.000001 s', nullif(n % 4, 0) FROM generate_series(1, 200) n;
        CREATE INDEX ON rows (a, b, c, d); CREATE INDEX ON rows (a, b DESC, c, d);
        CREATE INDEX ON rows (n, a, b, c, d); CREATE INDEX ON rows (n DESC, a, b DESC, c DESC, d DESC);
    """)
    tables = await opened(open_store, postgres_url, {"rows": {"table": "rows"}})
    expected = [[str(value) for value in row] for row in await owner.fetch(f"SELECT c, d FROM rows ORDER BY {order}")]
    ranges = 0
    whole = PageWork.statement

    def statement(work: PageWork) -> Statement | None:
        nonlocal ranges
        found = whole(work)
        ranges += found is not None
        return found

    for size in (1, 7, 150):
        rows = await tables.rows("rows", sort=sort(*fields), fields=["c", "d"], page_size=size)
        assert [[str(from_value(value)) for value in row] for row in rows] == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PageWork, "statement", statement)
        if fields in {("a", "b"), ("-a", "-b"), ()}:  # one direction to the end
            await tables.rows("rows", sort=sort(*fields), page_size=7)
            assert ranges == 200 // 7 + 1


async def _entries(tables: Tables, owner: asyncpg.Connection) -> int:
    """Entries of the index that have been read: the session that read them is made to say so."""
    store: Any = tables.reader._store
    (session,) = store.sessions._idle
    await session.connection.execute("SELECT pg_stat_force_next_flush()")
    count: int = await owner.fetchval("SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'many_order'")
    return count


@pytest.mark.parametrize("text", ["'; DROP TABLE t; --", '" OR 1=1 --', "$1", "%s", "\\'", "{}", "NaN"])
async def test_an_operand_is_never_sql(
    open_store: OpenStore, postgres_url: str, owner: asyncpg.Connection, text: str
) -> None:
    """Texts that mean something to SQL, as operands, fields, sorts, keys and cursors."""
    await owner.execute("CREATE TABLE t (id text PRIMARY KEY, u uuid)")
    await owner.execute("INSERT INTO t VALUES ($1, NULL), ('other', NULL)", text)
    tables = await opened(open_store, postgres_url, {"t": {"table": "t"}})
    assert await tables.ids("t", filter=field("id").eq(text)) == [text]
    assert await tables.ids("t", filter=field("id").is_in([text])) == [text]
    assert await tables.ids("t", filter=field("id").starts_with(text)) == [text]
    found = await tables.reader.get(r.GetRequest(collection="t", keys=[r.Row(values=[to_value(text)])]), CONTEXT)
    assert from_value(found.found[0].row.values[0]) == text
    for wrong in ({"fields": [text]}, {"sort": sort(text)}, {"filter": all_of(field(text).exists())}):
        with pytest.raises(InvalidArgument):
            await tables.rows("t", **wrong)
    assert sorted(await tables.ids("t", page_size=1)) == sorted([text, "other"])
    assert await owner.fetchval("SELECT count(*) FROM t") == 2


async def test_a_session_that_is_lost_in_the_midst(
    open_store: OpenStore, postgres_url: str, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had read is read again from the beginning: no page is short, no count too small."""
    await owner.execute("CREATE TABLE many (id int PRIMARY KEY); INSERT INTO many SELECT generate_series(1, 200)")
    tables = await opened(open_store, postgres_url, {"many": {"table": "many"}})
    whole, lost = ReadSession.each, 0

    async def each(session: ReadSession, statement: Statement, take: Callable[[Any], bool]) -> None:
        nonlocal lost
        lost += 1
        if lost % 2:
            await whole(session, statement, take)
            await owner.execute("SELECT pg_terminate_backend($1, 5000)", session.connection.get_server_pid())
        await whole(session, statement, take)

    monkeypatch.setattr(ReadSession, "each", each)
    assert await tables.ids("many") == list(range(1, 201))
    answer = await tables.reader.count(r.CountRequest(collection="many"), CONTEXT)
    assert (answer.count, lost > 2) == (200, True)
