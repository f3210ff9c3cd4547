"""Types of found tables: what PostgreSQL gives comes as the kind that its type decides, and goes back equal."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from prism.backends.postgres.tables.catalogue import Catalogue
from prism.backends.postgres.tables.types import NULL
from prism.interfaces.value import OtherValue, Value, ValueList
from prism.sdk.tables import Misfit


def other(kind: str, text: str) -> Value:
    return Value(other=OtherValue(type=kind, text=text))


def several(*values: Value) -> Value:
    return Value(list=ValueList(values=values))


ONE, TWO = Value(int64=1), Value(int64=2)
INSTANT = Value(timestamp=1_796_048_400_500_000)
SAME = [
    ("true::bool", Value(bool=True)),
    ("(-32768)::int2", Value(int64=-32768)),
    ("2147483647::int4", Value(int64=2147483647)),
    ("(-9223372036854775808)::int8", Value(int64=-(2**63))),
    ("4294967295::oid", Value(int64=4294967295)),
    ("1.5::float4", Value(double=1.5)),
    ("'-0'::float8", Value(double=-0.0)),
    ("'Infinity'::float8", Value(double=float("inf"))),
    ("1.10::numeric", Value(decimal="1.10")),
    ("'NaN'::numeric", other("numeric", "NaN")),
    ("'-Infinity'::numeric", other("numeric", "-Infinity")),
    ("'it''s'::text", Value(string="it's")),
    ("'ab'::char(2)", Value(string="ab")),
    ("'x'::\"char\"", Value(string="x")),
    ("'n'::name", Value(string="n")),
    (r"'\x00ff'::bytea", Value(bytes=b"\0\xff")),
    ("'2026-11-30 15:00:00.5+02'::timestamptz", Value(timestamp=1_796_043_600_500_000)),
    ("'infinity'::timestamptz", other("timestamptz", "infinity")),
    ("'0044-03-15 12:00:00+00 BC'::timestamptz", other("timestamptz", "0044-03-15 12:00:00+00 BC")),
    ("'2026-11-30'::date", other("date", "2026-11-30")),
    ("'12:00:00.5'::time", other("time", "12:00:00.5")),
    ("'12:00:00+02'::timetz", other("timetz", "12:00:00+02")),
    ("'2026-11-30 12:00'::timestamp", other("timestamp", "2026-11-30 12:00:00")),
    ("'1 mon 2 days 03:00'::interval", other("interval", "1 mon 2 days 03:00:00")),
    ("'6F9619FF-8B86-D011-B42D-00CF4FC964FF'::uuid", other("uuid", "6f9619ff-8b86-d011-b42d-00cf4fc964ff")),
    ("""'{"b":1, "a":[null]}'::json""", other("json", '{"b":1, "a":[null]}')),
    ("""'{"b":1, "a":[null]}'::jsonb""", other("json", '{"a": [null], "b": 1}')),
    ("'10.0.0.0/8'::cidr", other("cidr", "10.0.0.0/8")),
    ("'[1,5)'::int4range", other("int4range", "[1,5)")),
    ("'{[1,2),[5,6)}'::int4multirange", other("int4multirange", "{[1,2),[5,6)}")),
    ("'[2026-01-01,2026-02-01)'::daterange", other("daterange", "[2026-01-01,2026-02-01)")),
    ("'(1,2)'::point", other("point", "(1,2)")),
    ("B'101'::bit(3)", other("bit", "101")),
    ("'a:1 b:2'::tsvector", other("tsvector", "'a':1 'b':2")),
    ("'{1,2}'::int4[]", several(ONE, TWO)),
    ("'{}'::int4[]", several()),
    ("'{{1,2},{2,1}}'::int8[]", several(several(ONE, TWO), several(TWO, ONE))),
    ("'{1,NULL}'::numeric[]", several(Value(decimal="1"), NULL)),
    ("""ARRAY['a"b', 'c\\d', 'NULL', '', ' ', '{', NULL, 'e,f']""", several(
        *(Value(string=each) for each in ('a"b', "c\\d", "NULL", "", " ", "{")), NULL, Value(string="e,f"))),
    ("'[0:1]={1,2}'::int4[]", other("int4[]", "[0:1]={1,2}")),
    (r"ARRAY['\x00'::bytea]", several(Value(bytes=b"\0"))),
    ("ARRAY['2026-11-30 13:00:00+00'::timestamptz]", several(Value(timestamp=1_796_043_600_000_000))),
    ("ARRAY[true, false]", several(Value(bool=True), Value(bool=False))),
    ("ARRAY['NaN'::float8, 0.1]", several(Value(double=float("nan")), Value(double=0.1))),
    ("ARRAY['(0,0),(1,1)'::box, '(2,2),(3,3)']", several(other("box", "(1,1),(0,0)"), other("box", "(3,3),(2,2)"))),
    ("ARRAY['2026-11-30'::date]", several(other("date", "2026-11-30"))),
    ("'sad'::mood", Value(string="sad")),
    ("ARRAY['sad', 'ok']::mood[]", several(Value(string="sad"), Value(string="ok"))),
    ("ROW(1, 'a b')::pair", other("public.pair", '(1,"a b")')),
    ("ARRAY[ROW(1, 'x')::pair]", several(other("public.pair", "(1,x)"))),
    ("'[a,c)'::spans", other("public.spans", "[a,c)")),
    ("5::positive", Value(int64=5)),
    ("'{1,2}'::numbers", several(ONE, TWO)),
    ("NULL::int4", NULL),
]  # fmt: skip

_TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE pair AS (a int, b text);
CREATE TYPE spans AS RANGE (subtype = text); CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN numbers AS int[]"""


