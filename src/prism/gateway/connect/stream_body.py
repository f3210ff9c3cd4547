"""The body of a streamed response: its first piece is under way before the head is sent, so that the head can say that
the stream is established."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Self

from prism.gateway.streams.heartbeats import Heartbeats
from prism.wire import Metadata

Pieces = Callable[[Callable[[], None]], AsyncGenerator[bytes, None]]
"""Makes the pieces of a body; what it is given says that the head may be sent before the first of them."""


class StreamBody:
    """Iterates over the pieces, and heartbeats between them. Its maker closes it, unless `ready` raised.

    Args:
        pieces: makes them.
        heartbeats: of the gateway's streams.
        headers: of the request.
        beat: a heartbeat as this stream has it.
    """

    __slots__ = ("_beat", "_beaten", "_first", "_heartbeat", "_heartbeats", "_pieces", "_ready")

    def __init__(self, pieces: Pieces, heartbeats: Heartbeats, headers: Metadata, beat: bytes) -> None:
        self._ready = asyncio.Event()
        self._pieces = pieces(self._ready.set)
        self._first: asyncio.Task[bytes] | None = asyncio.create_task(self._begin())
        self._heartbeats = heartbeats
        self._heartbeat = heartbeats.begin(headers, self._on_beat)
        self._beat = beat
        self._beaten: asyncio.Future[None] | None = None  # while the next piece is waited for

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
        if self._heartbeat is not None:
            return await self._piece_or_beat()
        first, self._first = self._first, None
        return await (first or anext(self._pieces))

    async def _piece_or_beat(self) -> bytes:
        """A wait of its own for each piece, which a heartbeat does not end."""
        piece = self._first = self._first or asyncio.create_task(self._begin())
        self._beaten = asyncio.get_running_loop().create_future()
        await asyncio.wait((piece, self._beaten), return_when=asyncio.FIRST_COMPLETED)
        self._beaten = None
        if not piece.done():
            return self._beat
        self._first = None
        if self._heartbeat is not None:
            self._heartbeat.quiet = False
        return piece.result()

    def _on_beat(self) -> None:
        if self._beaten is not None and not self._beaten.done():
            self._beaten.set_result(None)

    async def aclose(self) -> None:
        """Ends the stream, wherever it is."""
        self._heartbeats.end(self._heartbeat)
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
