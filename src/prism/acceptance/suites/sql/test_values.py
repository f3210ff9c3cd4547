"""Rules 4 and 8: parameters as the types that the store has, and errors without its data."""

import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from prism.acceptance.suites.sql.dsl import Sql, value
from prism.client.values import Json, Other
from prism.errors import CallerError, ConstraintViolated, InvalidArgument
from prism.interfaces import sql as s
from prism.interfaces.value import Value

HOSTILE = ("'; DROP TABLE x; --", '"', "\\", "$1", "?1", "{}", "%s", "/* */", "\u202e", "é\U0001f600", " ", "NULL", "")

NAIVE = datetime(2026, 11, 30, 12)  # noqa: DTZ001  # a timestamp without a zone

FOLD = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
"""The second 02:30 of a night in Berlin that has two."""

KINDS: dict[str, list[tuple[str, Any]]] = {
    "sqlite": [
        ("", 2**63 - 1), ("", -(2**63)), ("", 0.1), ("", -0.0), ("", math.inf), ("", b"\0\xff"), ("", None), ("", "x"),
    ],
    "postgresql": [
        ("bool", True), ("int2", -32768), ("int4", 2**31 - 1), ("int8", -(2**63)), ("float4", 0.5), ("float8", 0.1),
        ("float8", -0.0), ("float8", math.inf), ("float8", 3), ("numeric", Decimal("1.10")), ("numeric", 10**15),
        ("numeric", Other("numeric", "NaN")), ("numeric", Other("numeric", "-Infinity")), ("text", "x"),
        ("varchar", "x"), ("bytea", b"\0\xff"), ("timestamptz", datetime(2026, 11, 30, 12, 0, 0, 5, UTC)),
        ("timestamptz", Other("timestamptz", "infinity")), ("date", date(2026, 11, 30)),
        ("time", time(12, 0, 0, 500000)), ("timestamp", NAIVE), ("interval", Other("interval", "1 day 02:00:00")),
        ("uuid", UUID(int=7)), ("json", Json('{"b": 1,  "a": 2}')), ("jsonb", Json('{"a": 2, "b": 1}')),
        ("int4[]", [1, None, 3]), ("int4[]", []), ("int4[]", [[1, 2], [3, 4]]), ("text[]", [*HOSTILE, None]),
        ("numeric[]", [Decimal("1.0"), None]), ("jsonb[]", [Json('{"a": [1]}')]), ("bytea[]", [b"\0", b""]),
        ("timestamptz[]", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)]),
        ("uuid[]", [UUID(int=1)]), ("inet", Other("inet", "10.0.0.1")), ("int4range", Other("int4range", "[1,5)")),
        ("int4", None), ("text[]", None),
    ],
    "clickhouse": [
        ("Bool", True), ("Int8", -128), ("Int64", -(2**63)), ("UInt32", 2**32 - 1), ("UInt64", Decimal(2**64 - 1)),
        ("Int256", Decimal(-(2**255))), ("Float32", 0.5), ("Float64", 0.1), ("Float64", -0.0), ("Float64", math.inf),
        ("Float64", 3), ("Decimal(20, 2)", Decimal("1.10")), ("Decimal(76, 0)", Decimal(10**70)), ("String", "x"),
        ("FixedString(3)", "abc"), ("LowCardinality(String)", "x"), ("Enum8('a' = 1, 'b' = 2)", "b"),
        ("DateTime", datetime(2026, 11, 30, 12, tzinfo=UTC)), ("DateTime('Europe/Berlin')", FOLD),
        ("DateTime64(6)", datetime(2026, 11, 30, 12, 0, 0, 5, UTC)), ("DateTime64(6, 'Europe/Berlin')", FOLD),
        ("DateTime64(6)", datetime(1969, 12, 31, 23, 59, 59, 500000, UTC)),
        ("DateTime64(6)", datetime(1900, 1, 1, 0, 0, 0, 1, UTC)),
        ("DateTime64(9)", Other("DateTime64(9)", "2026-11-30 12:00:00.000000007")),
        ("Date", date(2026, 11, 30)), ("Date32", date(1900, 1, 1)), ("UUID", UUID(int=7)),
        ("IPv4", Other("IPv4", "10.0.0.1")), ("IPv6", Other("IPv6", "2001:db8::1")),
        ("Map(String, Int64)", Other("Map(String, Int64)", "{'a':1}")),
        ("Tuple(Int64, String)", Other("Tuple(Int64, String)", "(1,'x')")),
        ("Array(Int64)", [1, 2]), ("Array(Nullable(Int64))", [1, None]), ("Array(Int64)", []),
        ("Array(Array(Int64))", [[1, 2], [], [3]]), ("Array(Nullable(String))", [*HOSTILE, None]),
        ("Array(Decimal(9, 1))", [Decimal("1.0")]), ("Array(UUID)", [UUID(int=1)]),
        ("Array(DateTime64(6))", [datetime(2026, 11, 30, 12, 0, 0, 5, UTC)]), ("Array(Date)", [date(2026, 1, 1)]),
        ("Nullable(Int64)", None), ("Nullable(String)", "x"), ("Nullable(UUID)", None),
    ],
}  # fmt: skip