@pytest.fixture
async def connection(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A session in UTC, with types of a user."""
    connection = await asyncpg.connect(postgres_url, server_settings={"timezone": "UTC"}, statement_cache_size=0)
    try:
        await connection.execute(_TYPES)
        yield connection
    finally:
        await connection.close()


async def prepared(
    catalogue: Catalogue, connection: asyncpg.Connection, statement: str
) -> asyncpg.prepared_stmt.PreparedStatement:
    """The statement, with every type that it needs."""
    try:
        found = await connection.prepare(statement)
    except asyncpg.UnsupportedClientFeatureError:
        await catalogue.meet_all(connection)
        found = await connection.prepare(statement)
    numbers = [each.type.oid for each in found.get_attributes()] + [each.oid for each in found.get_parameters()]
    await catalogue.meet(connection, numbers)
    return await connection.prepare(statement)


async def test_each_type_there_and_back(connection: asyncpg.Connection) -> None:
    """Read as its kind; sent as a parameter of the same type it comes back equal, and the two are not distinct."""
    catalogue = Catalogue()
    await catalogue.prepare(connection)
    for expression, expected in SAME:
        statement = await prepared(catalogue, connection, f"SELECT {expression}")
        (row,) = await statement.fetch()
        attribute = statement.get_attributes()[0]
        kind = catalogue.type_of(attribute.type.oid)
        assert kind is not None, expression
        got = NULL if row[0] is None else kind.read(row[0])
        assert got.SerializeToString() == expected.SerializeToString(), (expression, got)
        cast = await connection.fetchval("SELECT format_type($1, -1)", attribute.type.oid)
        same = f"SELECT p IS NOT DISTINCT FROM ({expression}), p FROM (SELECT $1::{cast} AS p) q"
        uncompared = f"SELECT true, $1::{cast}"
        back = await prepared(catalogue, connection, uncompared if cast in {"json", "point", "box[]"} else same)
        parameter = catalogue.type_of(back.get_parameters()[0].oid)
        assert parameter is not None
        equal, held = await back.fetchrow(parameter.write(got))
        assert equal, expression
        assert (NULL if held is None else kind.read(held)).SerializeToString() == expected.SerializeToString(), (
            expression
        )


REFUSED = [
    ("int4", Value(int64=2**31)),
    ("int4", Value(string="1")),
    ("int4", Value(double=1.0)),
    ("int8", Value(decimal="1")),
    ("float8", Value(int64=2**53 + 1)),
    ("float8", Value(decimal="0.1")),
    ("float4", Value(double=0.1)),
    ("numeric", Value(double=0.1)),
    ("text", ONE),
    ("bytea", Value(string="x")),
    ("bool", ONE),
    ("date", Value(string="2026-11-30")),
    ("uuid", other("date", "2026-11-30")),
    ("name", Value(string="n" * 64)),
    ("int4[]", ONE),
    ("int4[]", several(several(ONE), several(ONE, TWO))),
    ("int4[]", several(several())),
    ("int4[]", several(Value(string="1"))),
]


async def test_what_does_not_fit(connection: asyncpg.Connection) -> None:
    """It is refused with both types, and never cast."""
    catalogue = Catalogue()
    await catalogue.prepare(connection)
    for name, value in REFUSED:
        number = await connection.fetchval("SELECT $1::regtype::oid::int8", name)
        kind = catalogue.type_of(number)
        assert kind is not None
        with pytest.raises(Misfit, match=name.removesuffix("[]")):
            kind.write(value)


async def test_describe(connection: asyncpg.Connection) -> None:
    """Columns by their exact names, with kind, order, NULL and what is computed."""
    await connection.execute(
        """CREATE TABLE "Mixed Case" ("Id" int GENERATED ALWAYS AS IDENTITY, name text COLLATE "C" NOT NULL,
        title text COLLATE "und-x-icu", price numeric(10,2), twice numeric GENERATED ALWAYS AS (price * 2) STORED,
        tags text[], mood mood)"""
    )
    catalogue = Catalogue()
    await catalogue.prepare(connection)
    found = await catalogue.columns(connection, "public", "Mixed Case")
    assert [(each.name, each.kind, each.store_type, each.order, each.nullable, each.generated) for each in found] == [
        ("Id", "int64", "integer", "bytes", False, True),
        ("name", "string", "text", "bytes", False, False),
        ("title", "string", "text", "store", True, False),
        ("price", "decimal", "numeric(10,2)", "bytes", True, False),
        ("twice", "decimal", "numeric", "bytes", True, True),
        ("tags", "list", "text[]", found[5].order, True, False),
        ("mood", "string", "mood", "bytes", True, False),
    ]
    assert await catalogue.columns(connection, "public", "mixed case") == []
