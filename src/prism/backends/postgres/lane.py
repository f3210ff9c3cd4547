"""Lanes: where calls queue for PostgreSQL, wait no longer than their deadlines, and go on without a caller who left.

The lanes of a backend have together as many batches in flight as it may have sessions.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from prism.context import Context
from prism.errors import BackendCredentials, BackendUnavailable, DeadlineExceeded, Outcome, PrismError
from prism.sdk import Bounds, Coalescer


class Call:
    """What a lane carries.

    Attributes:
        started: its batch is under way.
    """

    __slots__ = ("started",)

    def __init__(self) -> None:
        self.started = False


class Work(Call):
    """A call that shares its transaction with no other."""

    __slots__ = ("run",)

    def __init__(self, run: Callable[[], Awaitable[Any]]) -> None:
        self.started = False
        self.run = run


Member = TypeVar("Member", bound=Call)
Answer = TypeVar("Answer")


class Lane(Generic[Member, Answer]):
    """A coalescer whose callers have deadlines.

    Args:
        run: carries out a batch, as `Coalescer` has it.
        bounds: how large batches are, and how many are in flight.
        reads: the calls change nothing.
    """

    def __init__(
        self, run: Callable[[Sequence[Member]], Awaitable[Sequence[Answer | Exception]]], bounds: Bounds, *, reads: bool
    ) -> None:
        self._run = run
        self._reads = reads
        self._coalescer: Coalescer[Member, Answer] = Coalescer(self._start, bounds=bounds, reads=reads)

    @property
    def in_flight(self) -> int:
        """Batches under way."""
        return self._coalescer.in_flight

    async def call(self, context: Context, call: Member, *, size: int = 0, keys: Iterable[Hashable] = ()) -> Answer:
        """The answer to `call`.

        Raises:
            DeadlineExceeded: it did not come in time; a write says whether it had been sent.
            PrismError: what the batch raised.
        """
        deadline = context.deadline
        if deadline is None:
            return await self._coalescer.submit(context.namespace, call, size=size, keys=keys)
        remaining = deadline.remaining()
        if remaining <= 0:
            raise self._too_late(call)
        answer = self._coalescer.submit(context.namespace, call, size=size, keys=keys)
        timer = asyncio.get_running_loop().call_later(remaining, self._expire, call, answer)
        try:
            return await answer
        finally:
            timer.cancel()

    async def drain(self) -> None:
        """Waits until every call submitted so far is answered."""
        await self._coalescer.drain()

    async def _start(self, calls: Sequence[Member]) -> Sequence[Answer | Exception]:
        for call in calls:
            call.started = True
        try:
            return await self._run(calls)
        except (BackendUnavailable, BackendCredentials) as error:
            return [error] * len(calls)  # one by one they would all fare the same, and wait for it

    def _expire(self, call: Member, answer: "asyncio.Future[Answer]") -> None:
        if not answer.done():
            answer.set_exception(self._too_late(call))

    def _too_late(self, call: Member) -> PrismError:
        if self._reads:
            return DeadlineExceeded("PostgreSQL did not answer before the deadline; allow more time")
        if call.started:
            return DeadlineExceeded(
                "PostgreSQL did not answer before the deadline; read before trying again", outcome=Outcome.UNKNOWN
            )
        return DeadlineExceeded(
            "the deadline passed before PostgreSQL was free; try again or allow more time", outcome=Outcome.NOT_APPLIED
        )


def work_lane(in_flight: int, *, reads: bool) -> Lane[Work, Any]:
    """A lane whose calls go one by one, `in_flight` of them at once."""

    async def run(calls: Sequence[Work]) -> Sequence[Any]:
        return [await call.run() for call in calls]

    return Lane(run, Bounds(calls=1, in_flight=in_flight), reads=reads)
