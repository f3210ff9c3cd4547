"""Appending: what an instance's callers append while an insert is under way goes together in the next, a stream each.

ClickHouse makes a part of each insert and merges parts later: few large inserts are what it is made for. An insert is
answered when the server has it.
"""

import asyncio
import struct
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from weakref import WeakValueDictionary

from prism.backends.clickhouse.timeseries.catalogue import GONE, OTHER
from prism.backends.clickhouse.timeseries.session import OwnStatements, code_of, first
from prism.backends.clickhouse.timeseries.table import ChStream, keys
from prism.backends.clickhouse.timeseries.values import SCALE, TooWide, nullable
from prism.context import Context
from prism.errors import InvalidArgument, PrismError
from prism.sdk.sql.wire import varint
from prism.sdk.timeseries import Appended, Batch, Row, before_writing, judged

_NUMBER: Final = struct.Struct("<q").pack
_FRESH: Final = 5.0
"""Seconds after which the server is asked for its time anew."""
_KEYS: Final = 100_000
"""Characters of keys in one statement."""
_OWN: Final = Context("")


class Clock:
    """The server's clock, reckoned from what it last said.

    Args:
        ask: gives the server's time, in microseconds since 1970.
    """

    def __init__(self, ask: Callable[[], Awaitable[int]]) -> None:
        self._ask = ask
        self._said = 0
        self._at = float("-inf")

    async def now(self) -> int:
        """Microseconds since 1970."""
        passed = time.monotonic() - self._at
        if passed >= _FRESH:
            self._said, self._at, passed = await self._ask(), time.monotonic(), 0.0
        return self._said + int(passed * 1e6)


class Part:
    """What one call adds to an insert.

    Attributes:
        place: of the call in its batch.
        rows: that are to be stored.
        packed: each row as it is inserted.
        expired: rows that are not, for they are beyond retention.
        duplicates: rows that are not, for they are there.
    """

    __slots__ = ("duplicates", "expired", "packed", "place", "rows")

    def __init__(self, place: int, rows: Sequence[Row], packed: list[bytes], expired: int) -> None:
        self.place = place
        self.rows = rows
        self.packed = packed
        self.expired = expired
        self.duplicates = 0


class Appender:
    """Carries out batches of calls.

    Args:
        statements: of our own.
    """

    def __init__(self, statements: OwnStatements) -> None:
        self._statements = statements
        self.clock = Clock(self._now)
        self.inserts = 0
        self._arrival = 0
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def __call__(self, calls: Sequence[tuple[ChStream, Batch]]) -> list[Appended | Exception | None]:
        """What became of each; None where its stream is another one by now."""
        answers: list[Appended | Exception | None] = [None] * len(calls)
        try:
            with before_writing():
                now = await self.clock.now()
        except PrismError as error:
            return [error] * len(calls)
        together: dict[tuple[str, str], list[Part]] = {}
        streams: dict[tuple[str, str], ChStream] = {}
        for place, (stream, batch) in enumerate(calls):
            try:
                rows, expired = judged(stream, batch.rows, now)
                part = Part(place, rows, self._packed(stream, rows), expired)
            except PrismError as refusal:
                answers[place] = refusal
                continue
            key = (stream.table, stream.event)
            streams[key] = stream
            together.setdefault(key, []).append(part)
        await asyncio.gather(*(self._one(streams[key], parts, answers) for key, parts in together.items()))
        return answers

    async def _one(self, stream: ChStream, parts: list[Part], answers: list[Appended | Exception | None]) -> None:
        """Stores the rows of calls on one stream in one insert, whose outcome they share."""
        if not stream.config.dedup:
            await self._insert(stream, parts, answers)
            return
        # One after another, so that what the one before has stored is seen.
        turn = self._turns.setdefault(stream.event, asyncio.Lock())
        async with turn:
            await self._insert(stream, parts, answers)

    async def _insert(self, stream: ChStream, parts: list[Part], answers: list[Appended | Exception | None]) -> None:
        try:
            if stream.config.dedup:
                with before_writing():
                    await self._leave_out(stream, parts)
            data = b"".join([each for part in parts for each in part.packed])
            if data:
                self.inserts += 1
                names = ", ".join(["ts", "event_id", "arrival", *(each.column for each in stream.fields), stream.event])
                await self._statements.write(f"INSERT INTO {stream.table} ({names}) FORMAT RowBinary", _OWN, data=data)
        except PrismError as error:
            stale = code_of(error) in GONE | OTHER
            for part in parts:
                answers[part.place] = None if stale else error
            return
        for part in parts:
            answers[part.place] = Appended(len(part.packed), part.duplicates, part.expired)

    def _packed(self, stream: ChStream, rows: Sequence[Row]) -> list[bytes]:
        """Each row in RowBinary.

        Raises:
            InvalidArgument: a decimal has more digits than a column keeps.
        """
        arrival = self._arrival = max(time.time_ns(), self._arrival + len(rows))
        writes = [nullable(each.kind) for each in stream.fields]
        packed = []
        try:
            for number, row in enumerate(rows):
                timestamp, event_id, values, event = row
                written = event_id.encode()
                fields = [write(each) for write, each in zip(writes, values, strict=True)]
                packed.append(
                    b"".join(
                        (_NUMBER(timestamp), varint(len(written)), written, _NUMBER(arrival - len(rows) + number),
                         *fields, varint(len(event)), event)
                    )
                )  # fmt: skip
        except TooWide as error:
            raise InvalidArgument(
                f"events[{number}]: a decimal of {error}; a field of this backend keeps {SCALE} and {SCALE}"
            ) from error
        return packed

    async def _leave_out(self, stream: ChStream, parts: list[Part]) -> None:
        """Leaves out what is stored already, or comes twice in the insert; the rest ClickHouse does when it merges."""
        seen = await self._there(stream, [row for part in parts for row in part.rows])
        for part in parts:
            kept = []
            for row, packed in zip(part.rows, part.packed, strict=True):
                key = (row.timestamp, row.event_id.encode())
                if key in seen:
                    part.duplicates += 1
                else:
                    seen.add(key)
                    kept.append(packed)
            part.packed = kept

    async def _there(self, stream: ChStream, rows: Sequence[Row]) -> set[tuple[int, bytes]]:
        found: set[tuple[int, bytes]] = set()
        waiting, size = [], 0
        for number, key in enumerate(keys(rows), 1):
            waiting.append(key)
            size += len(key)
            if size > _KEYS or number == len(rows):
                statement = (
                    f"SELECT ts, event_id FROM {stream.table} "  # noqa: S608  # own names
                    f"WHERE (ts, event_id) IN ({', '.join(waiting)})"
                )
                found.update((timestamp, name) for timestamp, name in await self._statements.rows(statement, _OWN))
                waiting, size = [], 0
        return found

    async def _now(self) -> int:
        rows = await self._statements.rows("SELECT toUnixTimestamp64Micro(now64(6))", _OWN)
        (now,) = first(rows)
        return int(now)
