"""How content comes into a blob, and how a blob becomes part of the index or is removed."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Protocol, TypeVar

from prism.context import Context
from prism.errors import CallerError, Outcome, PrismError
from prism.sdk.objectstore.budget import Budget
from prism.sdk.objectstore.checksums import Digest, check_crc32c, check_finish, crc32c
from prism.sdk.objectstore.incoming import Incoming
from prism.sdk.objectstore.stored.blobs import Blobs, BlobWriter, Piece
from prism.sdk.objectstore.stored.index import Index

log = logging.getLogger(__name__)

T = TypeVar("T")
_GARBAGE = 500
"""Blobs that are removed at once."""


class Transactions(Protocol):
    """Where the index is."""

    async def write(self, context: Context, work: Callable[[Index], T]) -> T:
        """Runs `work` in a transaction; when this returns, it is as durable as the backend declares."""
        ...

    async def read(self, context: Context, work: Callable[[Index], T]) -> T:
        """Runs `work`, which only reads, on one state of the index."""
        ...


class Receiving:
    """Blobs on their way into the index and out of it.

    Args:
        blobs: their keeper.
        transactions: where the index is.
        budget: what transfers may hold.
    """

    def __init__(self, blobs: Blobs, transactions: Transactions, budget: Budget) -> None:
        self._blobs = blobs
        self._transactions = transactions
        self._budget = budget
        self._doubtful: list[str] = []
        self._collecting: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def received(
        self, incoming: Incoming[Any], declared: int | None, limit: int, inline: int = 0
    ) -> AsyncIterator["Arriving"]:
        """The content of a stream, which is the block's to commit: a sealed blob, or up to `inline` bytes as they are.

        Where the block fails, the blob is removed, unless it may be in the index: then a sweep decides.
        """
        with self._budget.transfer():
            self._blobs.check_room(declared or 0)
            arriving = Arriving(self._blobs, inline)
            try:
                async for batch in incoming.batches(lambda: self._budget.batch, limit, declared):
                    await arriving.write(batch, last=incoming.finish is not None)
                    self._budget.moved += sum(map(len, batch))
                await _check(incoming, arriving)
                yield arriving
            except Doubtful as doubtful:
                if arriving.writer is not None:
                    self._doubtful.append(arriving.writer.name)
                raise doubtful.why from doubtful.why.__cause__
            except BaseException:
                if arriving.writer is not None:
                    self._doubtful.append(arriving.writer.name)  # until it is certainly gone
                    await arriving.discard()
                    self._doubtful.remove(arriving.writer.name)
                raise

    async def commit(self, context: Context, work: Callable[[Index], T]) -> T:
        """Runs a write; what it leaves as garbage is removed soon."""

        def noted(index: Index) -> tuple[T, bool]:
            return work(index), index.wasted

        writing = asyncio.ensure_future(self._transactions.write(context, noted))
        try:
            answer, wasted = await asyncio.shield(writing)
        except asyncio.CancelledError as cancelled:
            await asyncio.wait([writing])  # it may be done all the same
            raise Doubtful(cancelled) from None
        except PrismError as error:
            if error.outcome is Outcome.NOT_APPLIED or isinstance(error, CallerError):
                raise
            raise Doubtful(error) from None
        if wasted:
            self.collect()
        return answer

    async def settled(self, context: Context, work: Callable[[Index], T]) -> T:
        """Runs a write that brings no blob."""
        try:
            return await self.commit(context, work)
        except Doubtful as doubtful:
            raise doubtful.why from doubtful.why.__cause__

    def collect(self) -> None:
        """Removes garbage in the background."""
        if self._collecting is None or self._collecting.done():
            self._collecting = asyncio.ensure_future(self._collect())

    async def _collect(self) -> None:
        housekeeping = Context("")
        try:
            while names := await self._transactions.read(housekeeping, lambda index: index.garbage(_GARBAGE)):
                gone = await self._blobs.remove(names)
                if not gone:
                    return  # they are read just now; the next sweep comes to them
                await self._transactions.write(housekeeping, partial(Index.removed, blobs=gone))
        except PrismError as error:
            log.warning("blobs of objects that are gone could not be removed; it is tried again: %s", error)

    async def sweep(self, limit: int) -> bool:
        """Removes what has expired and what is in doubt; whether more may be left."""
        housekeeping = Context("")
        more = False
        if doubtful := self._doubtful:
            self._doubtful = []
            unnamed = await self._transactions.read(housekeeping, lambda index: index.unnamed(doubtful))
            await self._blobs.remove(unnamed)
        if await self._transactions.read(housekeeping, lambda index: index.due()):
            more = await self._transactions.write(housekeeping, lambda index: index.sweep(limit))
        self.collect()
        return more

    @property
    def clean(self) -> bool:
        """Whether every blob that was made is named by the index or gone."""
        return not self._doubtful

    async def stop(self) -> None:
        """Waits for what is under way in the background."""
        if self._collecting is not None:
            await asyncio.wait([self._collecting])


class Arriving:
    """A content on its way into a blob: the next batch comes while the one before is written.

    Attributes:
        writer: of the blob; None as long as there is none.
        digest: of what has come.
    """

    def __init__(self, blobs: Blobs, inline: int) -> None:
        self._blobs = blobs
        self._most_inline = inline
        self._inline = b""
        self._writing: asyncio.Future[None] | None = None
        self.writer: BlobWriter | None = None
        self.digest = Digest()

    async def write(self, batch: Sequence[bytes], *, last: bool) -> None:
        """Takes a batch; waits for the one before, and for the last one."""
        if self.writer is None:
            size = sum(map(len, batch))
            if not size:
                return
            if last and size <= self._most_inline:
                self._blobs.check_room(size)
                self._inline = b"".join(batch)
                self.digest.update(self._inline)
                return
            self.writer = self._blobs.create()
            self.digest = self.writer.digest
        await self._written()
        self._writing = asyncio.ensure_future(self.writer.write(batch, last=last))
        if last:
            await self._written()

    @property
    def pieces(self) -> list[Piece]:
        """What the content is made of; nothing where it is empty."""
        if self.writer is not None:
            return [Piece(self.writer.name, self.digest.size)]
        return [Piece("", self.digest.size, self._inline)] if self._inline else []

    async def crc32c(self) -> int:
        """Of what has come."""
        return crc32c((self._inline,)) if self.writer is None else await self.writer.crc32c()

    async def _written(self) -> None:
        if self._writing is not None:
            await asyncio.shield(self._writing)
            self._writing = None

    async def discard(self) -> None:
        """Removes what has come."""
        if self._writing is not None:
            await asyncio.wait([self._writing])  # a thread may be writing what is closed next
            if not self._writing.cancelled():
                self._writing.exception()
        if self.writer is not None:
            await self.writer.discard()


class Doubtful(BaseException):
    """A commit of which it is not known whether it was done.

    Attributes:
        why: what its caller gets.
    """

    def __init__(self, why: BaseException) -> None:
        super().__init__(str(why))
        self.why = why


async def _check(incoming: Incoming[Any], arriving: Arriving) -> None:
    finish = incoming.finish
    assert finish is not None  # noqa: S101  # for mypy: the batches end with it
    check_finish(finish, arriving.digest)
    if finish.checksum.HasField("crc32c"):
        check_crc32c(finish, await arriving.crc32c())
