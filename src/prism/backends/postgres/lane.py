"""Lanes: queues of calls for PostgreSQL, which wait no longer than their deadlines and outlive a caller that leaves.

The lanes of a backend have together as many batches in flight as it may have sessions.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from prism.context import Context
from prism.errors import BackendCredentials, BackendUnavailable, DeadlineExceeded, Outcome, PrismError
from prism.sdk import Bounds, Coalescer, Deadline, DeadlineWheel, Expiring


class Call:
    """What a lane carries; an entry of its wheel of deadlines.

    Attributes:
        reads: it changes nothing.
        started: its batch is under way.
        answer: where its caller waits.
        task: its caller, where that carries the call out itself.
    """

    __slots__ = ("answer", "bucket", "ended", "expires", "reads", "started", "task")

    def __init__(self) -> None:
        self.reads = False
        self.started = False
        self.answer: asyncio.Future[Any] | None = None
        self.task: asyncio.Task[Any] | None = None
        self.expires = 0.0
        self.ended = False
        self.bucket: set[Expiring] | None = None

    def expire(self) -> None:
        """The deadline has passed."""
        self.ended = True
        if self.task is not None:
            self.task.cancel()
        elif self.answer is not None and not self.answer.done():
            self.answer.set_exception(self.too_late())

    def too_late(self) -> PrismError:
        """The caller's error when the deadline passes."""
        if self.reads:
            return DeadlineExceeded("PostgreSQL did not answer before the deadline; allow more time")
        if self.started:
            return DeadlineExceeded(
                "PostgreSQL did not answer before the deadline; read before trying again", outcome=Outcome.UNKNOWN
            )
        return DeadlineExceeded(
            "the deadline passed while the call waited for PostgreSQL; try again or allow more time",
            outcome=Outcome.NOT_APPLIED,
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
        express: a call that finds the lane empty goes at once, carried out by its caller: a third less latency. One
            such call may be under way besides the batches. For reads only, as a caller who leaves breaks it off.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Member]], Awaitable[Sequence[Answer | Exception]]],
        bounds: Bounds,
        *,
        reads: bool,
        express: bool = False,
    ) -> None:
        self._run = run
        self._reads = reads
        self._express = express
        self._coalescer: Coalescer[Member, Answer] = Coalescer(self._start, bounds=bounds, reads=reads)
        self._wheel: DeadlineWheel | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # kept: before Python 3.12 to ask for it is a system call

    @property
    def waiting(self) -> int:
        """Calls that are in no batch yet."""
        return self._coalescer.waiting

    @property
    def in_flight(self) -> int:
        """Batches under way."""
        return self._coalescer.in_flight

    async def call(
        self,
        context: Context,
        call: Member,
        *,
        size: int = 0,
        keys: Iterable[Hashable] = (),
        sharing: object = None,
    ) -> Answer:
        """The answer to `call`; `Coalescer.submit` says what the rest is.

        Raises:
            DeadlineExceeded: it did not come in time; a write says whether it may have been applied.
            PrismError: what the batch raised.
        """
        deadline = context.deadline
        call.reads = self._reads
        if deadline is not None and deadline.expired():
            raise call.too_late()
        if deadline is not None:
            self._watch(call, deadline)
        try:
            if self._express and not self._coalescer.in_flight:
                return await self._carry_out(call)
            call.answer = answer = self._coalescer.submit(
                context.namespace, call, size=size, keys=keys, sharing=sharing
            )
            return await answer
        finally:
            call.ended = True
            if call.bucket is not None:
                call.bucket.discard(call)

    def _watch(self, call: Member, deadline: Deadline) -> None:
        call.expires = deadline.instant
        if self._wheel is None:
            self._loop = asyncio.get_running_loop()
            self._wheel = DeadlineWheel(self._loop)
        self._wheel.add(call)

    async def _carry_out(self, call: Member) -> Answer:
        """Runs one call in its caller's task, which its deadline cancels; as `asyncio.timeout` has it."""
        self._express = False
        task = call.task = asyncio.current_task(self._loop)
        cancelling = task.cancelling() if task is not None else 0
        try:
            (answer,) = await self._start((call,))
        except asyncio.CancelledError:
            if call.ended and task is not None and task.uncancel() <= cancelling:
                raise call.too_late() from None
            raise
        finally:
            self._express = True
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def drain(self) -> None:
        """Waits until every call submitted so far is answered."""
        await self._coalescer.drain()

    def close(self) -> None:
        """Forgets the deadlines; no call may be waiting."""
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
