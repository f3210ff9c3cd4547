"""What a group's member commits: all that was settled meanwhile in one step, one step after the other.

Acknowledgements and failures are a commit of offsets. What publishes too (`Commit`, the dead) is a transaction with the
same offsets in it; what waits at that moment shares it. A settlement is told when it is committed.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from confluent_kafka import KafkaError, TopicPartition

from prism.backends.kafka.errors import translate
from prism.backends.kafka.link import Link
from prism.backends.kafka.producer import Record, TooLargeError
from prism.backends.kafka.queue.hand import Hand
from prism.backends.kafka.queue.held import Death, Held, Partition
from prism.backends.kafka.queue.progress import restored
from prism.backends.kafka.queue.rounds import Move, Places, Round, answer, settle
from prism.backends.kafka.transactions import Transactor
from prism.errors import BackendUnavailable, Conflict, Outcome, PrismError

Deadly = Callable[[Death], Awaitable[Sequence[Record]]]
"""The records of a message that died: in the topic of the dead, or in another one; none where it is dropped."""

_GONE: Final = frozenset({KafkaError.FENCED_INSTANCE_ID})
_AGAIN: Final = frozenset(
    {
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.STALE_MEMBER_EPOCH,
        KafkaError.FENCED_MEMBER_EPOCH,
        KafkaError._ASSIGNMENT_LOST,
    }
)
"""The group is in motion: of a partition that stays it is committed then, and one that goes is told as lost."""
_PAUSE: Final = 0.1
_DEAD_PAUSE: Final = 0.5


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
        self._single: deque[Move] = deque()
        self._taken = Round()
        self._deaths: dict[int, asyncio.Future[Places]] = {}
        self._wanted = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._burying: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._commit: Callable[[list[TopicPartition]], list[TopicPartition]]
        self._committed: Callable[[TopicPartition], TopicPartition]
        self._metadata: Callable[[], Any]
        self._changed: Callable[[int], None]

    def bind(
        self, commit: Callable[[list[TopicPartition]], list[TopicPartition]],
        committed: Callable[[TopicPartition], TopicPartition], metadata: Callable[[], Any],
        changed: Callable[[int], None],
    ) -> None:  # fmt: skip
        """How offsets are committed and asked for, and who the member is: these block; what is called when messages
        become ready."""
        self._commit, self._committed, self._metadata, self._changed = commit, committed, metadata, changed
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
            self._deaths[id(death)] = future
            self._bury(death, future)
        if self.hand.dirty:
            self._wake()

    def buried(self, death: Death) -> "asyncio.Future[Places]":
        """Done when that one is where the dead are."""
        self.collect()
        return self._deaths[id(death)]

    def forget(self, part: Partition) -> None:
        """A partition is another's: what waits for it is lost; what is being committed may be so yet."""
        settle(self._waiting.pop(part, []), outcome=False)
        error = Conflict("another gateway has the partition now", outcome=Outcome.UNKNOWN)
        for future in self._taken.waiting.get(part, []):
            answer(future, error.clone())
        for move in self._taken.moves:
            if any(held.part == part for held in move.held):
                answer(move.done, error.clone())

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
        for part in {*self._waiting, *self._taken.waiting}:
            self.forget(part)
        for move in self._taken.moves:
            answer(move.done, _left(Outcome.UNKNOWN))
        for move in (*self._moves, *self._single):
            answer(move.done, _left(Outcome.NOT_APPLIED))
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
            while self.hand.has(held):
                try:
                    records = await self._deadly(death)
                    if records:
                        places = await self.move([held], records, death).done
                    else:
                        held.moving = False
                        self.hand.buried(held)
                        places = []
                        if not await self.wait(held.part):
                            raise Conflict("another gateway has the partition now", outcome=Outcome.NOT_APPLIED)
                except (PrismError, TooLargeError) as error:
                    refusal = error if isinstance(error, PrismError) else Conflict(str(error))
                    if first:  # it is tried again, so what becomes of it is not known
                        refusal = refusal.clone()
                        refusal.outcome = Outcome.UNKNOWN
                        answer(future, refusal)
                        first = False
                    held.moving = True
                    await asyncio.sleep(_DEAD_PAUSE)
                else:
                    answer(future, places)
                    return
            answer(future, Conflict("another gateway has the partition now", outcome=Outcome.NOT_APPLIED))
        finally:
            answer(future, _left(Outcome.UNKNOWN))
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
            self._taken = Round()
            self.settled.set()
            if not self._wanted.is_set():
                self._idle.set()

    def _take(self) -> Round:
        hand = self.hand
        taken = self._taken = Round(self._waiting)
        self._waiting = {}
        if self._single:
            taken.moves.append(self._single.popleft())
            self._wake()  # for what waits behind it
        else:
            taken.moves, self._moves = self._moves, []
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
            taken.fresh[name], part.fresh = part.fresh, []
        hand.dirty.clear()
        return taken

    async def _round(self, taken: Round) -> None:
        for part in [each for each in taken.waiting if each not in taken.offsets]:
            settle(taken.waiting.pop(part), outcome=False)
        lost = [each for each in taken.moves if not all(map(self.hand.has, each.held))]
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

    def _again(self, taken: Round) -> None:
        """What was not committed comes with the next round."""
        for part, futures in taken.waiting.items():
            self._waiting.setdefault(part, []).extend(futures)
        self._moves[:0] = taken.moves
        self._once_more(taken)
        self._wake()

    def _once_more(self, taken: Round) -> None:
        """What is committed again with the next round."""
        for name in taken.offsets:
            part = self.hand.parts.get(name)
            if part is not None:
                self.hand.dirty.add(name)
                part.fresh[:0] = taken.fresh[name]

    def _done(self, fresh: Sequence[Held]) -> None:
        if ready := self.hand.committed(fresh, self._now()):
            self._changed(ready)

    async def _plainly(self, taken: Round) -> None:
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
                self._done(taken.fresh[part])
                settle(futures, outcome=True)
            elif refusal.code() in _GONE:
                settle(futures, outcome=False)
            elif refusal.code() in _AGAIN:
                self._again(taken.only(part))
                failed = translate(refusal)
            else:
                failed = translate(refusal, writes=True)
                failed.outcome = Outcome.UNKNOWN
                self._unknown(taken.only(part), failed)
        if failed is not None:
            raise failed

    def _unknown(self, taken: Round, error: PrismError) -> None:
        """Whether it is committed is not known: the next round commits it again."""
        for futures in taken.waiting.values():
            for future in futures:
                refusal = error.clone()
                refusal.outcome = Outcome.UNKNOWN
                answer(future, refusal)
        self._once_more(taken)

    async def _transaction(self, taken: Round) -> None:
        records = [each for move in taken.moves for each in move.records]
        offsets = [*taken.offsets.values()]
        try:
            places = await self._link.run(self._run, records, offsets, writes=True)
        except (PrismError, TooLargeError) as error:
            if isinstance(error, PrismError) and error.outcome is not Outcome.NOT_APPLIED:
                happened = await self._happened(taken)
                if happened:
                    self._succeeded(taken, [(0, 0)] * len(records))
                    return
                error.outcome = Outcome.UNKNOWN if happened is None else Outcome.NOT_APPLIED
            spared = not isinstance(error, PrismError) or error.outcome is Outcome.NOT_APPLIED
            if len(taken.moves) > 1 and spared and not isinstance(error, BackendUnavailable):
                self._single += taken.moves  # one of several cannot be done: each for itself
            else:
                for move in taken.moves:
                    self._spared(move, error)
            taken.moves = []
            self._again(taken)
            return
        self._succeeded(taken, places)

    def _run(self, records: Sequence[Record], offsets: Sequence[TopicPartition]) -> Places:
        return self._transactor.run(records, offsets, self._metadata())

    async def _happened(self, taken: Round) -> bool | None:
        """Whether the transaction before is committed; None where another gateway has gone on, and it is not known."""
        held = taken.moves[0].held[0]
        place = taken.offsets[held.part]
        while True:
            try:
                await self._link.run(self._transactor.begin)
                found = await self._link.run(self._committed, place)
            except PrismError:
                if not self.hand.has(held):
                    return None
                await asyncio.sleep(_PAUSE)
                continue
            if found.metadata == place.metadata:
                return True
            progress = restored(found.offset, found.metadata or "")
            part = self.hand.parts.get(held.part)
            if progress is None or part is None or progress.epoch != part.progress.epoch:
                return False if found.offset < 0 or self.hand.has(held) else None
            return None if progress.is_done(held.message.seq) else False

    def _succeeded(self, taken: Round, places: Places) -> None:
        hand = self.hand
        before = set(hand.dirty)
        number = 0
        for move in taken.moves:
            for held in move.held:
                held.moving = False
                (hand.buried if move.death else hand.acknowledge)(held)
            self._done(move.held)
            answer(move.done, places[number : number + len(move.records)])
            number += len(move.records)
        hand.dirty = before | (hand.dirty - taken.offsets.keys())
        for fresh in taken.fresh.values():
            self._done(fresh)
        for futures in taken.waiting.values():
            settle(futures, outcome=True)

    def _spared(self, move: Move, error: PrismError | TooLargeError) -> None:
        for held in move.held:
            if move.death is None:
                self.hand.survive(held, held.entry.lease_until)
        answer(move.done, error)


def _left(outcome: Outcome) -> BackendUnavailable:
    return BackendUnavailable("the gateway has left the group", outcome=outcome)
