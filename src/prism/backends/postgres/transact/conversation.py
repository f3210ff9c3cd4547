"""An interactive transaction on PostgreSQL, on a session of its own from `begin` to its end."""

from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Protocol, TypeVar

import asyncpg

from prism.backends.postgres.errors import translate
from prism.backends.postgres.transact.transaction import Placed, Transaction, numbered, refused, unnumbered
from prism.context import Context
from prism.errors import PrismError
from prism.interfaces.transact import Data, Mailed, Read, Result, WriteResponse
from prism.interfaces.transact import Rows as RowsMessage
from prism.sdk.transact import Mail

T = TypeVar("T")


class Mailer(Protocol):
    """What knows mailboxes, and those who wait for them."""

    async def placed(self, context: Context, mails: Sequence[Mail], *, create: bool) -> list[Placed]:
        """Mailboxes and shards of messages."""
        ...

    def tell(self, context: Context, mails: Sequence[Mail]) -> None:
        """Tells other gateways of messages that are committed."""
        ...


class PostgresConversation:
    """`prism.sdk.transact.interactive.OpenTransaction` of PostgreSQL.

    Args:
        store: knows the mailboxes.
        context: of the call.
        stack: ends the transaction, and gives its session back.
        transaction: that has begun.
    """

    def __init__(self, store: Mailer, context: Context, stack: AsyncExitStack, transaction: Transaction) -> None:
        self._store = store
        self._context = context
        self._stack = stack
        self._transaction = transaction

    async def recall(self, key: str) -> tuple[bytes, WriteResponse] | None:
        """What was written under a key, which is locked from now on."""
        return await self._translated(self._transaction.recall(key))

    async def read(self, read: Read, limit: int) -> RowsMessage:
        """Rows."""
        return await self._translated(self._transaction.read(read, limit))

    async def change(self, data: Data, path: str) -> Result:
        """Changes rows."""
        return await self._translated(self._transaction.change(data, path))

    async def commit(
        self, mails: Sequence[Mail], key: str, fingerprint: bytes, results: Sequence[Result], *, create: bool
    ) -> Sequence[Mailed]:
        """Adds the messages and commits."""
        placed = await self._store.placed(self._context, mails, create=create)
        answer = unnumbered(results, placed)
        answer = await self._translated(self._finish(placed, key, fingerprint, answer))
        self._store.tell(self._context, mails)
        return answer.messages

    async def _finish(
        self, placed: Sequence[Placed], key: str, fingerprint: bytes, answer: WriteResponse
    ) -> WriteResponse:
        numbered(answer, await self._transaction.append(placed))
        if key:
            await self._transaction.remember([(self._context.namespace.encode(), key, fingerprint, answer)])
        await self._transaction.connected.commit()
        return answer

    async def _translated(self, work: Awaitable[T]) -> T:
        """The work; its errors are the contract's."""
        try:
            return await work
        except PrismError:
            raise
        except Exception as error:
            if isinstance(error, asyncpg.IntegrityConstraintViolationError):
                raise refused(error, "commit") from error
            raise translate(error, writes=True, sent=self._transaction.connected.committing) from error

    async def close(self) -> None:
        """Rolls back what is not committed."""
        with suppress(PrismError):
            await self._stack.aclose()
