"""Stores records from JSON Lines through a gateway: several batches in flight, every skipped line reported."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

from prism.cli.kv.json_lines import BadLine, decode, size_of, split
from prism.client import InvalidArgument, Item, KeyValue, LimitExceeded, PrismError, Unimplemented, Value

_MAX_WRITES = 200
_MAX_BYTES = 512 * 1024
_MAX_ITEMS = 500
_MAX_IN_FLIGHT = 6


@dataclass(slots=True)
class Counts:
    """Progress of an import: whole records and items stored, lines skipped, items that had expired."""

    records: int = 0
    items: int = 0
    bad_lines: int = 0
    expired: int = 0


@dataclass(slots=True)
class _Write:
    """One Put: a record, or part of a large one, from one line; `last` completes the record."""

    line: int
    record: str
    items: list[Item]
    last: bool


@dataclass(slots=True)
class _Batch:
    """Writes that travel together, each of another record."""

    writes: dict[str, _Write] = field(default_factory=dict)
    size: int = 0

    def has_room(self, write: _Write, size: int) -> bool:
        return not self.writes or (
            write.record not in self.writes and len(self.writes) < _MAX_WRITES and self.size + size <= _MAX_BYTES
        )


class Importer:
    """One import into one namespace.

    Lines of the same record are stored in their order, so that the last one wins. An expiry travels as the time that it
    is: whether it has passed is for the store's clock to say, which gives no version to an item that is gone.
    """

    def __init__(self, keyvalue: KeyValue, on_bad_line: Callable[[int, str], None], on_bytes: Callable[[int], None]):
        """
        Args:
            keyvalue: where the records go.
            on_bad_line: called with the number of a skipped line, and why it was skipped.
            on_bytes: called with how many bytes of the input have been read.
        """
        self.counts = Counts()
        self._keyvalue = keyvalue
        self._on_bad_line = on_bad_line
        self._on_bytes = on_bytes
        self._batch = _Batch()
        self._flying: dict[asyncio.Task[None], _Batch] = {}
        self._bad: set[int] = set()

    async def run(self, chunks: AsyncIterator[list[bytes]]) -> None:
        """Stores everything.

        Raises:
            PrismError: the gateway or the store failed; `counts` says what is stored. Importing again is safe.
        """
        number = 0
        try:
            async for lines in chunks:
                for line in lines:
                    number += 1
                    await self._take(number, line)
                self._on_bytes(sum(map(len, lines)) + len(lines))
            await self._flush()
            await self._land(0)
        finally:
            for task in self._flying:
                task.cancel()
            await asyncio.gather(*self._flying, return_exceptions=True)

    async def _take(self, number: int, line: bytes) -> None:
        text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if not text.strip():
            return
        try:
            record, items = decode(text)
        except BadLine as problem:
            self._skip(number, str(problem))
            return
        parts = split(items, _MAX_ITEMS, _MAX_BYTES)
        for part in parts:
            await self._add(_Write(number, record, part, last=part is parts[-1]))

    async def _add(self, write: _Write) -> None:
        size = sum(map(size_of, write.items)) + len(write.record)
        if not self._batch.has_room(write, size):
            await self._flush()
        if any(write.record in batch.writes for batch in self._flying.values()):
            await self._land(0)
        self._batch.writes[write.record] = write
        self._batch.size += size

    async def _flush(self) -> None:
        if not self._batch.writes:
            return
        await self._land(_MAX_IN_FLIGHT - 1)
        batch, self._batch = self._batch, _Batch()
        self._flying[asyncio.create_task(self._store(list(batch.writes.values())))] = batch

    async def _land(self, most: int) -> None:
        """Waits until at most so many batches are in flight."""
        while len(self._flying) > most:
            done, _ = await asyncio.wait(self._flying, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                del self._flying[task]
                task.result()

    async def _store(self, writes: list[_Write]) -> None:
        values = {write.record: _values(write) for write in writes}
        try:
            results = await self._keyvalue.batch_put(values)
        except (InvalidArgument, LimitExceeded) as error:
            if error.retry_after is not None:
                raise
            results = {}  # the batch as a whole was refused: send its writes one by one
        for write in writes:
            result = results.get(write.record)
            if result is not None and result.error is None:
                self._stored(write, result.versions)
            else:
                await self._store_alone(write)

    async def _store_alone(self, write: _Write) -> None:
        """Repeats a write that failed in its batch; putting the same again is safe."""
        try:
            versions = await self._keyvalue.put(write.record, _values(write))
        except PrismError as error:
            too_large = isinstance(error, LimitExceeded) and error.retry_after is None
            if not too_large and not isinstance(error, InvalidArgument | Unimplemented):
                error.message = f"line {write.line}: {error.message}"
                raise
            self._skip(write.line, error.message)
        else:
            self._stored(write, versions)

    def _stored(self, write: _Write, versions: Mapping[bytes, bytes]) -> None:
        gone = sum(not version for version in versions.values())
        items = len(write.items) - gone
        self.counts.items += items
        self.counts.expired += gone
        self.counts.records += write.last and items > 0

    def _skip(self, number: int, problem: str) -> None:
        if number not in self._bad:
            self._bad.add(number)
            self.counts.bad_lines += 1
            self._on_bad_line(number, problem)


def _values(write: _Write) -> dict[bytes, bytes | Value]:
    return {
        item.key: Value(item.value, item.metadata, expires_at=item.expires_at)
        if item.metadata or item.expires_at
        else item.value
        for item in write.items
    }
