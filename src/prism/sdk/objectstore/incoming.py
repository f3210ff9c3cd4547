"""The requests of a Put or PutPart as they come: one head, chunks, one finish."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, TypeVar

from prism.errors import ContentMismatch, InvalidArgument, TransferIdle, Violation
from prism.interfaces.objectstore import Finish

Head = TypeVar("Head")


class Incoming(Generic[Head]):
    """Reads the stream, and ends it where nothing comes for too long.

    Args:
        requests: the stream.
        idle_timeout: seconds.

    Attributes:
        finish: the last request; None until it has come.
    """

    def __init__(self, requests: AsyncIterator[Any], idle_timeout: float) -> None:
        self._requests = aiter(requests)
        self._idle_timeout = idle_timeout
        self._idle: asyncio.Timeout | None = None
        self._came = 0.0
        self.finish: Finish | None = None

    async def head(self) -> Head:
        """The first request.

        Raises:
            InvalidArgument: it is something else, or there is none.
            TransferIdle: it does not come.
        """
        first = await self._within_time(self._next)
        if first is None or first.WhichOneof("request") != "head":
            raise _misplaced("the first one is `head`")
        head: Head = first.head
        return head

    async def batches(
        self, size: Callable[[], int], limit: int, declared: int | None = None
    ) -> AsyncIterator[list[bytes]]:
        """The chunks, several at a time: so many that they have `size` bytes, which is asked anew for each batch.

        With the last batch, which may have no chunks, `finish` has come.

        Args:
            size: see above.
            limit: most bytes in all.
            declared: how many there are, as `head` says.

        Raises:
            InvalidArgument: the stream is out of order, or too large.
            ContentMismatch: it ended without `finish`, or has another size than was declared.
            TransferIdle: nothing came for too long.
        """
        total = 0
        while self.finish is None:
            batch = await self._within_time(lambda: self._batch(size()))
            total += sum(map(len, batch))
            if total > limit:
                raise _too_large(total, limit)
            if declared is not None and (total > declared or (self.finish is not None and total < declared)):
                raise ContentMismatch(f"{total} bytes came, and `head` says {declared}; nothing was stored")
            yield batch

    async def _batch(self, size: int) -> list[bytes]:
        batch: list[bytes] = []
        while size > 0:
            request = await self._next()
            if request is None:
                raise ContentMismatch("the stream ended without `finish`; nothing was stored")
            kind = request.WhichOneof("request")
            if kind == "finish":
                self.finish = request.finish
                break
            if kind == "head":
                raise _misplaced("`head` comes once, as the first one")
            batch.append(request.chunk)
            size -= len(request.chunk)
        return batch

    async def _next(self) -> Any:
        request = await anext(self._requests, None)
        self._came = asyncio.get_running_loop().time()
        return request

    async def _within_time(self, work: Callable[[], Any]) -> Any:
        """Runs `work`, which calls `_next`; looks now and then at when it last did, which costs a chunk nothing."""
        loop = asyncio.get_running_loop()
        self._came = loop.time()
        watch: asyncio.TimerHandle | None = None

        def look() -> None:
            nonlocal watch
            due = self._came + self._idle_timeout
            if due <= loop.time():
                idle.reschedule(loop.time())
            else:
                watch = loop.call_at(due, look)

        try:
            async with asyncio.timeout(None) as idle:
                watch = loop.call_at(self._came + self._idle_timeout, look)
                return await work()
        except TimeoutError as error:
            if not idle.expired():
                raise
            raise TransferIdle(
                f"nothing came for {self._idle_timeout:g} s; nothing was stored: send faster, or in parts"
            ) from error
        finally:
            if watch is not None:
                watch.cancel()


def _misplaced(limit: str) -> InvalidArgument:
    violation = Violation("the stream", "a request out of its place", limit)
    return InvalidArgument(str(violation), violations=[violation])


def check_declared(declared: int, limit: int) -> None:
    """Passes a declared size that can be kept.

    Raises:
        InvalidArgument: it cannot.
    """
    if declared > limit:
        raise _too_large(declared, limit)


def _too_large(size: int, limit: int) -> InvalidArgument:
    violation = Violation("size", f"{size} bytes", f"at most {limit} are allowed")
    return InvalidArgument(str(violation), violations=[violation])
