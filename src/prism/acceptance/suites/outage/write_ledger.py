"""How the calls ended that were made while a store was in trouble, and what of that was no honest answer."""

import asyncio
from collections.abc import Awaitable, Callable

from prism.errors import Outcome, PrismError
from prism.wire.grpc.status import Code

DOCUMENTED = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "RESOURCE_EXHAUSTED"}
"""The statuses that docs/contract.md has for a store in trouble."""
PATIENCE = 60.0

Figure = Callable[[str, float], None]
"""Records a count for the report."""


class Told:
    """The numbers of what was written or published, by outcome.

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
        async with asyncio.timeout(PATIENCE):
            while len(self.acknowledged) < goal:
                self._acknowledgement.clear()
                await self._acknowledgement.wait()

    async def through(
        self, trouble: Callable[[], Awaitable[None]], send: Callable[[int], Awaitable[None]], callers: int
    ) -> None:
        """So many callers send number after number while `trouble` comes and goes; ends when all goes on after it."""
        done = asyncio.Event()

        async def call() -> None:
            while not done.is_set():
                number = self.next()
                try:
                    await send(number)
                    self.success(number)
                except PrismError as error:
                    self.failure(number, error)
                    await asyncio.sleep(0.01)  # a refusal at once is no reason to ask at once again

        calling = [asyncio.create_task(call()) for _ in range(callers)]
        try:
            await self.more(100)
            await trouble()
            await self.more(100)
        finally:
            done.set()
            await asyncio.gather(*calling)

    def record(self, figure: Figure) -> None:
        """The counts, for the report."""
        for name, numbers in (
            ("acknowledged", self.acknowledged),
            ("failed NOT_APPLIED", self.not_applied),
            ("failed UNKNOWN", self.unknown),
        ):
            figure(name, len(numbers))
