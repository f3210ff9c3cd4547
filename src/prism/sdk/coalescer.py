"""Coalescing: calls that arrive while a batch is in flight go to the store together in the next one.

This is how a gateway beats a driver under load; an idle one adds no delay. The rules, each with its test:
a call joins only a batch that has not started; no two members of a batch share a key, unless they say that they can;
a batch is bounded by count and bytes, and its places are shared fairly among namespaces; when a batch fails and nothing
of it was applied, its members are run one by one, so that each caller gets its own outcome; a caller that gives up
affects no other.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from prism.errors import InternalError, Outcome, PrismError

AT_ONCE = 32
"""Answers given out in one turn of the loop: their callers and the gateway then work side by side."""

Call = TypeVar("Call")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a batch may be, and how many may be in flight at once.

    Attributes:
        calls: most calls in a batch.
        size: most bytes in a batch, as the callers state them; one call may exceed it alone.
        in_flight: most batches under way.
    """

    calls: int = 256
    size: int = 1 << 20
    in_flight: int = 4

    def __post_init__(self) -> None:
        for name in ("calls", "size", "in_flight"):
            if getattr(self, name) < 1:
                raise ValueError(f"Bounds.{name} must be at least 1, not {getattr(self, name)}")


class _Member(Generic[Call, Answer]):
    __slots__ = ("answer", "call", "keys", "sharing", "size")

    def __init__(
        self, call: Call, size: int, keys: Iterable[Hashable], sharing: object, answer: "asyncio.Future[Answer]"
    ) -> None:
        self.call = call
        self.size = size
        self.keys = keys
        self.sharing = sharing
        self.answer = answer

    def fits(self, taken: dict[Hashable, object]) -> bool:
        """Whether none of its keys is taken, but by those that it shares keys with."""
        if taken.keys().isdisjoint(self.keys):
            return True
        return self.sharing is not None and all(taken.get(key, self.sharing) is self.sharing for key in self.keys)


class Coalescer(Generic[Call, Answer]):
    """Gathers calls of one kind and hands them to `run` in batches.

    Args:
        run: takes the calls of a batch and gives their answers in the same order; an answer that is an exception is
            raised to its caller alone. When it raises, nothing is answered: the members run one by one if the error
            says NOT_APPLIED or the calls are `reads`, else all get the error.
        bounds: how large, how many.
        reads: the calls change nothing.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Call]], Awaitable[Sequence[Answer | Exception]]],
        *,
        bounds: Bounds | None = None,
        reads: bool = False,
    ) -> None:
        self._run = run
        self._bounds = bounds or Bounds()
        self._reads = reads
        self._waiting: dict[str, deque[_Member[Call, Answer]]] = {}
        self._batches: set[asyncio.Task[None]] = set()
        self._scheduled = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def waiting(self) -> int:
        """Calls that are in no batch yet."""
        return sum(map(len, self._waiting.values()))

    @property
    def in_flight(self) -> int:
        """Batches under way."""
        return len(self._batches)

    def submit(
        self, namespace: str, call: Call, *, size: int = 0, keys: Iterable[Hashable] = (), sharing: object = None
    ) -> "asyncio.Future[Answer]":
        """Queues a call; the future gives its answer.

        Members of one batch never share one of `keys`, but those whose `sharing` is the same object.
        """
        loop = self._loop
        if loop is None:  # asked for once: before Python 3.12 each answer is a system call
            loop = self._loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        queue = self._waiting.get(namespace)
        if queue is None:
            queue = self._waiting[namespace] = deque()
        queue.append(_Member(call, size, keys, sharing, answer))
        if not self._scheduled and len(self._batches) < self._bounds.in_flight:
            self._scheduled = True
            loop.call_soon(self._start)
        return answer

    async def drain(self) -> None:
        """Waits until every call submitted so far is answered."""
        while self._batches or self._waiting:
            if not self._batches:
                self._start()
            if self._batches:
                await asyncio.wait(self._batches)

    def _start(self) -> None:
        self._scheduled = False
        while self._waiting and len(self._batches) < self._bounds.in_flight:
            batch = self._take()
            if not batch:
                return
            task = asyncio.Task(self._execute(batch), loop=self._loop, name="batch")
            self._batches.add(task)
            task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._batches.discard(task)
        self._start()

    def _take(self) -> list[_Member[Call, Answer]]:
        """The next batch: one call of each namespace in turn, in order of arrival within each."""
        batch: list[_Member[Call, Answer]] = []
        room_for, room = self._bounds.calls, self._bounds.size
        taken: dict[Hashable, object] = {}
        turns = deque(self._waiting.items())
        while turns and room_for:
            namespace, queue = turns.popleft()
            while queue and queue[0].answer.done():  # the caller gave up
                queue.popleft()
            if not queue:
                del self._waiting[namespace]
                continue
            member = queue[0]
            if (batch and member.size > room) or (member.keys and not member.fits(taken)):
                continue  # its namespace waits for the next batch: overtaking would reorder a key's writes
            batch.append(queue.popleft())
            if member.keys:
                taken.update(dict.fromkeys(member.keys, member.sharing))
            room_for -= 1
            room -= member.size
            if queue:
                turns.append((namespace, queue))
            else:
                del self._waiting[namespace]
        self._rotate(batch)
        return batch

    def _rotate(self, batch: list[_Member[Call, Answer]]) -> None:
        if len(self._waiting) > 1 and batch:
            first = next(iter(self._waiting))
            self._waiting[first] = self._waiting.pop(first)

    async def _execute(self, batch: list[_Member[Call, Answer]]) -> None:
        try:
            answers = await self._run([member.call for member in batch])
            if len(answers) != len(batch):
                raise InternalError(f"a batch of {len(batch)} calls got {len(answers)} answers; report this")
        except Exception as error:  # noqa: BLE001  # every member gets it
            if len(batch) > 1 and (self._reads or _not_applied(error)):
                await self._execute_one_by_one(batch)
            else:
                for member in batch:
                    _answer(member.answer, error)
        except asyncio.CancelledError:
            for member in batch:
                member.answer.cancel()
            raise
        else:
            await self._give_out(batch, answers)

    async def _give_out(self, batch: list[_Member[Call, Answer]], answers: Sequence[Answer | Exception]) -> None:
        """Resolves a few futures in each turn of the loop, so that the first callers go on before the last are
        answered."""
        members = zip(batch, answers, strict=True)
        try:
            for number, (member, answer) in enumerate(members, 1):
                _answer(member.answer, answer)
                if number % AT_ONCE == 0 and number < len(batch):
                    await asyncio.sleep(0)
        finally:
            for member, answer in members:
                _answer(member.answer, answer)

    async def _execute_one_by_one(self, batch: list[_Member[Call, Answer]]) -> None:
        for member in batch:
            if not member.answer.done():
                await self._execute([member])


def _answer(future: "asyncio.Future[Answer]", answer: Answer | Exception) -> None:
    if future.done():
        return
    if isinstance(answer, PrismError):
        future.set_exception(answer.clone())
    elif isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


def _not_applied(error: Exception) -> bool:
    return isinstance(error, PrismError) and error.outcome is Outcome.NOT_APPLIED
