"""Statements in a store's own language: what may be asked, how rows become messages, and where an answer ends."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Final, Literal, NamedTuple, Protocol

from prism.context import Context
from prism.errors import FailedPrecondition, InvalidArgument, Outcome, Violation, answer_too_large
from prism.interfaces import graph as g
from prism.interfaces.value import Value
from prism.sdk.graph.store import GraphStore
from prism.sdk.graph.stored_graph import StoredGraph
from prism.sdk.untaken import Untaken

Access = Literal["off", "read", "write"]
"""What the configuration lets callers do with statements of their own."""

_FRAMING: Final = 16
"""Bytes that a row and its message need besides, at most."""
_BYTES: Final = 256 << 10
"""Bytes that a message of rows has, about."""


class Statement(NamedTuple):
    """A statement of a caller's.

    Attributes:
        text: in the store's language.
        params: by their names.
    """

    text: str
    params: Mapping[str, Value]


class Answer(NamedTuple):
    """What a statement gives.

    Attributes:
        columns: their names.
        rows: as they come.
    """

    columns: Sequence[str]
    rows: AsyncIterator[Sequence[Value]]


class QueryStore(Protocol):
    """A store that runs statements."""

    def read(self, statement: Statement, context: Context) -> AbstractAsyncContextManager[Answer]:
        """Runs one that must not write; what is left of its rows at the end of the block is not fetched."""
        ...

    async def write(
        self, statement: Statement, context: Context, most: int
    ) -> tuple[Sequence[str], Sequence[Sequence[Value]]]:
        """Runs one, and commits it: its columns and rows.

        Raises:
            LimitExceeded: the rows have more than `most` bytes; nothing was applied.
        """
        ...


class QueriedGraph(StoredGraph, g.Queries):
    """Graph over a store that runs statements too.

    Args:
        store: of the graph.
        statements: runs them.
        access: what the configuration allows.
        idle_timeout: seconds without a row taken after which a Query is ended; None for none.
    """

    def __init__(
        self, store: GraphStore, statements: QueryStore, access: Access, idle_timeout: float | None = None
    ) -> None:
        super().__init__(store)
        self._statements = statements
        self._access = access
        self._idle_timeout = idle_timeout

    async def query(self, request: g.QueryRequest, context: Context) -> AsyncIterator[g.QueryResponse]:
        """See the .proto."""
        statement = self._admitted(request, "read")
        most = request.max_rows or g.MAX_ROWS
        sent = 0
        complete = True
        async with AsyncExitStack() as stack:
            answer = await stack.enter_async_context(self._statements.read(statement, context))
            untaken = Untaken(stack, self._idle_timeout)
            try:
                untaken.rest()
                yield g.QueryResponse(columns=g.Columns(names=answer.columns))
                untaken.go_on()
                page, size = g.Rows(), 0
                async for values in answer.rows:
                    if sent + len(page.rows) == most:
                        complete = False
                        break
                    row = g.Row(values=values)
                    own = row_size(row, self._capabilities.max_payload, sent + len(page.rows) + 1)
                    if page.rows and size + own > _BYTES:
                        untaken.rest()
                        yield g.QueryResponse(rows=page)
                        untaken.go_on()
                        sent += len(page.rows)
                        page, size = g.Rows(), 0
                    page.rows.append(row)
                    size += own
                if page.rows:
                    untaken.rest()
                    yield g.QueryResponse(rows=page)
                    untaken.go_on()
                    sent += len(page.rows)
            finally:
                await untaken.stop()
        yield g.QueryResponse(end=g.QueryEnd(rows=sent, complete=complete))

    async def execute(self, request: g.ExecuteRequest, context: Context) -> g.ExecuteResponse:
        """See the .proto."""
        statement = self._admitted(request, "write")
        columns, rows = await self._statements.write(statement, context, self._capabilities.max_payload - _FRAMING)
        return g.ExecuteResponse(columns=g.Columns(names=columns), rows=[g.Row(values=each) for each in rows])

    def _admitted(self, request: g.QueryRequest | g.ExecuteRequest, wanted: Access) -> Statement:
        outcome = Outcome.NOT_APPLIED if wanted == "write" else None
        if self._access == "off":
            raise FailedPrecondition(
                "statements are off here: set `query: read` or `query: write` in the namespace's config, for a graph "
                "that is its own",
                outcome=outcome,
            )
        if wanted == "write" and self._access == "read":
            raise FailedPrecondition("this namespace only reads (`query: read`); ask with Query", outcome=outcome)
        spoken = self._capabilities.query
        if request.language != spoken:
            violation = Violation("language", repr(request.language), f"this backend understands {spoken}")
            raise InvalidArgument(str(violation), violations=[violation], outcome=outcome)
        return Statement(request.text, request.params)


def row_size(row: g.Row, most: int, number: int) -> int:
    """The bytes that a row needs in a message.

    Raises:
        LimitExceeded: no message can hold it; the metadata has its number.
    """
    size = row.ByteSize() + _FRAMING
    if size > most:
        error = answer_too_large(size, most)
        error.metadata["row"] = str(number)
        raise error
    return size
