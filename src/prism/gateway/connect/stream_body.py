"""The body of a streamed response: its first piece is under way before the head is sent, so that the head can say that
the stream is established."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Self

Pieces = Callable[[Callable[[], None]], AsyncGenerator[bytes, None]]
"""Makes the pieces of a body; what it is given says that the head may be sent before the first of them."""


class StreamBody:
    """Iterates over the pieces. Its maker closes it, unless `ready` raised."""

    __slots__ = ("_first", "_pieces", "_ready")

    def __init__(self, pieces: Pieces) -> None:
        self._ready = asyncio.Event()
        self._pieces = pieces(self._ready.set)
        self._first: asyncio.Task[bytes] | None = asyncio.create_task(self._begin())

    async def ready(self) -> None:
        """Returns when the head may be sent: the stream is established, has a first piece, or has failed."""
        try:
            await self._ready.wait()
        except asyncio.CancelledError:
            await self.aclose()
            raise

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        first, self._first = self._first, None
        return await (first or anext(self._pieces))

    async def aclose(self) -> None:
        """Ends the stream, wherever it is."""
        first, self._first = self._first, None
        if first is not None:
            first.cancel()
            await asyncio.wait((first,))
        await self._pieces.aclose()

    async def _begin(self) -> bytes:
        try:
            return await anext(self._pieces)
        finally:
            self._ready.set()
