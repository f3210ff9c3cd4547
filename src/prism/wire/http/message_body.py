"""The body of a request as a stream of messages, each in an envelope, which its handler reads as they come."""

from collections.abc import Awaitable, Callable
from typing import Final

from prism.wire.grpc.compression import GZIP
from prism.wire.grpc.inbox import BadMessage, Inbox
from prism.wire.grpc.status import Code, Status, StatusError

_GONE: Final = Status(Code.CANCELLED, "the request has ended: stop reading it")


class MessageBody(Inbox):
    """Messages received and not yet taken, framed as those of gRPC are.

    One that cannot be read does not end the exchange: the reader gets the error in its turn, for the handler to word.
    """

    __slots__ = ("_bad",)

    def __init__(self, window: int, limit: int, encoding: str) -> None:
        super().__init__(window, limit, GZIP if encoding == GZIP else None)
        self._bad: Status | None = None

    def feed(self, data: bytes, start: int, stop: int) -> None:
        """Take a piece of the body; what follows a message that cannot be read is dropped."""
        if self._bad is None:
            try:
                super().feed(data, start, stop)
            except BadMessage as bad:
                unnamed = self._compressed == 1 and self._encoding is None
                self.fail(bad.status if unnamed else _of_the_caller(bad.status))

    def end(self) -> None:
        """The body is complete."""
        try:
            super().end()
        except BadMessage as bad:
            self.fail(_of_the_caller(bad.status))

    def fail(self, status: Status) -> None:
        """Nothing more can be read; the reader gets the status behind what has come whole."""
        if self._bad is None:
            self._bad = status
        self._parts.clear()
        self._partial = self.missing = 0
        self._head = b""
        self.ended = True
        self.wake()

    def wanted(self) -> int:
        """As of every inbox; nothing where nothing more is read."""
        return 0 if self._bad is not None else super().wanted()

    def why_over(self) -> StatusError | StopAsyncIteration:
        """What tells the reader that there are no more messages."""
        if self._bad is not None:
            return StatusError(self._bad)
        # Where the client has not ended it, what has come must not be taken for the whole.
        return StopAsyncIteration() if self.ended else StatusError(_GONE)

    def _expanded(self, message: bytes) -> bytes:
        try:
            return super()._expanded(message)
        except BadMessage as bad:
            raise BadMessage(_of_the_caller(bad.status)) from bad


class BodyMessages:
    """Iterates over the messages of a body, for one reader at a time.

    Args:
        body: what receives them.
        receive: gives the next one, or None where there are no more.
    """

    __slots__ = ("_body", "_receive")

    def __init__(self, body: MessageBody, receive: Callable[[], Awaitable[bytes | None]]) -> None:
        self._body = body
        self._receive = receive

    def __aiter__(self) -> "BodyMessages":
        return self

    async def __anext__(self) -> bytes:
        message = await self._receive()
        if message is None:
            raise self._body.why_over()
        return message


def _of_the_caller(status: Status) -> Status:
    """With the code that the Connect protocol has for malformed messages."""
    if status.code is not Code.INTERNAL:
        return status
    return Status(Code.INVALID_ARGUMENT, status.message, local_reply=status.local_reply)
