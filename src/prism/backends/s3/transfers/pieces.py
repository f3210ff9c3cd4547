"""A stream of bytes in pieces of any size, taken so many bytes at a time without being joined."""

from collections.abc import AsyncIterator


class Pieces:
    """What is left of a source."""

    def __init__(self, source: AsyncIterator[bytes]) -> None:
        self._source = source
        self._rest: bytes = b""
        self._ended = False

    async def take(self, size: int) -> list[bytes]:
        """So many bytes; fewer where the source ends before, none where it has ended."""
        taken: list[bytes] = []
        while size and (piece := await self._next()):
            if len(piece) > size:
                piece, self._rest = piece[:size], piece[size:]
            taken.append(piece)
            size -= len(piece)
        return taken

    async def flow(self, size: int) -> AsyncIterator[bytes]:
        """The same as they come.

        The last piece is held back until what follows it is known: what the source says at its end against all that
        came, it says before the last piece is passed.
        """
        held = b""
        while size and (piece := await self._next()):
            if len(piece) > size:
                piece, self._rest = piece[:size], piece[size:]
            size -= len(piece)
            if held:
                yield held
            held = piece
        await self.more()
        if held:
            yield held

    async def more(self) -> bool:
        """Whether there is any byte left; raises what the source says against what came."""
        if not self._rest:
            self._rest = await self._next()
        return bool(self._rest)

    async def _next(self) -> bytes:
        if self._rest:
            piece, self._rest = self._rest, b""
            return piece
        while not self._ended:
            try:
                piece = await anext(self._source)
            except StopAsyncIteration:
                self._ended = True
            else:
                if piece:
                    return piece
        return b""
