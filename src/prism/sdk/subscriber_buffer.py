"""Messages that a subscriber has not read yet: bounded; when full the subscription ends, rather than dropping some."""

import asyncio
from collections import deque
from typing import Generic, Self, TypeVar

from prism.errors import FellBehind, PrismError

Message = TypeVar("Message")


class SubscriberBuffer(Generic[Message]):
    """Messages for one reader, which iterates over them. A publisher never waits for a reader.

    Attributes:
        missed: how many did not fit; from the first of them on none is taken in.
    """

    __slots__ = ("_bytes", "_error", "_max_bytes", "_max_messages", "_messages", "_waiter", "missed")

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        """
        Args:
            max_messages: so many may wait for the reader.
            max_bytes: so many bytes of them, as `put` counts them; a single message may be larger.
        """
        self._messages: deque[tuple[Message, int]] = deque()
        self._bytes = 0
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._error: PrismError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.missed = 0

    def put(self, message: Message, size: int) -> None:
        """Adds a message of so many bytes, or counts it as missed."""
        messages = self._messages
        full = len(messages) >= self._max_messages or self._bytes + size > self._max_bytes
        if self.missed or (full and messages):
            self.missed += 1
        elif self._error is None:
            messages.append((message, size))
            self._bytes += size
            self._wake()

    def miss(self) -> None:
        """A message was lost on its way here: counts as one that did not fit."""
        self.missed += 1
        self._wake()

    def end(self, error: PrismError) -> None:
        """No message follows: after those that wait, the reader gets the error. Only the first call counts."""
        if self._error is None:
            self._error = error
            self._wake()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        """The next message.

        Raises:
            FellBehind: it did not fit any more.
            PrismError: what `end` was given.
        """
        messages = self._messages
        while not messages:
            if self.missed:
                raise FellBehind.by(self.missed)
            if self._error is not None:
                raise self._error
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        message, size = messages.popleft()
        self._bytes -= size
        return message

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
