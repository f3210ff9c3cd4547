"""Tails (rule 11): what is there in the order of time, then what arrives in the order of arrival, each event once.

The seam is an arrival: history is the events up to it, and what comes is the events behind it. Who is up to date reads
what arrives from one reader for all tails of a stream (`prism.sdk.pubsub.tail`); who is behind reads from the store.
"""

import asyncio
import struct
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final

from prism.context import Context
from prism.errors import BackendUnavailable, StreamNotFound
from prism.interfaces import timeseries as t
from prism.sdk.filters import Resolved, matches
from prism.sdk.pubsub.log import Bounds, Logged, Page
from prism.sdk.pubsub.tail import Tail
from prism.sdk.timeseries.options import SeriesOptions
from prism.sdk.timeseries.planning import selection_of
from prism.sdk.timeseries.refusals import refusal, stream_not_found
from prism.sdk.timeseries.store import Bounds as Arrived
from prism.sdk.timeseries.store import Key, Selection, SeriesStore
from prism.sdk.timeseries.stream import Stream
from prism.sdk.timeseries.wire import tail_response
from prism.sdk.turns import Turns
from prism.sdk.wakeups import Wakeups

PAGE: Final = 1000
"""Events that are read, and sent, at once."""
PAGE_BYTES: Final = 512 << 10
_READS: Final = 8
_FORMAT: Final = b"\x01"
_SEAL: Final = 8
_LIVE: Final = struct.Struct(">q")
_STANDING: Final = struct.Struct(">qq")
_HISTORY: Final = struct.Struct(">qqq")
_NOWHERE: Final = _LIVE.pack(0)


class StreamLog:
    """The arrivals of a stream, as the reader for all its tails wants them: a place is the arrival before it.

    Attributes:
        wakeups: of the store.
        stream: whose.
        gone: the stream was deleted.
        floor: the newest arrival that retention had removed when it was last read.
    """

    def __init__(self, store: SeriesStore, stream: Stream) -> None:
        self.wakeups: Wakeups = store.wakeups
        self.stream = stream
        self.gone = False
        self.floor = 0
        self._store = store
        self._cutoff: int | None = None
        self._looked = 0.0

    async def bounds(self, context: Context) -> Bounds:
        """Where it begins and ends."""
        found = await self._store.bounds(context, self.stream)
        self._note(found)
        return Bounds(self.stream.identity, _LIVE.pack(found.floor), _LIVE.pack(found.end))

    async def read(self, context: Context, after: bytes, limit: int, max_bytes: int) -> Page:
        """Events behind a place; of a stream that is gone the page of another log."""
        (place,) = _LIVE.unpack(after or _NOWHERE)
        try:
            arrivals = await self._store.arrivals(context, self.stream, place, limit, max_bytes)
        except StreamNotFound:
            self.gone = True
            return Page(Bounds(b"", b"", b""), (), b"")
        self._note(arrivals.bounds)
        bounds = Bounds(self.stream.identity, _LIVE.pack(arrivals.bounds.floor), _LIVE.pack(arrivals.bounds.end))
        logged = [Logged(_LIVE.pack(key.arrival), "", event, {}, "", key.timestamp) for key, event in arrivals.found]
        return Page(bounds, logged, _LIVE.pack(arrivals.end))

    def _note(self, bounds: Arrived) -> None:
        self._cutoff, self._looked, self.floor = bounds.cutoff, time.monotonic(), bounds.floor

    def cutoff(self) -> int | None:
        """What is older is in no answer now."""
        if self._cutoff is None:
            return None
        return self._cutoff + int((time.monotonic() - self._looked) * 1e6)


@dataclass(slots=True)
class Standing:
    """Where a tail stands.

    Attributes:
        seam: the arrival up to which events are history.
        behind: the last event of history that was sent; None: none yet.
        arrival: once history is through, the last arrival that was looked at.
        in_history: history is not through.
        floor: what retention has removed up to this arrival is known to be missing.
    """

    seam: int
    behind: Key | None = None
    arrival: int = 0
    in_history: bool = True
    floor: int = 0

    def lost(self, floor: int, cutoff: int | None, begin: int | None) -> bool:
        """Whether events behind it are kept no longer; it goes on behind those."""
        if cutoff is None or (begin is not None and begin >= cutoff):
            return False
        if self.in_history:
            if self.behind is None or self.behind.timestamp >= cutoff:
                return False
            self.behind = Key(cutoff, "", 0)
            return True
        if floor <= max(self.arrival, self.floor):
            return False
        self.floor = floor
        return True