async def test_every_kind_there_and_back(sql: Sql) -> None:
    """CONTRACT, Sql 4: every kind, arrays of arrays, JSON, NULL, empty lists, infinity and NaN numerics round-trip."""
    for kind, given in sql.of(KINDS):
        (row,) = await sql.rows(f"SELECT {sql.cast(kind)}", given)
        back = row[0]
        same = back == given and math.copysign(1, back) == math.copysign(1, given) if given == 0 else back == given
        assert same, (kind, given, back)
    if (double := {"postgresql": "float8", "clickhouse": "Float64"}.get(sql.capabilities.dialect)) is not None:
        ((nan,),) = await sql.rows(f"SELECT {sql.cast(double)}", math.nan)
        assert math.isnan(nan)


async def test_text_is_only_text(sql: Sql) -> None:
    """CONTRACT, Sql 4: a parameter is bound, whatever it looks like, and found again by what it is."""
    table = await sql.table()
    for number, text in enumerate(HOSTILE):
        await sql.execute(f"INSERT INTO {table} VALUES ({{1}}, {{2}})", number, text)
    for number, text in enumerate(HOSTILE):
        assert await sql.rows(f"SELECT id, v FROM {table} WHERE v = {{1}}", text) == [[number, text]]


MISFITS: dict[str, list[tuple[str, Any, str]]] = {
    "sqlite": [
        ("", True, "bool"), ("", Decimal("1.0"), "decimal"), ("", math.nan, "NaN"), ("", [1], "list"),
        ("", date(2026, 1, 1), "other"), ("", datetime(2026, 1, 1, tzinfo=UTC), "timestamp"), ("", {"a": 1}, "map"),
    ],
    "postgresql": [
        ("int4", 2**31, "int4"), ("int4", "1", "int4"), ("int4", 1.0, "int4"), ("int8", Decimal(1), "int8"),
        ("text", 1, "text"), ("date", "2026-01-01", "date"), ("numeric", 0.1, "numeric"), ("bool", 1, "bool"),
        ("float8", 2**53 + 1, "float8"), ("float4", 0.1, "float4"), ("bytea", "x", "bytea"),
        ("int4[]", [[1], [1, 2]], "int4"), ("uuid", date(2026, 1, 1), "uuid"), ("jsonb", {"a": 1}, "jsonb"),
        ("timestamptz", NAIVE, "timestamptz"),
    ],
    "clickhouse": [
        ("Int8", 300, "Int8"), ("UInt8", -1, "UInt8"), ("Int64", "1", "Int64"), ("Int64", 1.0, "Int64"),
        ("UInt64", Decimal("1.5"), "UInt64"), ("String", 1, "String"), ("Date", "2026-01-01", "Date"),
        ("Decimal(10, 2)", Decimal("1.234"), "Decimal"), ("Decimal(4, 2)", Decimal(100), "Decimal"),
        ("Decimal(10, 2)", 0.1, "Decimal"), ("Bool", 1, "Bool"), ("Float64", 2**53 + 1, "Float64"),
        ("Float32", 0.1, "Float32"), ("FixedString(3)", "abcd", "FixedString"), ("Int64", None, "Int64"),
        ("Array(Int64)", [None], "Int64"), ("Array(Int64)", [[1]], "Int64"), ("UUID", date(2026, 1, 1), "UUID"),
        ("DateTime", datetime(2026, 1, 1, 0, 0, 0, 1, UTC), "DateTime"), ("DateTime64(3)", NAIVE, "DateTime64"),
        ("DateTime64(3)", datetime(2026, 1, 1, 0, 0, 0, 1, UTC), "DateTime64"), ("Map(String, Int64)", {"a": 1}, "Map"),
    ],
}  # fmt: skip


