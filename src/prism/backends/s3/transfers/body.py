"""What a request to S3 carries: pieces as they came, sent one after another and never joined where they are at hand."""

from collections.abc import AsyncIterator, Callable, Sequence


class Body:
    """Pieces that are at hand: they may be sent again.

    The driver takes its length by `len`, and sends what it iterates over.
    """

    def __init__(self, pieces: Sequence[bytes], size: int) -> None:
        self.pieces = pieces
        self.size = size
        self.waiting: Callable[[bool], None] = lambda _: None
        """Called with False when a piece is handed to the driver, with True before the next one is waited for."""

    def __len__(self) -> int:
        return self.size

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            self.waiting(False)
            yield piece


class StreamedBody(Body):
    """Pieces that are still to come, of a part that may not be kept: they are sent once.

    The size that was announced is what S3 waits for. A source that fails, or ends before it, fails the request, and S3
    drops what it has received.

    Attributes:
        failure: what the source raised.
        begun: a piece was asked for; it cannot be sent again.
    """

    def __init__(self, source: AsyncIterator[bytes], size: int) -> None:
        super().__init__((), size)
        self._source = source
        self.failure: BaseException | None = None
        self.begun = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self._next():
            yield piece

    async def read(self, size: int) -> bytes:
        """So many bytes or some more, for a driver that puts a checksum behind them; none at the end."""
        taken, length = [], 0
        while length < size and (piece := await self._next()):
            taken.append(piece)
            length += len(piece)
        return b"".join(taken)

    async def _next(self) -> bytes:
        self.begun = True
        self.waiting(True)
        try:
            return await anext(self._source)
        except StopAsyncIteration:
            return b""
        except BaseException as error:
            self.failure = error
            raise
        finally:
            self.waiting(False)