class Positions:
    """The positions of one tail: opaque, valid through every gateway, refused when forged or of something else."""

    def __init__(self, request: t.TailRequest, stream: Stream, context: Context) -> None:
        same = t.TailRequest(stream=request.stream)
        if request.HasField("from"):
            setattr(same, "from", getattr(request, "from"))
        if request.HasField("filter"):
            same.filter.CopyFrom(request.filter)
        scope = context.namespace.encode() + b"\0" + same.SerializeToString(deterministic=True)
        self._scope = blake2b(scope, digest_size=_SEAL, person=b"prism-series")
        self._identity = stream.identity

    def give(self, at: Standing) -> bytes:
        """The position of a place."""
        if not at.in_history:
            packed = b"l" + _STANDING.pack(at.arrival, at.floor)
        elif at.behind is None:
            packed = b"b" + _LIVE.pack(at.seam)
        else:
            numbers = _HISTORY.pack(at.seam, at.behind.timestamp, at.behind.arrival)
            packed = b"h" + numbers + at.behind.event_id.encode()
        packed = bytes((len(self._identity),)) + self._identity + packed
        return _FORMAT + self._seal(packed) + packed

    def read(self, position: bytes) -> Standing | None:
        """What `give` was given; None where it is of a stream that was deleted since.

        Raises:
            InvalidArgument: it is damaged or forged, or of another tail.
        """
        seal, packed = position[1 : 1 + _SEAL], position[1 + _SEAL :]
        if position[:1] != _FORMAT or not packed or seal != self._seal(packed):
            raise self._foreign()
        size = packed[0]
        identity, kind, rest = packed[1 : 1 + size], packed[1 + size : 2 + size], packed[2 + size :]
        try:
            standing = _unpacked(kind, rest)
        except (struct.error, UnicodeDecodeError):
            raise self._foreign() from None
        return standing if identity == self._identity else None

    @staticmethod
    def _foreign() -> Exception:
        limit = "pass a position unchanged, with the stream, `from` and filter that it was given for"
        return refusal("after", "not a position of this tail", limit)

    def _seal(self, packed: bytes) -> bytes:
        digest = self._scope.copy()
        digest.update(packed)
        return digest.digest()


def _unpacked(kind: bytes, rest: bytes) -> Standing:
    if kind == b"l":
        arrival, floor = _STANDING.unpack(rest)
        return Standing(arrival, arrival=arrival, in_history=False, floor=floor)
    if kind == b"b":
        return Standing(*_LIVE.unpack(rest))
    seam, timestamp, arrival = _HISTORY.unpack(rest[: _HISTORY.size])
    return Standing(seam, Key(timestamp, rest[_HISTORY.size :].decode(), arrival))


class Tails:
    """Serves `Tail`.

    Args:
        store: what is read.
        options: of the backend's configuration.
    """

    def __init__(self, store: SeriesStore, options: SeriesOptions) -> None:
        self._store = store
        self._options = options
        self._tails: dict[bytes, tuple[Tail, StreamLog]] = {}
        self._turns = Turns(_READS)
        self._stopped = False
        self.sent = 0
        """Events, so far."""

    def __len__(self) -> int:
        return sum(len(tail) for tail, _ in self._tails.values())

    async def stop(self) -> None:
        """Ends the tails."""
        self._stopped = True
        for tail, _ in [*self._tails.values()]:
            tail.end(_stopped())
            await tail.stop()

    async def tail(
        self, request: t.TailRequest, stream: Stream, context: Context
    ) -> AsyncGenerator[t.TailResponse, None]:
        """One tail; see the .proto."""
        selection = selection_of(request, stream)
        if request.after and request.new_only:
            raise refusal("new_only", "true", "not together with `after`")
        positions = Positions(request, stream, context)
        at = positions.read(request.after) if request.after else None
        if self._stopped:
            raise _stopped()
        tail, log = self._of(stream)
        try:
            changed = await tail.join()
        except BaseException:
            self._forget(stream, tail)
            raise
        try:
            bounds = await self._store.bounds(context, stream)
            gap = False
            if at is not None:
                gap = at.lost(bounds.floor, bounds.cutoff, selection.begin)
            else:
                gap = bool(request.after)  # of a stream that was deleted since
                at = Standing(bounds.end, arrival=bounds.end, in_history=not request.new_only)
            context.established()
            yield t.TailResponse(ready=t.Ready(position=positions.give(at)))
            if gap:
                yield t.TailResponse(gap=t.Gap(position=positions.give(at)))
            reading = _Reading(self, tail, log, changed, selection, at, positions)
            async for response in reading.history(context, stream):
                yield response
            async for response in reading.live(context):
                yield response
        finally:
            await self._leave(stream, tail, changed)

    def _of(self, stream: Stream) -> tuple[Tail, StreamLog]:
        found = self._tails.get(stream.identity)
        if found is None:
            log = StreamLog(self._store, stream)
            tail = Tail(log, stream.namespace, self._options.buffer_bytes, stream.name)
            found = self._tails[stream.identity] = (tail, log)
        return found

    async def _leave(self, stream: Stream, tail: Tail, changed: asyncio.Event) -> None:
        try:
            await tail.leave(changed)
        finally:
            self._forget(stream, tail)

    def _forget(self, stream: Stream, tail: Tail) -> None:
        if not tail and (found := self._tails.get(stream.identity)) is not None and found[0] is tail:
            del self._tails[stream.identity]

    async def history(
        self, context: Context, stream: Stream, selection: Selection, after: Key | None
    ) -> tuple[Sequence[tuple[Key, bytes]], bool]:
        """A page of it, and whether more follows."""
        await self._turns.take(context.namespace)
        try:
            page = await self._store.query(context, stream, selection, after, PAGE, PAGE_BYTES, descending=False)
        finally:
            self._turns.give_back()
        return page.found, page.more

    async def read(self, context: Context, log: StreamLog, place: bytes) -> Page:
        """Arrivals behind a place, for a tail that is behind the others."""
        await self._turns.take(context.namespace)
        try:
            await asyncio.sleep(0)
            return await log.read(context, place, PAGE, PAGE_BYTES)
        finally:
            self._turns.give_back()

    @property
    def interval(self) -> float:
        """Seconds after which a tail says where it stands."""
        return self._options.progress_interval

    @property
    def stopped(self) -> bool:
        """The backend ends."""
        return self._stopped


