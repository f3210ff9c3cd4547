"""Sql from a store that runs statements: what may be asked, how rows become messages, and where an answer ends."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Final, cast

from prism.context import Context
from prism.errors import FailedPrecondition, answer_too_large
from prism.interfaces import sql
from prism.interfaces.capabilities.sql import SqlCapabilities
from prism.sdk.sql.store import Access, SqlStore, Statement
from prism.sdk.sql.wire import RowsMessage
from prism.sdk.untaken import Untaken

_FIRST_ROWS: Final = 8
"""Rows of the first message: how large rows are is not known before."""
_MAX_ROWS: Final = 2_000
_BYTES: Final = 256 << 10
"""Bytes that a message of rows is to have, about."""
_FRAMING: Final = 16
"""Bytes that a row and its message need besides, at most."""


class StoredSql(sql.Sql, sql.Batches):
    """`prism.interfaces.sql.Sql` on a store.

    Args:
        store: runs the statements.
        access: what the configuration allows.
        idle_timeout: seconds without a row taken after which a Query is ended; None for none.
    """

    def __init__(self, store: SqlStore, access: Access, idle_timeout: float | None = None) -> None:
        self._store = store
        self._access = access
        self._idle_timeout = idle_timeout
        self._most = SqlCapabilities().max_payload

    def declare(self, capabilities: SqlCapabilities) -> None:
        """See `prism.sdk.binding.Declares`."""
        self._most = capabilities.max_payload

    async def query(self, request: sql.QueryRequest, context: Context) -> AsyncIterator[sql.QueryResponse]:
        """See Sql. Responses with rows are such messages in all that a host asks of them."""
        self._require("read")
        most = request.max_rows or sql.MAX_ROWS
        async with AsyncExitStack() as stack:
            answer = await stack.enter_async_context(
                self._store.query(Statement(request.statement, request.params), context)
            )
            untaken = Untaken(stack, self._idle_timeout)
            try:
                untaken.rest()
                yield sql.QueryResponse(columns=sql.Columns(columns=answer.columns))
                untaken.go_on()
                sent, wanted = 0, _FIRST_ROWS
                while True:
                    asked = min(wanted, most - sent + 1)  # one more than may be sent says whether there is one
                    rows = await answer.fetch(asked)
                    ended = len(rows) < asked
                    kept = rows[: most - sent]
                    for rows_of_one, size in self._messages(kept, sent):
                        wanted = max(1, min(_MAX_ROWS, 4 * len(rows_of_one), _BYTES * len(rows_of_one) // max(size, 1)))
                        untaken.rest()
                        yield cast("sql.QueryResponse", RowsMessage(rows_of_one))
                        untaken.go_on()
                    sent += len(kept)
                    if ended or len(rows) > len(kept):
                        break
            finally:
                await untaken.stop()
        yield sql.QueryResponse(end=sql.End(rows=sent, complete=ended and len(rows) == len(kept)))

    async def execute(self, request: sql.ExecuteRequest, context: Context) -> sql.ExecuteResponse:
        """See Sql."""
        self._require("write")
        statement = Statement(request.statement, request.params)
        (result,) = await self._store.execute([statement], context, self._most, autocommit=request.autocommit)
        return sql.ExecuteResponse(result=result)

    async def batch(self, request: sql.BatchRequest, context: Context) -> sql.BatchResponse:
        """See Batches."""
        self._require("write")
        statements = [
            Statement(each.statement, each.params, f"statements[{index}].")
            for index, each in enumerate(request.statements)
        ]
        return sql.BatchResponse(results=await self._store.execute(statements, context, self._most))

    def _require(self, wanted: Access) -> None:
        if self._access == "off":
            raise FailedPrecondition("Sql is off here: set `sql: read` or `sql: write` in the namespace's config")
        if wanted == "write" and self._access == "read":
            raise FailedPrecondition("this namespace only reads (`sql: read`); ask with Query")

    def _messages(self, rows: Sequence[bytes], before: int) -> Iterator[tuple[list[bytes], int]]:
        """The rows of each message, and their bytes: one message, unless they are too large for it."""
        held: list[bytes] = []
        size = 0
        for number, row in enumerate(rows, before + 1):
            more = len(row) + _FRAMING
            if held and (size + more > _BYTES or more > self._most):
                yield held, size
                held, size = [], 0
            if more > self._most:
                error = answer_too_large(more, self._most)
                error.metadata["row"] = str(number)
                raise error
            held.append(row)
            size += more
        if held:
            yield held, size
