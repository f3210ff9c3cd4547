"""An interactive transaction as an application sees it: a block that commits where it ends without an error."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from prism.client.headers import NamespaceHeaders
from prism.client.transact.changes import Change, Mail, Row
from prism.client.transport import Transport
from prism.client.values import from_value, to_value
from prism.errors import Conflict, InternalError, Outcome, PrismError
from prism.interfaces import transact as t
from prism.interfaces.filter import Filter
from prism.interfaces.operation import Operation
from prism.wire.grpc.deadline import Deadline


class TransactionAborted(Conflict):
    """The transaction was rolled back by the store or its gateway; `reason` says why. Nothing of it is there."""


class Transaction:
    """A transaction; made by `Transact.transaction`, to be entered once.

    Attributes:
        messages: of those that it wrote, id and sequence; once it is committed.
        duplicate: it had been committed before under its idempotency key.
    """

    def __init__(
        self,
        transport: Transport,
        headers: NamespaceHeaders,
        operation: Operation,
        begin: t.Begin,
        deadline: Deadline | None,
    ) -> None:
        self.messages: tuple[tuple[str, int], ...] = ()
        self.duplicate = False
        self._asked: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._answers: AsyncGenerator[bytes, None] = transport.stream(operation, self._requests(), headers, deadline)
        self._begin = begin
        self._over = False

    async def _requests(self) -> AsyncGenerator[bytes, None]:
        while (request := await self._asked.get()) is not None:
            yield request

    async def __aenter__(self) -> Self:
        try:
            await self._ask("began", begin=self._begin)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self._over:
                return
            if kind is None:
                await self.commit()
            elif issubclass(kind, Exception):
                with suppress(PrismError):  # the block's own error is the one to see
                    await self.rollback()
        finally:
            await self._end()

    async def _end(self) -> None:
        self._asked.put_nowait(None)
        await self._answers.aclose()

    async def read(
        self,
        collection: str,
        *,
        key: Row | None = None,
        where: Filter | None = None,
        fields: Sequence[str] = (),
        limit: int = 100,
        for_update: bool = False,
    ) -> list[dict[str, Any]]:
        """Rows, as this transaction sees them; with `for_update` no other one changes them until it ends."""
        request = t.Read(collection=collection, where=where, fields=fields, limit=limit, for_update=for_update)
        for name, value in (key or {}).items():
            request.key[name].CopyFrom(to_value(value))
        answer = await self._ask("rows", read=request)
        return [{name: from_value(each) for name, each in row.values.items()} for row in answer.rows.rows]

    async def write(self, *changes: Change, mail: Sequence[Mail] = ()) -> list[Mapping[str, Any]]:
        """Changes rows, and adds messages when it commits; of each inserted row what the store gave."""
        step = t.Step(data=[each.message for each in changes], mailbox=[each.message for each in mail])
        answer = await self._ask("written", write=step)
        return [
            {name: from_value(value) for name, value in result.generated.items()} for result in answer.written.results
        ]

    async def commit(self) -> None:
        """Commits; the block may end then."""
        answer = await self._ask("committed", commit={})
        self._over = True
        self.messages = tuple((each.message_id, each.sequence) for each in answer.committed.messages)
        self.duplicate = answer.committed.duplicate

    async def rollback(self) -> None:
        """Rolls back; the block may end then."""
        await self._ask("rolled_back", rollback={})
        self._over = True

    async def _ask(self, expected: str, **request: Any) -> t.TransactionResponse:
        self._asked.put_nowait(t.TransactionRequest(**request).SerializeToString())
        try:
            response = t.TransactionResponse.FromString(await anext(self._answers))
        except StopAsyncIteration:
            self._over = True
            raise InternalError(
                "the transaction's stream ended without an answer; read what is there before trying again",
                outcome=Outcome.UNKNOWN if "commit" in request else Outcome.NOT_APPLIED,
            ) from None
        except BaseException:
            self._over = True
            raise
        if response.HasField("aborted"):
            self._over = True
            aborted = response.aborted
            raise TransactionAborted(aborted.message, reason=aborted.reason, outcome=Outcome.NOT_APPLIED)
        if response.WhichOneof("response") != expected:
            raise InternalError(f"the gateway answered {response.WhichOneof('response')} where {expected} was expected")
        return response
