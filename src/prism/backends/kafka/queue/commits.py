"""What a group's member commits: all that was settled meanwhile in one step, one step after the other.

Acknowledgements and failures are a commit of offsets. What publishes too (`Commit`, the dead) is a transaction with the
same offsets in it; what waits at that moment shares it. A settlement is told when it is committed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import KafkaError, TopicPartition

from prism.backends.kafka.errors import translate
from prism.backends.kafka.link import Link
from prism.backends.kafka.producer import Record, TooLargeError
from prism.backends.kafka.queue.hand import Death, Hand, Held, Partition
from prism.backends.kafka.transactions import Transactor
from prism.errors import BackendUnavailable, Conflict, Outcome, PrismError

Places = list[tuple[int, int]]
Deadly = Callable[[Death], Awaitable[Sequence[Record]]]
"""The records of a message that died: in the topic of the dead, or in another one; none where it is dropped."""

_GONE: Final = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.STALE_MEMBER_EPOCH,
        KafkaError.FENCED_MEMBER_EPOCH,
        KafkaError._ASSIGNMENT_LOST,
    }
)
_AGAIN: Final = frozenset({KafkaError.REBALANCE_IN_PROGRESS, KafkaError.COORDINATOR_LOAD_IN_PROGRESS})
_PAUSE: Final = 0.1
_DEAD_PAUSE: Final = 0.5


@dataclass(slots=True, eq=False)
class Move:
    """Messages that are done when records are published: acknowledged, or dead."""

    held: Sequence[Held]
    records: Sequence[Record]
    done: "asyncio.Future[Places]"
    death: Death | None = None


@dataclass(slots=True)
class _Round:
    waiting: dict[Partition, list["asyncio.Future[bool]"]] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    offsets: dict[Partition, TopicPartition] = field(default_factory=dict)


class Commits:
    """The commits of one membership.

    Args:
        link: to Kafka.
        hand: what is settled.
        transactor: makes the transactions of this membership.
        deadly: what becomes of the dead.
        clock: microseconds since 1970.

    Attributes:
        settled: set by each round.
    """

    def __init__(
        self, link: Link, hand: Hand, transactor: Transactor, deadly: Deadly, clock: Callable[[], int]
    ) -> None:
        self.hand = hand
        self.settled = asyncio.Event()
        self._link = link
        self._transactor = transactor
        self._deadly = deadly
        self._now = clock
        self._waiting: dict[Partition, list[asyncio.Future[bool]]] = {}
        self._moves: list[Move] = []
        self._deaths: dict[int, asyncio.Future[Places]] = {}
        self._wanted = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._burying: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._commit: Callable[[list[TopicPartition]], list[TopicPartition]]
        self._committed: Callable[[TopicPartition], str]
        self._metadata: Callable[[], Any]

    def bind(
        self, commit: Callable[[list[TopicPartition]], list[TopicPartition]],
        committed: Callable[[TopicPartition], str], metadata: Callable[[], Any],
    ) -> None:  # fmt: skip
        """How offsets are committed and asked for, and who the member is; these block."""
        self._commit, self._committed, self._metadata = commit, committed, metadata
        self._task = asyncio.get_running_loop().create_task(self._rounds())

    def wait(self, part: Partition) -> "asyncio.Future[bool]":
        """Done when all that is settled in a partition by now is committed; False where the partition is lost."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if part not in self.hand.parts:
            future.set_result(False)
            return future
        self._waiting.setdefault(part, []).append(future)
        self._wake()
        return future

    def move(self, held: Sequence[Held], records: Sequence[Record], death: Death | None = None) -> Move:
        """Acknowledges messages and publishes records, as one step."""
        for each in held:
            each.moving = True
        move = Move(held, records, asyncio.get_running_loop().create_future(), death)
        self._moves.append(move)
        self._wake()
        return move

    def collect(self) -> None:
        """Takes up what has died, or failed by itself, since it was asked last."""
        while self.hand.deaths:
            death = self.hand.deaths.popleft()
            future: asyncio.Future[Places] = asyncio.get_running_loop().create_future()
            future.add_done_callback(_heard)
            self._deaths[id(death)] = future
            self._bury(death, future)
        if self.hand.dirty:
            self._wake()

    def buried(self, death: Death) -> "asyncio.Future[Places]":
        """Done when that one is where the dead are."""
        self.collect()
        return self._deaths[id(death)]

    def forget(self, part: Partition) -> None:
        """A partition is another's: what waits for it is lost."""
        for future in self._waiting.pop(part, []):
            if not future.done():
                future.set_result(False)

    async def flush(self) -> None:
        """Returns when all that is settled is committed, or cannot be."""
        self._wake()
        await self._idle.wait()

    async def stop(self) -> None:
        """Commits no more."""
        for task in (*self._burying, *([self._task] if self._task else [])):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for part in [*self._waiting]:
            self.forget(part)
        for move in self._moves:
            _answer(move.done, BackendUnavailable("the gateway has left the group", outcome=Outcome.NOT_APPLIED))
        self._transactor.close()

    def _wake(self) -> None:
        self._idle.clear()
        self._wanted.set()

    def _bury(self, death: Death, future: "asyncio.Future[Places]") -> None:
        task = asyncio.get_running_loop().create_task(self._buried(death, future))
        self._burying.add(task)
        task.add_done_callback(self._burying.discard)

    async def _buried(self, death: Death, future: "asyncio.Future[Places]") -> None:
        """Moves a message to where the dead are; one that cannot be moved is moved later."""
        held, first = death.held, True
        try:
            while held.part in self.hand.parts:
                try:
                    records = await self._deadly(death)
                    if records:
                        places = await self.move([held], records, death).done
                    else:
                        held.moving = False
                        self.hand.buried(held, self._now())
                        places = []
                        if not await self.wait(held.part):
                            raise Conflict("another gateway has the partition now", outcome=Outcome.NOT_APPLIED)
                except (PrismError, TooLargeError) as error:
                    refusal = error if isinstance(error, PrismError) else Conflict(str(error))
                    if first:  # it is tried again, so what becomes of it is not known
                        refusal = refusal.clone()
                        refusal.outcome = Outcome.UNKNOWN
                        _answer(future, refusal)
                        first = False
                    held.moving = True
                    await asyncio.sleep(_DEAD_PAUSE)
                else:
                    _answer(future, places)
                    return
            _answer(future, Conflict("another gateway has the partition now", outcome=Outcome.NOT_APPLIED))
        finally:
            self._deaths.pop(id(death), None)

    async def _rounds(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self._round(self._take())
            except PrismError:
                await asyncio.sleep(_PAUSE)
                self._wanted.set()
            self.settled.set()
            if not self._wanted.is_set():
                self._idle.set()

    def _take(self) -> _Round:
        hand = self.hand
        taken = _Round(self._waiting, self._moves)
        self._waiting, self._moves = {}, []
        moved: dict[Partition, set[int]] = {}
        for move in taken.moves:
            for held in move.held:
                moved.setdefault(held.part, set()).add(held.message.seq)
        for name in {*hand.dirty, *moved, *taken.waiting}:
            part = hand.parts.get(name)
            if part is None:
                continue
            progress = part.progress
            progress.advance()
            counts = progress.counts
            acknowledged, dead = counts.acknowledged, counts.dead
            for move in taken.moves:
                mine = sum(held.part == name for held in move.held)
                counts.dead += mine if move.death else 0
                counts.acknowledged += 0 if move.death else mine
            floor, metadata = progress.snapshot(moved.get(name, set()))
            counts.acknowledged, counts.dead = acknowledged, dead
            taken.offsets[name] = TopicPartition(*name, floor, metadata)
        hand.dirty.clear()
        return taken

    async def _round(self, taken: _Round) -> None:
        for part in [each for each in taken.waiting if each not in taken.offsets]:
            _tell(taken.waiting.pop(part), outcome=False)
        lost = [each for each in taken.moves if any(held.part not in self.hand.parts for held in each.held)]
        for move in lost:
            taken.moves.remove(move)
            self._spared(move, Conflict("another gateway has the partition now", outcome=Outcome.NOT_APPLIED))
        if lost:
            self._again(taken)  # without them the offsets are others
            return
        if taken.moves:
            await self._transaction(taken)
        elif taken.offsets:
            await self._plainly(taken)

    def _again(self, taken: _Round) -> None:
        """What was not committed comes with the next round."""
        for part, futures in taken.waiting.items():
            self._waiting.setdefault(part, []).extend(futures)
        self._moves[:0] = taken.moves
        self.hand.dirty |= {each for each in taken.offsets if each in self.hand.parts}
        self._wake()

    async def _plainly(self, taken: _Round) -> None:
        try:
            answers = await self._link.run(self._commit, [*taken.offsets.values()], writes=True)
            errors = {(each.topic, each.partition): each.error for each in answers}
        except PrismError as error:
            cause = error.__cause__.args[0] if error.__cause__ is not None and error.__cause__.args else None
            if not isinstance(cause, KafkaError):
                self._unknown(taken, error)
                raise
            errors = dict.fromkeys(taken.offsets, cause)
        failed: PrismError | None = None
        for part, refusal in errors.items():
            futures = taken.waiting.get(part, [])
            if refusal is None:
                _tell(futures, outcome=True)
            elif refusal.code() in _GONE:
                _tell(futures, outcome=False)
            elif refusal.code() in _AGAIN:
                self._again(_Round({part: futures}, [], {part: taken.offsets[part]}))
                failed = translate(refusal)
            else:
                failed = translate(refusal, writes=True)
                failed.outcome = Outcome.UNKNOWN
                self._unknown(_Round({part: futures}, [], {part: taken.offsets[part]}), failed)
        if failed is not None:
            raise failed

    def _unknown(self, taken: _Round, error: PrismError) -> None:
        """Whether it is committed is not known: the next round commits it again."""
        for futures in taken.waiting.values():
            for future in futures:
                refusal = error.clone()
                refusal.outcome = Outcome.UNKNOWN
                _answer(future, refusal)
        self.hand.dirty |= {each for each in taken.offsets if each in self.hand.parts}

    async def _transaction(self, taken: _Round) -> None:
        records = [each for move in taken.moves for each in move.records]
        offsets = [*taken.offsets.values()]
        try:
            places = await self._link.run(self._run, records, offsets, writes=True)
        except (PrismError, TooLargeError) as error:
            if isinstance(error, PrismError) and error.outcome is not Outcome.NOT_APPLIED:
                places = [(0, 0)] * len(records)
                if await self._happened(offsets[0]):
                    self._succeeded(taken, places)
                    return
                error.outcome = Outcome.NOT_APPLIED
            if len(taken.moves) > 1:
                await self._one_by_one(taken)
                return
            for move in taken.moves:
                self._spared(move, error)
            taken.moves = []
            self._again(taken)
            return
        self._succeeded(taken, places)

    def _run(self, records: Sequence[Record], offsets: Sequence[TopicPartition]) -> Places:
        return self._transactor.run(records, offsets, self._metadata())

    async def _happened(self, place: TopicPartition) -> bool:
        """Whether the transaction before is committed; returns when that is certain."""
        while True:
            try:
                await self._link.run(self._transactor.begin)
                return await self._link.run(self._committed, place) == place.metadata
            except PrismError:
                if (place.topic, place.partition) not in self.hand.parts:
                    return False
                await asyncio.sleep(_PAUSE)

    async def _one_by_one(self, taken: _Round) -> None:
        """One of several cannot be done: each for itself."""
        moves, taken.moves = taken.moves, []
        self._again(taken)
        for move in moves:
            self._moves.append(move)
            await self._round(self._take())

    def _succeeded(self, taken: _Round, places: Places) -> None:
        hand, instant = self.hand, self._now()
        before = set(hand.dirty)
        first = 0
        for move in taken.moves:
            for held in move.held:
                held.moving = False
                (hand.buried if move.death else hand.acknowledge)(held, instant)
            _answer(move.done, places[first : first + len(move.records)])
            first += len(move.records)
        hand.dirty = before | (hand.dirty - taken.offsets.keys())
        for futures in taken.waiting.values():
            _tell(futures, outcome=True)

    def _spared(self, move: Move, error: PrismError | TooLargeError) -> None:
        for held in move.held:
            if move.death is None:
                self.hand.survive(held, held.entry.lease_until)
        _answer(move.done, error)


def _tell(futures: "Sequence[asyncio.Future[bool]]", *, outcome: bool) -> None:
    for future in futures:
        if not future.done():
            future.set_result(outcome)


def _answer(future: "asyncio.Future[Any]", answer: Any) -> None:
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


def _heard(future: "asyncio.Future[Places]") -> None:
    """Who asked for it may have gone."""
    if not future.cancelled():
        future.exception()
