"""One HTTP/2 stream: what its connection needs to know of it, whichever side and whatever it carries."""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from typing import Final, Protocol

from prism.wire.grpc.status import Status
from prism.wire.http2.frames import ErrorCode
from prism.wire.timer import Expiring

MANY: Final = 1 << 31  # messages: more than a connection will ever bring
END_WITH_DATA: Final = b""  # an outbox's `final`: the last DATA frame carries END_STREAM


class Receiver(Protocol):
    """Takes the DATA of a stream, and says how much more of it is welcome; `opened` is when it last said so, and
    `waiter` what wakes its reader, which waits.
    """

    window: int
    target: int
    missing: int
    held: int
    opened: float

    @property
    def waiter(self) -> "asyncio.Future[None] | None": ...

    def feed(self, data: bytes, start: int, stop: int) -> None:
        """Take `data[start:stop]`. Raises `BadMessage`."""

    def end(self) -> None:
        """There is no more. Raises `BadMessage`."""

    def stored(self) -> int:
        """The bytes that have been received and not been taken."""

    def wanted(self) -> int:
        """By how much to raise the peer's window now; zero where it is not worth a frame."""

    def overdue(self, now: float, timeout: float) -> bool:
        """Whether what is coming takes longer than it may to come whole; asked now and then."""


class Outbox:
    """What a stream has accepted and could not send yet, for want of window or because the peer reads slowly.

    `final` is what ends the stream after it: the bytes of the trailers, `END_WITH_DATA`, or nothing yet.
    """

    __slots__ = ("final", "pieces", "queued", "size", "waiters")

    def __init__(self) -> None:
        self.pieces: deque[bytes | memoryview] = deque()
        self.size = 0
        self.final: bytes | None = None
        self.queued = False
        self.waiters: list[asyncio.Future[None]] = []

    def wake(self) -> None:
        """Let the tasks that wait for room look again."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)
        self.waiters.clear()


class Stream(ABC):
    """The state of one stream that its connection works on.

    `ended`: nothing more may be sent or matters. `remote_ended`: the peer has sent END_STREAM. `eager`: not a byte
    of a unary message has come yet, so that one DATA frame may be the whole of it. `content_length`: the bytes that
    the peer has promised and not sent yet; -1 where it promised nothing. `reserved`: what it has of the budget.
    """

    __slots__ = (
        "bucket",
        "content_length",
        "eager",
        "ended",
        "expires",
        "outbox",
        "receiver",
        "remote_ended",
        "reserved",
        "send_window",
        "stream_id",
    )

    stream_id: int
    send_window: int
    outbox: Outbox | None
    receiver: Receiver | None
    remote_ended: bool
    reserved: int
    eager: bool
    content_length: int
    ended: bool
    expires: float
    bucket: set[Expiring] | None

    def on_whole(self, message: bytes) -> None:  # noqa: B027 - not every stream is ever eager
        """One DATA frame was the whole of what the peer sends, and that was one message; only while `eager`."""

    def on_pieces(self) -> None:  # noqa: B027 - not every stream is ever eager
        """It was not: make a receiver; only while `eager`."""

    def plain_messages(self) -> int:
        """How many whole messages its `Inbox` may be given in a row, unless anything but a plain one comes."""
        return 0

    def was_held(self, now: float) -> bool:  # noqa: ARG002 - by default each reset is charged
        """Whether the stream was open for so long that the peer gains nothing by resetting it."""
        return False

    def overdue(self, now: float, timeout: float) -> bool:
        """Whether a message of the peer's takes longer than it may to come whole; asked now and then."""
        return not self.remote_ended and self.receiver is not None and self.receiver.overdue(now, timeout)

    def expire(self) -> None:  # noqa: B027 - not every stream has a deadline
        """The deadline has passed; only for streams that were given to a wheel."""

    @abstractmethod
    def on_data(self) -> None:
        """The receiver has been fed. Raises `BadMessage`."""

    @abstractmethod
    def on_sent(self) -> None:
        """Our last frame has been handed on."""

    @abstractmethod
    def abort(self, status: Status) -> None:
        """End the stream with a status, now."""

    @abstractmethod
    def on_reset(self, code: ErrorCode) -> None:
        """The peer, or a fault of the peer's, ended the stream; the connection has forgotten it."""

    @abstractmethod
    def on_lost(self, reason: str) -> None:
        """The connection is gone."""
