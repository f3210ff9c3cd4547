"""Transact as a workload: a message of a mailbox for each number, read back in the order of commits."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from prism.acceptance.callers.caller import Caller
from prism.acceptance.suites.transact.dsl import Transact, insert
from prism.acceptance.workload import Request, Witness, Workload
from prism.acceptance.write_ledger import WriteLedger
from prism.interfaces import transact as t

_BOX = "numbers"
_OF_CAPABILITIES: Mapping[str, Sequence[Request]] = {
    "idempotency_window": [("Write", t.WriteRequest(mailbox=[t.Mail(mailbox="m")], idempotency_key="k"))],
}


class TransactWorkload(Workload):
    """`prism.acceptance.workload.Workload` of Transact."""

    LANGUAGE = Transact
    WRITE = "Write"
    CALLERS = 8
    INVALID = (
        ("Write", t.WriteRequest(mailbox=[t.Mail(mailbox="m" * 513)]), "mailbox[0].mailbox"),
        ("Write", t.WriteRequest(data=[insert("", id="x")]), "data[0].collection"),
        ("DescribeMailbox", t.DescribeMailboxRequest(mailbox=""), "mailbox"),
    )

    def __init__(self, caller: Caller, namespace: str | None = None) -> None:
        super().__init__(caller, namespace)
        self._transact = Transact(caller, self.dsl.namespace)

    @staticmethod
    def requests(capability: str) -> Sequence[Request]:
        """See Workload."""
        return _OF_CAPABILITIES.get(capability, ())

    def write_request(self, number: int, value: int | None = None) -> t.WriteRequest:
        """See Workload. Numbers below one go to another mailbox: they only ask whether the store is well."""
        payload = b"%d" % (number if value is None else value)
        return t.WriteRequest(mailbox=[t.Mail(mailbox=_BOX if number > 0 else "other", payload=payload)])

    async def touch(self) -> None:
        """See Workload: a list of the mailboxes."""
        await self.dsl.call("ListMailboxes", t.ListMailboxesRequest())

    def witness(self, ledger: WriteLedger) -> AbstractAsyncContextManager[Witness]:
        """See Workload."""
        return _kept_numbers(self._transact, ledger)


class KeptNumbers(Witness):
    """What a mailbox holds of the numbers: `prism.acceptance.workload.Witness`."""

    def __init__(self, transact: Transact, ledger: WriteLedger) -> None:
        self._transact = transact
        self._ledger = ledger
        self._counts: Counter[int] = Counter()

    async def settle(self) -> None:
        """Reads all of it."""
        self._counts = Counter(int(each) for each in await self._transact.payloads(mailbox=_BOX))

    def faults(self) -> list[str]:
        """See Witness."""
        found = []
        there = set(self._counts)
        if lost := self._ledger.acknowledged - there:
            found.append(f"{len(lost)} acknowledged messages are not there")
        if ghosts := self._ledger.not_applied & there:
            found.append(f"{len(ghosts)} messages are there though writing them was NOT_APPLIED")
        if doubled := [number for number in self._ledger.acknowledged if self._counts[number] > 1]:
            found.append(f"{len(doubled)} messages are there more than once")
        return found

    def warned(self) -> bool:
        """See Witness: what is missing can be looked for."""
        return True

    def measurements(self) -> Mapping[str, float]:
        """See Witness."""
        return {"messages": self._counts.total()}


@asynccontextmanager
async def _kept_numbers(transact: Transact, ledger: WriteLedger) -> AsyncIterator[KeptNumbers]:
    await transact.create(_BOX)
    yield KeptNumbers(transact, ledger)


WORKLOAD = TransactWorkload
