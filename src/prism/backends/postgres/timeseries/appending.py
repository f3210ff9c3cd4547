"""Appending: what an instance's callers append to a stream while a transaction is under way goes together in the next.

A statement takes the stream's row, which orders the arrivals, and holds it until it commits. The plugin says which
events are beyond retention or too far ahead, by the server's clock as the last answer told it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter
from typing import Any, Final

import asyncpg

from prism.backends.postgres.lane import Call
from prism.backends.postgres.statements import Statement
from prism.backends.postgres.timeseries.table import insertion
from prism.backends.postgres.values import encode
from prism.errors import AlreadyExists, Outcome, PrismError
from prism.interfaces.value import Kind
from prism.sdk.timeseries import Appended, Batch, Row, Stream, before_writing, judged

Fetch = Callable[..., Awaitable[Sequence[Any]]]

_NOW: Final = Statement("SELECT @.series_now()", writes=False)
_PARTITIONS: Final = Statement("SELECT @.series_partitions($1, $2)", writes=True)
_ANSWER: Final = Statement(
    """
    SELECT digest, appended, duplicates, expired FROM @.series_key JOIN @.series_answer USING (namespace, key)
    WHERE namespace = $1 AND key = $2
    """,
    writes=False,
)
_WINDOW: Final = 24 * 3_600_000_000
"""Microseconds for which idempotency keys are remembered."""
_PLAIN: Final = frozenset({Kind.BOOL, Kind.INT64, Kind.DOUBLE, Kind.STRING, Kind.BYTES, Kind.TIMESTAMP})
"""Kinds whose values the driver takes as the message has them."""
_REPEATING: Final = 10.0
"""Seconds for which a stream that had a repeated event is expected to have others."""
_FRESH: Final = 5.0
"""Seconds after which the server is asked for its time anew."""


class Append(Call):
    """One call."""

    __slots__ = ("batch", "stream")

    def __init__(self, stream: Stream, batch: Batch) -> None:
        super().__init__()
        self.stream = stream
        self.batch = batch


class Clock:
    """The server's clock, reckoned from what it last said.

    Args:
        monotonic: of this process, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._said = 0
        self._at = float("-inf")

    def note(self, said: int) -> None:
        """The server has said so just now."""
        self._said, self._at = said, self._monotonic()

    def now(self) -> int | None:
        """Microseconds since 1970; None where it is too long ago that the server said anything."""
        passed = self._monotonic() - self._at
        return self._said + int(passed * 1e6) if passed < _FRESH else None


