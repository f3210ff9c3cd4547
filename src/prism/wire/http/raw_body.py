"""The body of a request as its handler reads it while it comes: bytes of whatever meaning, and of any length."""

from typing import Final

from prism.wire.http.message_body import MessageBody

MOST_TAKEN: Final = 256 * 1024
"""Bytes that are given at once: larger pieces than frames cost a handler less, and must not cost much memory."""


class RawBody(MessageBody):
    """Bytes received and not yet taken. What holds them back is their reader, so only silence is too slow.

    `begun` says that the reader has asked for the first of them: a client that waits to be asked is told to send.
    """

    __slots__ = ("_seen", "begun", "discarded", "received")

    def __init__(self, window: int) -> None:
        super().__init__(window, 0, "")
        self.begun = False
        self.discarded = False
        self.received = 0
        self._seen = (-1, 0.0)  # bytes that had come when the client was last found silent, and when that was

    def feed(self, data: bytes, start: int, stop: int) -> None:
        """Take a piece; what comes after a failure, or when it is not read any more, is dropped."""
        self.received += stop - start
        if self._bad is None and not self.discarded and stop > start:
            self.held += stop - start
            self.messages.append(data[start:stop])
            if self.waiter is not None:
                self.wake()

    def discard(self) -> None:
        """Nothing more is read of it."""
        self.discarded = True
        self.messages.clear()
        self.held = 0

    def take(self) -> bytes:
        """The oldest bytes, as many as are given at once; there must be some."""
        pieces = self.messages
        piece = pieces.popleft()
        if pieces and len(piece) < MOST_TAKEN:
            parts, size = [piece], len(piece)
            while pieces and size < MOST_TAKEN:
                parts.append(pieces.popleft())
                size += len(parts[-1])
            piece = b"".join(parts)
        self.held -= len(piece)
        return piece

    def overdue(self, now: float, timeout: float) -> bool:
        """Whether the client, which may send, has sent nothing for so long."""
        if self.ended or self.window <= 0 or self.held or not self.begun:
            self._seen = (-1, 0.0)
            return False
        received, since = self._seen
        if received != self.received:
            self._seen = (self.received, now)
            return False
        return now - since >= timeout
