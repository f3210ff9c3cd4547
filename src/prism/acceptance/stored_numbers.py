"""What becomes of numbers that are written to an abstraction that keeps them: read back once all is well again."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from prism.acceptance.store.polling import eventually
from prism.acceptance.workload import StoringWorkload, Witness
from prism.acceptance.write_ledger import WriteLedger
from prism.errors import BackendUnavailable


class StoredNumbers(Witness):
    """What is there of the numbers.

    Args:
        workload: where the numbers are written.
        ledger: how their writing ended.
        may_be_gone: an acknowledged number may be missing, which is then counted; its name never holds another value.
    """

    def __init__(self, workload: StoringWorkload, ledger: WriteLedger, *, may_be_gone: bool) -> None:
        self._workload = workload
        self._ledger = ledger
        self._may_be_gone = may_be_gone
        self._gone: set[int] = set()
        self._ghosts: set[int] = set()
        self._wrong: set[int] = set()

    async def settle(self) -> None:
        """Reads all of them; again where a connection turns out to have been cut before."""
        await eventually(self._read, "pools hold connections that were cut, and nothing tells which")

    async def _read(self) -> bool:
        try:
            await self._look()
        except BackendUnavailable:
            return False
        return True

    async def _look(self) -> None:
        self._gone = self._ledger.acknowledged - await self._workload.found(self._ledger.acknowledged)
        self._ghosts = await self._workload.found(self._ledger.not_applied)
        self._wrong = {number for number in self._gone if await self._workload.read(number) is not None}

    def faults(self) -> list[str]:
        """See Witness."""
        found = []
        if self._gone and not self._may_be_gone:
            found.append(f"{len(self._gone)} acknowledged writes are not there")
        if self._ghosts:
            found.append(f"{len(self._ghosts)} writes are there though they were NOT_APPLIED")
        if self._wrong:
            found.append(f"{len(self._wrong)} names hold what was never written under them")
        return found

    def warned(self) -> bool:
        """See Witness."""
        return True

    def measurements(self) -> Mapping[str, float]:
        """See Witness."""
        return {"acknowledged and gone": len(self._gone)} if self._may_be_gone else {}


@asynccontextmanager
async def stored_numbers(
    workload: StoringWorkload, ledger: WriteLedger, *, may_be_gone: bool = False
) -> AsyncIterator[StoredNumbers]:
    """The witness; nothing has to be in place beforehand."""
    yield StoredNumbers(workload, ledger, may_be_gone=may_be_gone)
