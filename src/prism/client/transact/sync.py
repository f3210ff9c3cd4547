"""Transact for programs without an event loop."""

from types import TracebackType
from typing import Self

from prism.client.blocking import Blocking, iterates, pages_of, waits
from prism.client.transact import transact, transaction


class Transaction(Blocking[transaction.Transaction]):
    """A transaction; made by `Transact.transaction`, to be entered once."""

    read = waits(transaction.Transaction.read)
    write = waits(transaction.Transaction.write)
    commit = waits(transaction.Transaction.commit)
    rollback = waits(transaction.Transaction.rollback)

    @property
    def messages(self) -> tuple[tuple[str, int], ...]:
        """See its twin."""
        return self._twin.messages

    @property
    def duplicate(self) -> bool:
        """See its twin."""
        return self._twin.duplicate

    def __enter__(self) -> Self:
        self._loop.run(self._twin.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.run(self._twin.__aexit__(kind, error, traceback))


class Transact(Blocking[transact.Transact]):
    """The tables and mailboxes of one namespace; made by `Client.transact`."""

    write = waits(transact.Transact.write)
    create_mailbox = waits(transact.Transact.create_mailbox)
    describe_mailbox = waits(transact.Transact.describe_mailbox)
    mailboxes = pages_of(transact.Transact.mailboxes)
    read = iterates(transact.Transact.read)
    ack = waits(transact.Transact.ack)
    lease = waits(transact.Transact.lease)
    delete_reader = waits(transact.Transact.delete_reader)
    dead = pages_of(transact.Transact.dead)
    redrive = waits(transact.Transact.redrive)
    discard = waits(transact.Transact.discard)

    def transaction(
        self, *, isolation: transact.Isolation = "read_committed", idempotency_key: str = ""
    ) -> Transaction:
        """See its twin: commits where its block ends without an error."""

        async def made() -> transaction.Transaction:
            return self._twin.transaction(isolation=isolation, idempotency_key=idempotency_key)

        return Transaction(self._loop.run(made()), self._loop)