async def test_what_does_not_fit(sql: Sql) -> None:
    """CONTRACT, Sql 4: what does not fit the type that the store infers is INVALID_ARGUMENT with both, never cast."""
    for kind, given, named in sql.of(MISFITS):
        request = s.QueryRequest(statement=sql.text(f"SELECT {sql.cast(kind)}"), params=[value(given)])
        with pytest.raises(InvalidArgument) as caught:
            await sql.refused_query(request)
        assert [each.field for each in caught.value.violations] == ["params[0]"], (kind, given)
        assert named in caught.value.message, (kind, given, caught.value.message)


async def test_the_number_of_parameters(sql: Sql) -> None:
    """CONTRACT, Sql 4: as many as the statement has."""
    for count in (0, 2):
        request = s.QueryRequest(statement=sql.text("SELECT {1}"), params=[Value(string="x")] * count)
        with pytest.raises(InvalidArgument):
            await sql.refused_query(request)


async def test_errors_without_data(sql: Sql) -> None:
    """CONTRACT, Sql 8: an error has the store's code and where it is in the statement, and none of the store's data."""
    if sql.capabilities.dialect == "clickhouse":
        columns = "id integer PRIMARY KEY, v String, CONSTRAINT other CHECK v != 'confidential' OR id = 1"
    else:
        columns = "id integer PRIMARY KEY, v text UNIQUE NOT NULL"
    table = await sql.table(columns)
    await sql.execute(f"INSERT INTO {table} VALUES (1, 'confidential')")
    codes = {
        "postgresql": ("23505", "42601", "23502"),
        "sqlite": ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_ERROR", "SQLITE_CONSTRAINT_NOTNULL"),
        "clickhouse": ("VIOLATED_CONSTRAINT", "SYNTAX_ERROR"),
    }
    statements = (
        f"INSERT INTO {table} VALUES (2, 'confidential')",
        f"SELEC * FROM {table}" if sql.capabilities.dialect != "clickhouse" else f"SELECT ) SELEC FROM {table}",
        f"INSERT INTO {table} VALUES (2, NULL)",
    )
    found = {}
    for statement, code in zip(statements, sql.of(codes), strict=False):
        kind = InvalidArgument if "SELEC" in statement else ConstraintViolated
        error = found[code] = await sql.refused(kind, "Execute", s.ExecuteRequest(statement=statement))
        assert error.metadata["sql_code"] == code
        assert "confidential" not in error.message + str(error.metadata)
    if sql.capabilities.dialect == "clickhouse":
        assert found["SYNTAX_ERROR"].metadata["position"] == "8"
        with pytest.raises(CallerError) as caught:
            await sql.rows(f"SELECT toInt64(v) FROM {table}")
        assert "confidential" not in caught.value.message + str(caught.value.metadata)
    if sql.capabilities.dialect == "postgresql":
        assert found["42601"].metadata["position"] == "1"
        await sql.execute(f"CREATE FUNCTION f_{table}() RETURNS int LANGUAGE sql AS $$ SELECT v::int FROM {table} $$")
        with pytest.raises(CallerError) as caught:
            await sql.rows(f"SELECT f_{table}()")
        assert caught.value.metadata["sql_code"] == "22P02"
        assert "confidential" not in caught.value.message + str(caught.value.metadata)
