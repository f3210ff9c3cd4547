"""Lanes: where calls queue for PostgreSQL, wait no longer than their deadlines, and go on without a caller who left.

The lanes of a backend have together as many batches in flight as it may have sessions.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from prism.context import Context
from prism.errors import BackendCredentials, BackendUnavailable, DeadlineExceeded, Outcome, PrismError
from prism.sdk import Bounds, Coalescer
from prism.wire.timer import DeadlineWheel, Expiring


class Call:
    """What a lane carries; an entry of its wheel of deadlines.

    Attributes:
        reads: it changes nothing.
        started: its batch is under way.
        answer: where its caller waits.
    """

    __slots__ = ("answer", "bucket", "ended", "expires", "reads", "started")

    def __init__(self) -> None:
        self.reads = False
        self.started = False
        self.answer: asyncio.Future[Any] | None = None
        self.expires = 0.0
        self.ended = False
        self.bucket: set[Expiring] | None = None

    def expire(self) -> None:
        """The deadline has passed."""
        self.ended = True
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(self.too_late())

    def too_late(self) -> PrismError:
        """What the caller hears when the deadline passes."""
        if self.reads:
            return DeadlineExceeded("PostgreSQL did not answer before the deadline; allow more time")
        if self.started:
            return DeadlineExceeded(
                "PostgreSQL did not answer before the deadline; read before trying again", outcome=Outcome.UNKNOWN
            )
        return DeadlineExceeded(
            "the deadline passed before PostgreSQL was free; try again or allow more time", outcome=Outcome.NOT_APPLIED
        )


class Work(Call):
    """A call that shares its transaction with no other."""

    __slots__ = ("run",)

    def __init__(self, run: Callable[[], Awaitable[Any]]) -> None:
        super().__init__()
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
        self._wheel: DeadlineWheel | None = None

    @property
    def in_flight(self) -> int:
        """Batches under way."""
        return self._coalescer.in_flight

    async def call(self, context: Context, call: Member, *, size: int = 0, keys: Iterable[Hashable] = ()) -> Answer:
        """The answer to `call`.

        Raises:
            DeadlineExceeded: it did not come in time; a write says whether it may have been applied.
            PrismError: what the batch raised.
        """
        deadline = context.deadline
        call.reads = self._reads
        if deadline is not None and deadline.expired():
            raise call.too_late()
        answer = call.answer = self._coalescer.submit(context.namespace, call, size=size, keys=keys)
        if deadline is None:
            return await answer
        call.expires = deadline.instant
        if self._wheel is None:
            self._wheel = DeadlineWheel(asyncio.get_running_loop())
        self._wheel.add(call)
        try:
            return await answer
        finally:
            call.ended = True
            if call.bucket is not None:
                call.bucket.discard(call)

    async def drain(self) -> None:
        """Waits until every call submitted so far is answered."""
        await self._coalescer.drain()

    def close(self) -> None:
        """Forgets the deadlines; nobody may be waiting."""
        if self._wheel is not None:
            self._wheel.close()
            self._wheel = None

    async def _start(self, calls: Sequence[Member]) -> Sequence[Answer | Exception]:
        for call in calls:
            call.started = True
        try:
            return await self._run(calls)
        except (BackendUnavailable, BackendCredentials) as error:
            return [error] * len(calls)  # one by one they would all fare the same, and wait for it


def work_lane(in_flight: int, *, reads: bool) -> Lane[Work, Any]:
    """A lane whose calls go one by one, `in_flight` of them at once."""

    async def run(calls: Sequence[Work]) -> Sequence[Any]:
        return [await call.run() for call in calls]

    return Lane(run, Bounds(calls=1, in_flight=in_flight), reads=reads)
