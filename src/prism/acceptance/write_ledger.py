"""How the writes ended that were made while a store was broken, and which of the answers were not honest."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from prism.errors import Outcome, PrismError
from prism.wire.grpc.status import Code

DOCUMENTED = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "RESOURCE_EXHAUSTED"}
"""The statuses that docs/contract.md has for a store that is broken."""
RECOVERY_TIMEOUT = 60.0


class WriteLedger:
    """The numbers of what was written, by outcome.

    Attributes:
        acknowledged: those that succeeded.
        not_applied: those that failed and said so.
        unknown: those that failed and may have been applied.
        dishonest: answers that docs/contract.md does not allow, in words.
        began: the last number that was given out.
    """

    def __init__(self) -> None:
        self.acknowledged: set[int] = set()
        self.not_applied: set[int] = set()
        self.unknown: set[int] = set()
        self.dishonest: list[str] = []
        self.began = 0
        self._acknowledgement = asyncio.Event()

    @property
    def failed(self) -> int:
        """How many failed."""
        return len(self.not_applied) + len(self.unknown)

    def next(self) -> int:
        """Another number."""
        self.began += 1
        return self.began

    def success(self, number: int) -> None:
        """Notes one that succeeded."""
        self.acknowledged.add(number)
        self._acknowledgement.set()

    def failure(self, number: int, error: PrismError) -> None:
        """Notes one that failed."""
        if error.code.name not in DOCUMENTED:
            self.dishonest.append(f"status {error.code.name} is none of {sorted(DOCUMENTED)}: {error.message}")
        if error.outcome is None and error.code is not Code.DEADLINE_EXCEEDED:  # that may be the caller's own clock
            self.dishonest.append(f"no outcome: {error.code.name} {error.message}")
        (self.not_applied if error.outcome is Outcome.NOT_APPLIED else self.unknown).add(number)

    async def more(self, count: int) -> None:
        """Waits until so many more have succeeded."""
        goal = len(self.acknowledged) + count
        async with asyncio.timeout(RECOVERY_TIMEOUT):
            while len(self.acknowledged) < goal:
                self._acknowledgement.clear()
                await self._acknowledgement.wait()

    async def attempt(self, send: Callable[[int], Awaitable[None]]) -> bool:
        """Writes another number and notes how that ended; whether it succeeded."""
        number = self.next()
        try:
            await send(number)
        except PrismError as error:
            self.failure(number, error)
            return False
        self.success(number)
        return True

    def measurements(self) -> Mapping[str, float]:
        """The counts, for the report."""
        return {
            "acknowledged": len(self.acknowledged),
            "failed NOT_APPLIED": len(self.not_applied),
            "failed UNKNOWN": len(self.unknown),
        }
