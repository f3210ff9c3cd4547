"""Sql in as few words as possible, for tests. A store's database is shared, so every table has a name of its own."""

import secrets
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from prism.acceptance.callers.caller import TIMEOUT
from prism.acceptance.dsl import Dsl, operations
from prism.acceptance.skips import not_applicable
from prism.client.values import from_value, to_value
from prism.interfaces import sql as s
from prism.interfaces.capabilities.sql import SqlCapabilities
from prism.interfaces.value import Kind, Value, kind_of

_PLACEHOLDERS: Final = {"postgresql": "$", "sqlite": "?"}
"""The signs of dialects that infer the types of parameters."""

SERIES: Final = {
    "postgresql": "SELECT generate_series(1, {}::bigint) AS n",
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {}) SELECT n FROM s",
    "clickhouse": "SELECT toInt64(number + 1) AS n FROM numbers({})",
}
"""The numbers from 1 on."""
FAILS_LATE: Final = {
    "postgresql": "SELECT n, 1 / (5000 - n) FROM generate_series(1, 10000) AS n",
    "sqlite": """WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 10000)
        SELECT n, CASE WHEN n = 5000 THEN abs(-9223372036854775807 - 1) ELSE 0 END FROM s""",
}
"""A statement that gives thousands of rows and then fails."""
FOR_EVER: Final = {
    "postgresql": "SELECT count(*) FROM generate_series(1, 1000000000000) AS n",
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s) SELECT count(*) FROM s",
    "clickhouse": """SELECT count(*) FROM (SELECT number AS n FROM numbers(1000000000000))
        WHERE NOT ignore(sipHash64(n))""",
}

TYPES: Final = {
    Kind.INT64: "Int64", Kind.STRING: "String", Kind.DOUBLE: "Float64", Kind.BYTES: "String",
    Kind.NULL: "Nullable(Int64)",
}  # fmt: skip
"""The types that ClickHouse's parameters have here, which say them themselves."""


@dataclass(frozen=True, slots=True)
class Got:
    """The answer to a Query, which came to its end.

    Attributes:
        columns: their names.
        kinds: of the columns.
        rows: each a list of plain values.
        complete: as `end` says.
        messages: so many had rows.
    """

    columns: list[str]
    kinds: list[str]
    rows: list[list[Any]]
    complete: bool
    messages: int


class Sql(Dsl):
    """Sql in one namespace; `{1}` in a statement is the first placeholder."""

    INTERFACE = s.INTERFACE
    OPERATIONS = operations(s.INTERFACE)
    capabilities: SqlCapabilities

    def of(self, by_dialect: Mapping[str, Any]) -> Any:
        """What is the dialect's; a test that has nothing for it is skipped."""
        dialect = self.capabilities.dialect
        return by_dialect[dialect] if dialect in by_dialect else not_applicable(f"{dialect} has no such thing")

    def text(self, statement: str, params: Sequence[Any] = ()) -> str:
        """The statement with the dialect's placeholders."""
        for number in range(1, 10):
            if self.capabilities.dialect == "clickhouse":
                kind = kind_of(value(params[number - 1])) if number <= len(params) else Kind.STRING
                place = f"{{p{number}:{TYPES.get(kind, 'String')}}}"
            else:
                place = f"{_PLACEHOLDERS[self.capabilities.dialect]}{number}"
            statement = statement.replace(f"{{{number}}}", place)
        return statement

    def cast(self, kind: str) -> str:
        """The first placeholder, of a type."""
        if self.capabilities.dialect == "clickhouse":
            return f"{{p1:{kind}}}"
        return f"{{1}}::{kind}" if kind else "{1}"

    async def table(self, columns: str = "id integer PRIMARY KEY, v text") -> str:
        """A new table; its name."""
        name = f"t_{secrets.token_hex(6)}"
        made = f"CREATE TABLE {name} ({columns})"
        if self.capabilities.dialect == "clickhouse":
            columns = columns.replace("integer PRIMARY KEY", "Int32").replace("v text", "v Nullable(String)")
            made = f"CREATE TABLE {name} ({columns}) ENGINE = MergeTree ORDER BY id"
        await self.execute(made)
        return name

    async def query(
        self, statement: str, *params: Any, max_rows: int = 0, via: int | None = None, timeout: float = TIMEOUT
    ) -> Got:
        """The rows of a statement, to the end of the stream."""
        request = s.QueryRequest(statement=self.text(statement, params), params=map(value, params), max_rows=max_rows)
        answers: Any = self.caller.stream(
            self.OPERATIONS["Query"], request, namespace=self.namespace, via=via, timeout=timeout
        )
        columns: s.Columns | None = None
        end: s.End | None = None
        rows: list[list[Any]] = []
        messages = 0
        async with aclosing(answers):
            async for each in answers:
                assert end is None, "nothing follows the end"
                if each.HasField("columns"):
                    assert columns is None
                    columns = each.columns
                elif each.HasField("rows"):
                    messages += 1
                    rows += [[from_value(one) for one in row.values] for row in each.rows.rows]
                else:
                    end = each.end
        assert columns is not None
        assert end is not None
        assert end.rows == len(rows)
        names = [each.name for each in columns.columns]
        return Got(names, [each.kind for each in columns.columns], rows, end.complete, messages)

    async def refused_query(self, request: s.QueryRequest) -> None:
        """Goes through an answer that must fail."""
        async for _ in self.open("Query", request):
            pass

    async def rows(self, statement: str, *params: Any, via: int | None = None) -> list[list[Any]]:
        """Its rows alone."""
        return (await self.query(statement, *params, via=via)).rows

    async def execute(
        self, statement: str, *params: Any, via: int | None = None, timeout: float = TIMEOUT, **more: Any
    ) -> s.Result:
        """Runs a statement that may write."""
        request = s.ExecuteRequest(statement=self.text(statement, params), params=map(value, params), **more)
        answer: s.ExecuteResponse = await self.call("Execute", request, via=via, timeout=timeout)
        return answer.result

    async def batch(self, *statements: str | tuple[Any, ...], via: int | None = None) -> list[s.Result]:
        """Runs statements in one transaction, each a text, or one with its parameters."""
        given = [each if isinstance(each, tuple) else (each,) for each in statements]
        request = s.BatchRequest(
            statements=[
                s.Statement(statement=self.text(each[0], each[1:]), params=map(value, each[1:])) for each in given
            ]
        )
        answer: s.BatchResponse = await self.call("Batch", request, via=via)
        return list(answer.results)


def value(given: Any) -> Value:
    """A value, of a plain one too."""
    return given if isinstance(given, Value) else to_value(given)


def plain(result: s.Result) -> list[list[Any]]:
    """The rows of a result."""
    return [[from_value(each) for each in row.values] for row in result.rows]
