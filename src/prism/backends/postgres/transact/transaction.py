"""One transaction on a session: changes of rows, then messages and what is remembered, last before COMMIT."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg

from prism.backends.postgres.errors import translate
from prism.backends.postgres.sessions import Rows
from prism.backends.postgres.statements import Statement
from prism.backends.postgres.transact import statements
from prism.backends.postgres.transact.collections import Collections, PostgresBinder
from prism.backends.postgres.transact.sessions import Connected
from prism.errors import (
    CallerError,
    Conflict,
    ConstraintViolated,
    FailedPrecondition,
    InvalidArgument,
    Outcome,
    PrismError,
)
from prism.interfaces.transact import Data, Mailed, Message, Read, Result, Row, WriteResponse
from prism.interfaces.transact import Rows as RowsMessage
from prism.interfaces.value import Value
from prism.sdk.transact import change_of
from prism.sdk.transact.changes import condition_failed, select_of
from prism.sdk.transact.store import Mail, full

IDEMPOTENCY_WINDOW = 24 * 3_600_000_000
FULL = "PRM01"
"""The state of a mailbox that has its backlog, as `transact_finish` raises it."""

_STALE = (asyncpg.UndefinedColumnError, asyncpg.UndefinedTableError, asyncpg.InvalidCachedStatementError)
"""A table is not what it was when it was described."""

Placed = tuple[Mail, int, int]
"""A message, the number of its mailbox, and its shard."""


class Transaction:
    """What one transaction does, once it has begun.

    Args:
        connected: the session.
        collections: the tables that may be named.
        schema: Prism's.
        space: the namespace.
        serializable: the level of isolation.
        lock_timeout: seconds that it waits for shards.
        require_room: raises where mailboxes have their backlog; for a transaction whose snapshot does not show it.
    """

    def __init__(
        self,
        connected: Connected,
        collections: Collections,
        schema: str,
        space: bytes,
        *,
        serializable: bool,
        lock_timeout: float,
        require_room: Callable[[Sequence[Placed]], Awaitable[None]],
    ) -> None:
        self.connected = connected
        self._collections = collections
        self._schema = schema
        self._space = space
        self._serializable = serializable
        self._require_room = require_room
        self._lock_timeout = f"{round(lock_timeout * 1000)}"

    async def _run(self, statement: Statement, *arguments: Any) -> Rows:
        return await self.connected.fetch(statement.sql(self._schema), *arguments)

    async def recall(self, key: str, space: bytes | None = None) -> tuple[bytes, WriteResponse] | None:
        """What was written under a key, which is locked from now on; of the namespace, unless another one is given."""
        ((fingerprint, answer),) = await self._run(statements.RECALL, space or self._space, key.encode())
        return None if fingerprint is None else (bytes(fingerprint), WriteResponse.FromString(answer))

    async def change(self, data: Data, path: str) -> Result:
        """Changes rows."""
        described = await self._collections.find(data.collection)
        try:
            change = change_of(data, described.table, PostgresBinder(described.types), path)
            rows, count = await self.connected.change(change.sql, *change.parameters)
        except CallerError:
            self._collections.doubt()  # the table may have got what the request names; then the next try succeeds
            raise
        except _STALE as error:
            raise self._changed(data.collection) from error
        except asyncpg.PostgresError as error:
            raise refused(error, path) from error
        result = Result(rows=count)
        if rows and change.returning:
            for column, text in zip(change.returning, rows[0], strict=True):
                result.generated[column.name].CopyFrom(_value(described.types[column.name].read_text, text))
        if data.HasField("expect_rows") and data.expect_rows != count:
            raise condition_failed(path, count, data.expect_rows)
        return result

    async def read(self, read: Read, limit: int) -> RowsMessage:
        """Rows, and whether there are more."""
        described = await self._collections.find(read.collection)
        try:
            select = select_of(read, described.table, PostgresBinder(described.types), limit)
            found = await self.connected.fetch(select.sql, *select.parameters)
        except CallerError:
            self._collections.doubt()
            raise
        except _STALE as error:
            raise self._changed(read.collection) from error
        except asyncpg.PostgresError as error:
            raise refused(error, "read") from error
        answer = RowsMessage(more=len(found) > limit)
        for row in found[:limit]:
            values = {
                column.name: _value(described.types[column.name].read_text, text)
                for column, text in zip(select.returning, row, strict=True)
            }
            answer.rows.append(Row(values=values))
        return answer

    def _changed(self, collection: str) -> FailedPrecondition:
        self._collections.forget()
        return FailedPrecondition(f"{collection} was changed a moment ago; try again", outcome=Outcome.NOT_APPLIED)

    async def append(self, placed: Sequence[Placed]) -> Sequence[int]:
        """Adds the messages; the sequences. Shards are locked from now on: nothing long is done after it but COMMIT."""
        if not placed:
            return ()
        if self._serializable:
            await self._require_room(placed)
        mails = [mail for mail, _, _ in placed]
        try:
            ((_, sequences),) = await self._run(
                statements.APPEND,
                [number for _, number, _ in placed],
                [shard for _, _, shard in placed],
                [each.message_id for each in mails],
                [each.ordering_key.encode() or None for each in mails],
                [each.traceparent or None for each in mails],
                [
                    Message(attributes=each.attributes).SerializeToString() if each.attributes else None
                    for each in mails
                ],
                [each.payload for each in mails],
                not self._serializable,
                self._lock_timeout,
            )
        except asyncpg.PostgresError as error:
            raise refused(error, "mailbox") from error
        found: Sequence[int] = sequences
        return found

    async def remember(self, answers: Sequence[tuple[bytes, str, bytes, WriteResponse]]) -> None:
        """Keeps answers under their keys.

        Raises:
            Conflict: another transaction has used one since this one began.
        """
        if not answers:
            return
        rows = await self._run(
            statements.REMEMBER,
            [space for space, _, _, _ in answers],
            [key.encode() for _, key, _, _ in answers],
            [fingerprint for _, _, fingerprint, _ in answers],
            [answer.SerializeToString() for _, _, _, answer in answers],
            IDEMPOTENCY_WINDOW,
        )
        if len(rows) < len(answers):
            raise Conflict("an idempotency_key is in use at this moment; try again", outcome=Outcome.NOT_APPLIED)


def unnumbered(results: Sequence[Result], placed: Sequence[Placed]) -> WriteResponse:
    """What is answered, before the messages have their sequences."""
    return WriteResponse(
        results=results, messages=[Mailed(message_id=mail.message_id, shard=shard) for mail, _, shard in placed]
    )


def numbered(answer: WriteResponse, sequences: Sequence[int]) -> WriteResponse:
    """The same with them."""
    for message, sequence in zip(answer.messages, sequences, strict=True):
        message.sequence = sequence
    return answer


def refused(error: asyncpg.PostgresError, path: str) -> PrismError:
    """What the server's refusal of a change means; nothing was applied, for it has rolled all of it back."""
    if error.sqlstate == FULL:
        waiting, _, name = (error.detail or "0 ").partition(" ")
        return full(bytes.fromhex(name).decode(), int(waiting))
    if isinstance(error, (asyncpg.IntegrityConstraintViolationError, asyncpg.RaiseError)):
        name = getattr(error, "constraint_name", None) or getattr(error, "column_name", None) or ""
        return ConstraintViolated(
            f"{path}: the table refuses the row, and nothing was written ({type(error).__name__} {error.sqlstate}"
            f"{f', {name}' if name else ''}); correct the row",
            metadata={"constraint": name, "sqlstate": error.sqlstate or ""},
            outcome=Outcome.NOT_APPLIED,
        )
    if isinstance(error, asyncpg.DataError):
        return InvalidArgument(
            f"{path}: a column does not take its value ({type(error).__name__} {error.sqlstate}); correct the value",
            metadata={"sqlstate": error.sqlstate or ""},
            outcome=Outcome.NOT_APPLIED,
        )
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return FailedPrecondition(
            f"{path}: the gateway's role may not do this; GRANT it what it needs on the table",
            outcome=Outcome.NOT_APPLIED,
        )
    return translate(error, writes=True, sent=False)  # COMMIT was not sent


def _value(read: Any, text: str | None) -> Value:
    made: Value = Value(null="NULL_VALUE") if text is None else read(text)
    return made
