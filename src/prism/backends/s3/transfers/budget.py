"""The memory of all transfers of an instance: bytes are taken before they are kept, and given back when S3 has them."""

import asyncio
from collections import deque


class Budget:
    """So many bytes; those who wait for more are served in the order in which they came.

    Attributes:
        taken: bytes that are taken now.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self.taken = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def take_now(self, size: int) -> bool:
        """Takes so many bytes where they are there and no one waits for them."""
        if self._waiting or self.taken + size > self._size:
            return False
        self.taken += size
        return True

    async def take(self, size: int) -> None:
        """Takes so many bytes, which are no more than there are in all, as soon as they are there."""
        if self.take_now(size):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(size)
            else:
                self._waiting.remove((size, turn))
                self._serve()
            raise

    def give(self, size: int) -> None:
        """Gives so many bytes back."""
        self.taken -= size
        self._serve()

    def _serve(self) -> None:
        while self._waiting and self.taken + self._waiting[0][0] <= self._size:
            size, turn = self._waiting.popleft()
            self.taken += size
            turn.set_result(None)