class _Reading:
    """One tail on its way."""

    def __init__(
        self, tails: Tails, tail: Tail, log: StreamLog, changed: asyncio.Event, selection: Selection,
        at: Standing, positions: Positions,
    ) -> None:  # fmt: skip
        self._tails = tails
        self._tail = tail
        self._log = log
        self._changed = changed
        self._selection = selection
        self._filter: Resolved | None = selection.filter
        self._at = at
        self._positions = positions

    async def history(self, context: Context, stream: Stream) -> AsyncGenerator[t.TailResponse, None]:
        """What was there at the seam, in the order of time."""
        at = self._at
        selection = replace(self._selection, seam=at.seam)
        while at.in_history:
            if at.lost(self._log.floor, self._log.cutoff(), selection.begin):
                yield t.TailResponse(gap=t.Gap(position=self._positions.give(at)))
            found, more = await self._tails.history(context, stream, selection, at.behind)
            events = [event for _, event in found]
            if found:
                at.behind = found[-1][0]
            if not more:
                at.in_history, at.arrival = False, at.seam
            if events or not more:
                self._tails.sent += len(events)
                yield tail_response(events, self._positions.give(at))

    async def live(self, context: Context) -> AsyncGenerator[t.TailResponse, None]:
        """What arrives."""
        loop = asyncio.get_running_loop()
        interval = self._tails.interval
        due = loop.time() + interval
        at, log = self._at, self._log
        while True:
            self._changed.clear()
            before = _LIVE.pack(at.arrival)
            if self._tails.stopped:
                raise _stopped()
            found = self._tail.after(log.stream.identity, _LIVE.pack(at.arrival))
            end, lost = b"", False
            if found is None:
                page = await self._tails.read(context, log, _LIVE.pack(at.arrival))
                found, end = page.messages, page.end
                lost = at.lost(log.floor, log.cutoff(), self._selection.begin)
            if log.gone:
                raise stream_not_found(log.stream.name)
            events, late = self._taken(found)
            if end:
                at.arrival = max(at.arrival, *_LIVE.unpack(end))
            if lost or late:
                yield t.TailResponse(gap=t.Gap(position=self._positions.give(at)))
            if events or loop.time() >= due:
                due = loop.time() + interval
                self._tails.sent += len(events)
                yield tail_response(events, self._positions.give(at))
            if not found and (not end or end == before):
                if self._tail.failure is not None:
                    raise self._tail.failure.clone()
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(due):
                        await self._changed.wait()

    def _taken(self, found: Sequence[Logged]) -> tuple[list[bytes], bool]:
        """The events of it that are the tail's, and whether some are beyond retention already."""
        if not found:
            return [], False
        begin, cutoff = self._selection.begin, self._log.cutoff()
        low = begin if begin is not None else -(1 << 63)
        events: list[bytes] = []
        lost = False
        for each in found:
            if each.published_at < low:
                continue
            if cutoff is not None and each.published_at < cutoff:
                lost = True
            elif self._filter is None or matches(self._filter, t.Event.FromString(each.payload).attributes):
                events.append(each.payload)
        (self._at.arrival,) = _LIVE.unpack(found[-1].place)
        return events, lost


def _stopped() -> BackendUnavailable:
    return BackendUnavailable("the backend was stopped; begin the tail again")