class Appender:
    """Carries out batches of calls.

    Args:
        fetch: runs a statement in its turn.
        clock: the server's.
        listener: who we are to those who tell of changes.
    """

    def __init__(self, fetch: Fetch, clock: Clock, listener: int) -> None:
        self._fetch = fetch
        self._clock = clock
        self._listener = listener
        self._repeating: dict[int, float] = {}

    async def __call__(self, calls: Sequence[Append]) -> list[Appended | Exception | None]:
        """What became of each; None where its stream is another one by now."""
        now = self._clock.now()
        if now is None:
            with before_writing():
                ((now,),) = await self._fetch(_NOW)
            self._clock.note(now)
        answers: list[Appended | Exception | None] = [None] * len(calls)
        together: dict[tuple[int, int], list[tuple[int, Sequence[Row], int]]] = {}
        alone: list[list[tuple[int, Sequence[Row], int]]] = []
        for place, call in enumerate(calls):
            try:
                rows, expired = judged(call.stream, call.batch.rows, now)
            except PrismError as refusal:
                answers[place] = refusal
                continue
            part = (place, rows, expired)
            if call.batch.idempotency_key:
                alone.append([part])
            else:
                together.setdefault((call.stream.number, call.stream.version), []).append(part)
        await asyncio.gather(*(self._one(calls, parts, answers) for parts in (*together.values(), *alone)))
        return answers

    async def _one(
        self,
        calls: Sequence[Append],
        parts: list[tuple[int, Sequence[Row], int]],
        answers: list[Appended | Exception | None],
    ) -> None:
        """Stores the rows of calls on one stream in one statement; where it was not applied, one call after another."""
        try:
            done = await self._store(calls[parts[0][0]], parts)
        except PrismError as error:
            if (
                len(parts) > 1
                and error.outcome is Outcome.NOT_APPLIED
                and isinstance(error.__cause__, asyncpg.DataError)
            ):
                for part in parts:
                    await self._one(calls, [part], answers)
                return
            done = [error] * len(parts)
        for (place, _, _), answer in zip(parts, done, strict=True):
            answers[place] = answer

    async def _store(
        self, call: Append, parts: list[tuple[int, Sequence[Row], int]]
    ) -> Sequence[Appended | Exception | None]:
        stream, batch = call.stream, call.batch
        rows = [row for _, of, _ in parts for row in of]
        keyed = bool(batch.idempotency_key)
        arguments: list[Any] = [stream.number, stream.version, len(rows), self._listener, *columns(stream, rows)]
        if keyed:
            space = stream.namespace.encode()
            arguments += (space, batch.idempotency_key, batch.digest, _WINDOW, parts[0][2])
        found = await self._insert(stream, rows, arguments, keyed=keyed)
        if not found:
            return [None] * len(parts)
        ((_, now, stored, fresh, _),) = found
        self._clock.note(now)
        if not fresh:
            return [await self._before(stream, batch)]
        if stored is None:
            return [Appended(len(of), 0, expired) for _, of, expired in parts]
        return _counted(parts, stored)

    async def _insert(
        self, stream: Stream, rows: Sequence[Row], arguments: Sequence[Any], *, keyed: bool
    ) -> Sequence[Any]:
        """What the statement gives; nothing where the stream is another one by now."""
        parted = False
        while True:
            repeats = stream.config.dedup and self._repeating.get(stream.number, 0.0) > time.monotonic()
            try:
                return await self._fetch(insertion(stream, keyed=keyed, repeats=repeats), *arguments)
            except PrismError as error:
                match error.__cause__:
                    case asyncpg.UniqueViolationError() if stream.config.dedup and not repeats:
                        self._expect_repeats(stream)
                    case asyncpg.CheckViolationError() if not parted:
                        parted = True
                        if not await self._part(stream, rows):
                            return ()
                    case asyncpg.UndefinedTableError() | asyncpg.UndefinedColumnError():
                        return ()  # deleted at the same time
                    case _:
                        raise

    def _expect_repeats(self, stream: Stream) -> None:
        now = time.monotonic()
        self._repeating = {number: until for number, until in self._repeating.items() if until > now}
        self._repeating[stream.number] = now + _REPEATING

    async def _part(self, stream: Stream, rows: Sequence[Row]) -> bool:
        """Makes the partitions that are missing; whether the stream is there."""
        try:
            with before_writing():
                await self._fetch(_PARTITIONS, stream.number, sorted({row.timestamp for row in rows}))
        except PrismError as error:
            if isinstance(error.__cause__, asyncpg.UndefinedTableError):
                return False
            raise
        return True

    async def _before(self, stream: Stream, batch: Batch) -> Appended | Exception:
        """What was answered under that key."""
        rows = await self._fetch(_ANSWER, stream.namespace.encode(), batch.idempotency_key)
        if not rows or rows[0][0] != batch.digest:
            return AlreadyExists(
                "the idempotency key was used for another request; use another key", outcome=Outcome.NOT_APPLIED
            )
        return Appended(*rows[0][1:])


def columns(stream: Stream, rows: Sequence[Row]) -> list[list[Any]]:
    """The parameters that rows are, a list for each column."""
    stored = [attrgetter(each.kind.value) if each.kind in _PLAIN else encode for each in stream.fields]
    fields = [
        [None if (value := row.values[number]) is None else of(value) for row in rows]
        for number, of in enumerate(stored)
    ]
    return [[row.timestamp for row in rows], [row.event_id for row in rows], *fields, [row.event for row in rows]]


def _counted(parts: list[tuple[int, Sequence[Row], int]], stored: Sequence[int]) -> list[Appended]:
    """Of each call how many of its rows were stored, by their places from 1 on."""
    there = sorted(stored)
    counts, begin, at = [], 0, 0
    for _, rows, expired in parts:
        end, first = begin + len(rows), at
        while at < len(there) and there[at] <= end:
            at += 1
        counts.append(Appended(at - first, len(rows) - (at - first), expired))
        begin = end
    return counts
