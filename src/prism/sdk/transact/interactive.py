"""Interactive transactions: a stream of requests, each answered in turn; time and number are bounded (rule 4)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any, Protocol

from prism.context import Context
from prism.errors import AlreadyExists, LimitExceeded, Outcome, PrismError
from prism.interfaces import transact as t
from prism.sdk.transact.changes import check_data, refusal
from prism.sdk.transact.options import TransactOptions
from prism.sdk.transact.store import Mail
from prism.sdk.transact.stored_transact import StoredTransact

_ROWS = 100


class OpenTransaction(Protocol):
    """A transaction that has begun in a store."""

    async def recall(self, key: str) -> tuple[bytes, t.WriteResponse] | None:
        """Fingerprint and answer of what was written under a key, which is locked from now on."""
        ...

    async def read(self, read: t.Read, limit: int) -> t.Rows:
        """Rows."""
        ...

    async def change(self, data: t.Data, path: str) -> t.Result:
        """Changes rows."""
        ...

    async def commit(
        self, mails: Sequence[Mail], key: str, fingerprint: bytes, results: Sequence[t.Result], *, create: bool
    ) -> Sequence[t.Mailed]:
        """Adds the messages and commits."""
        ...

    async def close(self) -> None:
        """Rolls back what is not committed; raises nothing."""
        ...


class Begins(Protocol):
    """A store that has interactive transactions."""

    async def begin(self, context: Context, *, serializable: bool) -> OpenTransaction:
        """Begins one."""
        ...


class InteractiveTransact(StoredTransact, t.Interactive):
    """Transact with the capability `interactive`.

    Args:
        store: what keeps it; also begins transactions.
        options: of the backend's configuration.
    """

    def __init__(self, store: Any, options: TransactOptions) -> None:
        super().__init__(store, options)
        self._begins: Begins = store
        self.open = 0

    async def transaction(
        self, requests: AsyncIterator[t.TransactionRequest], context: Context
    ) -> AsyncGenerator[t.TransactionResponse, None]:
        """4: a transaction as long as its stream."""
        if self.open >= self.options.max_interactive:
            raise LimitExceeded(
                f"{self.open} interactive transactions are open, which is max_interactive; wait until one ends",
                outcome=Outcome.NOT_APPLIED,
                retry_after=0.1,
            )
        self.open += 1
        conversation = _Conversation(self, requests, context)
        try:
            async for response in conversation.responses(self._begins):
                yield response
        finally:
            self.open -= 1
            await conversation.close()


class _Over(Exception):
    """The transaction's time is over, or its requests are."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class _Conversation:
    def __init__(
        self, transact: StoredTransact, requests: AsyncIterator[t.TransactionRequest], context: Context
    ) -> None:
        self._transact = transact
        self._options = transact.options
        self._requests = requests
        self._context = context
        self._draining = asyncio.create_task(context.draining.wait())
        self._coming: asyncio.Task[t.TransactionRequest] | None = None
        self._transaction: OpenTransaction | None = None
        self._end = 0.0
        self._key = ""
        self._written = sha256()
        self._known: t.WriteResponse | None = None
        self._known_fingerprint = b""
        self._results: list[t.Result] = []
        self._mails: list[Mail] = []

    async def close(self) -> None:
        """Rolls back what is not committed."""
        self._draining.cancel()
        if self._coming is not None:
            self._coming.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._coming
        if self._transaction is not None:
            await self._transaction.close()

    async def responses(self, store: Begins) -> AsyncGenerator[t.TransactionResponse, None]:
        """One for each request, to the end."""
        self._end = asyncio.get_running_loop().time() + self._options.max_age
        try:
            first = await self._next()
        except _Over as over:
            yield _aborted(over.reason, str(over))
            return
        if not first.HasField("begin"):
            raise refusal("request", first.WhichOneof("request") or "nothing", "the first request is `begin`")
        begin = first.begin
        serializable = begin.isolation == t.Isolation.TRANSACT_ISOLATION_SERIALIZABLE
        self._transaction = await store.begin(self._context, serializable=serializable)
        self._key = begin.idempotency_key
        if self._key and (found := await self._transaction.recall(self._key)) is not None:
            self._known_fingerprint, self._known = found
        yield t.TransactionResponse(began={})
        while True:
            try:
                request = await self._next()
                # A COMMIT that is broken off may be applied: it has the store's own limits.
                async with asyncio.timeout_at(None if request.HasField("commit") else self._end):
                    response = await self._answer(self._transaction, request)
            except _Over as over:
                response = _aborted(over.reason, str(over))
            except TimeoutError:
                response = _aborted("TOO_LONG", f"it lasted for {self._options.max_age:g} s, and was rolled back")
            except PrismError as error:
                if error.outcome is Outcome.UNKNOWN:
                    raise
                response = _aborted(error.reason, error.message)
            if response.WhichOneof("response") in {"aborted", "rolled_back"}:
                await self._transaction.close()
            yield response
            if response.WhichOneof("response") in {"committed", "aborted", "rolled_back"}:
                return

    async def _next(self) -> t.TransactionRequest:
        """The next request; raises _Over."""
        loop = asyncio.get_running_loop()
        left = self._end - loop.time()
        idle = self._options.idle_timeout
        self._coming = asyncio.ensure_future(anext(self._requests))
        await asyncio.wait(
            (self._coming, self._draining), timeout=max(min(idle, left), 0), return_when=asyncio.FIRST_COMPLETED
        )
        if self._coming.done():
            coming, self._coming = self._coming, None
            try:
                return coming.result()
            except StopAsyncIteration:
                raise _Over("CANCELLED", "its requests ended without `commit`, and it was rolled back") from None
        if self._draining.done():
            raise _Over("DRAINING", "its gateway drains, and it was rolled back; begin it again")
        if left <= idle:
            raise _Over("TOO_LONG", f"it lasted for {self._options.max_age:g} s, and was rolled back")
        raise _Over("IDLE", f"no request came for {idle:g} s, and it was rolled back")

    async def _answer(self, transaction: OpenTransaction, request: t.TransactionRequest) -> t.TransactionResponse:
        match request.WhichOneof("request"):
            case "read":
                return t.TransactionResponse(rows=await transaction.read(request.read, request.read.limit or _ROWS))
            case "write":
                return t.TransactionResponse(written=await self._write(transaction, request.write))
            case "commit":
                return t.TransactionResponse(committed=await self._commit(transaction))
            case "rollback":
                return t.TransactionResponse(rolled_back={})
        raise refusal("request", "begin", "a transaction begins once")

    async def _write(self, transaction: OpenTransaction, step: t.Step) -> t.Written:
        for index, data in enumerate(step.data):
            check_data(data, f"write.data[{index}]")
        self._mails += self._transact.mails(step.mailbox, self._context, "write.mailbox")
        self._written.update(step.SerializeToString(deterministic=True))
        if self._known is not None:
            done = len(self._results)
            results = list(self._known.results[done : done + len(step.data)])
            if len(results) < len(step.data):
                raise _other_request()
        else:
            results = [await transaction.change(data, f"write.data[{n}]") for n, data in enumerate(step.data)]
        self._results += results
        return t.Written(results=results)

    async def _commit(self, transaction: OpenTransaction) -> t.Committed:
        fingerprint = self._written.digest()
        if self._known is not None:
            if self._known_fingerprint != fingerprint:
                raise _other_request()
            await transaction.close()
            return t.Committed(messages=self._known.messages, duplicate=True)
        create = self._options.create
        messages = await transaction.commit(self._mails, self._key, fingerprint, self._results, create=create)
        self._transact.written(self._context, self._mails)
        return t.Committed(messages=messages)


def _other_request() -> AlreadyExists:
    return AlreadyExists(
        "the idempotency_key was used for another transaction; use another key", outcome=Outcome.NOT_APPLIED
    )


def _aborted(reason: str, message: str) -> t.TransactionResponse:
    return t.TransactionResponse(aborted=t.Aborted(reason=reason, message=message))
