"""Sql for applications: statements in the store's own dialect, parameters and rows as plain Python.

What each operation means: docs/contract.md and prism/data/v1/sql.proto; what values are in Python:
`prism.client.values`. Every method may raise a `PrismError`; what a failed write did to the store is the error's
`outcome`. `timeout` is in seconds (or a timedelta).
"""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, overload

from prism.client.arguments import Seconds
from prism.client.headers import NamespaceHeaders
from prism.client.transport import Transport
from prism.client.values import Plain, from_value, to_value
from prism.errors import InternalError
from prism.interfaces import sql as messages
from prism.interfaces.value import Value

_OPERATIONS = {operation.method: operation for operation in messages.INTERFACE.operations}
_ALL: Final = 2**63 - 1

Statement = str | tuple[Any, ...]
"""A statement, or one and its parameters: `("DELETE FROM t WHERE id = $1", 7)`."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an answer.

    Attributes:
        name: as the statement gives it; may come twice.
        kind: of its values, `int64`, `string`, ...; `dynamic` where each row decides.
        store_type: as the store calls its type; may be empty.
    """

    name: str
    kind: str
    store_type: str


class Record(Sequence[Any]):
    """A row: by number, `row[0]`, or by the name of a column, `row["id"]`; the last one counts of those alike."""

    __slots__ = ("_names", "_values")

    def __init__(self, names: Mapping[str, int], values: tuple[Any, ...]) -> None:
        self._names = names
        self._values = values

    @overload
    def __getitem__(self, place: int | str) -> Any: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Any]: ...

    def __getitem__(self, place: int | str | slice) -> Any:
        return self._values[self._names[place] if isinstance(place, str) else place]

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __eq__(self, other: object) -> bool:
        return self._values == (other._values if isinstance(other, Record) else other)

    def __hash__(self) -> int:
        return hash(self._values)

    def __repr__(self) -> str:
        return f"Record({self.as_dict()!r})"

    def as_dict(self) -> dict[str, Any]:
        """By the names of the columns."""
        return {name: self._values[place] for name, place in self._names.items()}


@dataclass(frozen=True, slots=True)
class Records:
    """Rows of an answer.

    Attributes:
        columns: of the rows.
        rows: those that came.
        complete: there was no further row; else `max_rows` was reached.
    """

    columns: tuple[Column, ...]
    rows: list[Record]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Executed:
    """What a statement that may write did.

    Attributes:
        rows_affected: rows that it inserted, changed, removed or gave, as the store counts them.
        columns: of its rows.
        rows: those that it gave (RETURNING).
    """

    rows_affected: int
    columns: tuple[Column, ...]
    rows: list[Record]


class Sql:
    """The database of one namespace; made by `Client.sql`."""

    def __init__(self, transport: Transport, headers: NamespaceHeaders) -> None:
        self._transport = transport
        self._headers = headers

    async def query(
        self, statement: str, *params: Plain, max_rows: int = messages.MAX_ROWS, timeout: Seconds | None = None
    ) -> Records:
        """The rows of a statement that reads, at most `max_rows`; `complete` says whether there was no further one."""
        found, rows = Records((), []), list[Record]()
        async with aclosing(self.batches(statement, *params, max_rows=max_rows, timeout=timeout)) as batches:
            async for each in batches:
                found = each
                rows += each.rows
        return Records(found.columns, rows, found.complete)

    async def stream(
        self, statement: str, *params: Plain, max_rows: int | None = None, timeout: Seconds | None = None
    ) -> AsyncGenerator[Record, None]:
        """The rows one by one as they come from the store, all of them unless `max_rows` is given.

        Closing the generator stops the statement in the store. Without a `timeout` it has no limit of time.
        """
        limit = _ALL if max_rows is None else max_rows
        async with aclosing(self.batches(statement, *params, max_rows=limit, timeout=timeout)) as batches:
            async for each in batches:
                for row in each.rows:
                    yield row

    async def batches(
        self, statement: str, *params: Plain, max_rows: int | None = None, timeout: Seconds | None = None
    ) -> AsyncGenerator[Records, None]:
        """The rows as they come, some at a time; the first ones may be none, and the last say `complete`."""
        request = messages.QueryRequest(
            statement=statement, params=_values(params), max_rows=_ALL if max_rows is None else max_rows
        )
        deadline = None if timeout is None else self._transport.deadline(timeout)
        operation = _OPERATIONS["query"]
        columns: tuple[Column, ...] = ()
        names: dict[str, int] = {}
        ended = False
        responses = self._transport.stream(operation, request.SerializeToString(), self._headers, deadline)
        async with aclosing(responses):
            async for payload in responses:
                response = messages.QueryResponse.FromString(payload)
                match response.WhichOneof("response"):
                    case "columns":
                        columns = _columns(response.columns.columns)
                        names = {each.name: place for place, each in enumerate(columns)}
                        yield Records(columns, [])
                    case "rows":
                        yield Records(columns, _records(names, response.rows.rows))
                    case "end":
                        ended = True
                        yield Records(columns, [], complete=response.end.complete)
        if not ended:
            raise InternalError("the answer was cut: it came without its end")

    async def execute(
        self, statement: str, *params: Plain, autocommit: bool = False, timeout: Seconds | None = None
    ) -> Executed:
        """Runs a statement that may write, and commits it.

        Args:
            statement: one statement.
            params: its parameters.
            autocommit: outside a transaction, for statements that refuse one, such as VACUUM.
            timeout: see above.
        """
        request = messages.ExecuteRequest(statement=statement, params=_values(params), autocommit=autocommit)
        answer = await self._transport.unary(
            _OPERATIONS["execute"], request.SerializeToString(), self._headers, timeout
        )
        return _executed(messages.ExecuteResponse.FromString(answer).result)

    async def batch(self, *statements: Statement, timeout: Seconds | None = None) -> list[Executed]:
        """Runs statements in one transaction: all of them, or none."""
        given = [each if isinstance(each, tuple) else (each,) for each in statements]
        request = messages.BatchRequest(
            statements=[messages.Statement(statement=text, params=_values(params)) for text, *params in given]
        )
        answer = await self._transport.unary(_OPERATIONS["batch"], request.SerializeToString(), self._headers, timeout)
        return [_executed(each) for each in messages.BatchResponse.FromString(answer).results]


def _values(params: Sequence[Any]) -> list[Value]:
    return [to_value(each) for each in params]


def _columns(columns: Sequence[messages.Column]) -> tuple[Column, ...]:
    return tuple(Column(each.name, each.kind, each.store_type) for each in columns)


def _records(names: Mapping[str, int], rows: Sequence[messages.Row]) -> list[Record]:
    return [Record(names, tuple(map(from_value, row.values))) for row in rows]


def _executed(result: messages.Result) -> Executed:
    columns = _columns(result.columns)
    names = {each.name: place for place, each in enumerate(columns)}
    return Executed(result.rows_affected, columns, _records(names, result.rows))
