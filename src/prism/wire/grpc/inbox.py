"""The receiving half of a stream of gRPC messages: takes DATA apart, keeps what the application has not read yet.

An inbox never copies a message more than twice (once out of the read, once to join its pieces), refuses a message
by its announced length before holding any of it, and says how much the peer may send.
"""

import asyncio
from collections import deque
from typing import Final

from prism.wire.config import SLOWEST
from prism.wire.grpc.compression import TooLarge, decompress
from prism.wire.grpc.status import Code, LocalReply, Status
from prism.wire.http2.frames import MESSAGE_HEAD

_HEAD: Final = MESSAGE_HEAD.size
_SMALL: Final = 512  # bytes: shorter pieces are gathered, for each costs some fifty more than it holds


class BadMessage(Exception):
    """The peer's messages cannot be read; `status` is what ends the call."""

    def __init__(self, status: Status) -> None:
        super().__init__(status)
        self.status = status


class _Packed(bytes):
    """A message as it came, compressed."""

    __slots__ = ()


class Inbox:
    """Messages received on one stream and not yet taken.

    `window` is what the peer may still send, `target` what it should be able to send while the application keeps
    up; `missing` is what the message being received still lacks. Compressed messages are kept as they came until
    they are taken: a window of them may expand a thousandfold.
    """

    __slots__ = (
        "_compressed",
        "_delivered",
        "_encoding",
        "_head",
        "_limit",
        "_looked",
        "_partial",
        "_parts",
        "ended",
        "held",
        "messages",
        "missing",
        "opened",
        "target",
        "waiter",
        "window",
    )

    def __init__(self, window: int, limit: int, encoding: str | None) -> None:
        self.messages: deque[bytes] = deque()
        self.held = 0
        self.missing = 0
        self.window = window
        self.target = window
        self.opened = 0.0
        self.ended = False
        self.waiter: asyncio.Future[None] | None = None
        self._limit = limit
        self._encoding = encoding
        self._compressed = 0
        self._head = b""
        self._partial = 0
        self._parts: list[bytes | bytearray] = []
        self._delivered = 0  # messages
        self._looked = (0, 0.0)  # as many when a message was first seen incomplete, and when that was

    def feed(self, data: bytes, start: int, stop: int) -> None:
        """Take the payload of a DATA frame. Raises `BadMessage`."""
        parts = self._parts
        while start < stop:
            if not self.missing:
                start = self._begin(data, start, stop)
                if not self.missing:
                    continue
            size = stop - start
            missing = self.missing
            if size > missing:
                size = missing
            taken = data[start : start + size]
            start += size
            self.missing = missing = missing - size
            if size >= _SMALL or not parts:
                parts.append(taken)
            elif isinstance(last := parts[-1], bytearray):
                last += taken
            else:
                parts.append(bytearray(taken))
            if missing:
                self._partial += size
            else:
                message = taken if len(parts) == 1 else b"".join(parts)
                parts.clear()
                self._partial = 0
                self._deliver(message)

    def place(self) -> tuple[bytes, int, int, int]:
        """Where in its messages the stream is: octets of a head; those of a body, and how many it lacks; and
        those of whole messages that have not been taken.
        """
        return self._head, self._partial, self.missing, self.held

    @property
    def plain(self) -> bool:
        """Whether what is being received is not compressed."""
        return not self._compressed

    @property
    def limit(self) -> int:
        """The most bytes of a message."""
        return self._limit

    def take_run(self, messages: list[bytes], part: bytes, head: bytes, missing: int) -> None:
        """Take what a run of DATA frames brought: what became whole, a part of the next, and the new `place`."""
        parts = self._parts
        if messages:
            if parts:
                parts.append(messages[0])
                messages[0] = b"".join(parts)
                parts.clear()
                self._partial = 0
            self._delivered += len(messages)
            self.held += sum(map(len, messages)) + _HEAD * len(messages)
            self.messages += messages
            if self.waiter is not None:
                self.wake()
        if part:
            self._partial += len(part)
            if len(part) >= _SMALL or not parts:
                parts.append(part)
            elif isinstance(last := parts[-1], bytearray):
                last += part
            else:
                parts.append(bytearray(part))
        self._head = head
        self.missing = missing

    def _begin(self, data: bytes, start: int, stop: int) -> int:
        """Read a message's head, which may lie across frames; an empty message is delivered at once."""
        lacking = _HEAD - len(self._head)
        self._head += data[start : min(start + lacking, stop)]
        if len(self._head) < _HEAD:
            return stop
        self._compressed, length = MESSAGE_HEAD.unpack(self._head)
        self._head = b""
        if self._compressed > 1:
            raise BadMessage(
                Status(
                    Code.INTERNAL,
                    "a message's compressed flag must be 0 or 1",
                    local_reply=LocalReply.MALFORMED_REQUEST,
                )
            )
        if self._compressed and self._encoding is None:
            raise BadMessage(
                Status(
                    Code.INTERNAL,
                    "a compressed message needs the grpc-encoding header",
                    local_reply=LocalReply.MALFORMED_REQUEST,
                )
            )
        if length > self._limit:
            raise BadMessage(_too_large(length, self._limit))
        if length:
            self.missing = length
        else:
            self._deliver(b"")
        return start + lacking

    def _deliver(self, message: bytes) -> None:
        self._delivered += 1
        self.held += len(message) + _HEAD
        self.messages.append(_Packed(message) if self._compressed else message)
        if self.waiter is not None:
            self.wake()

    def accept(self, encoding: str | None) -> None:
        """What the peer compresses with has become known."""
        self._encoding = encoding

    def end(self) -> None:
        """The peer has sent its last message. Raises `BadMessage` where one is incomplete."""
        self.ended = True
        if self.missing or self._head:
            raise BadMessage(
                Status(
                    Code.INTERNAL,
                    "the stream ended inside a message",
                    local_reply=LocalReply.MALFORMED_REQUEST,
                    cut_off=True,
                )
            )
        self.wake()

    async def arrival(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait until something has changed; for one reader at a time, whose loop it is: asking for it is a system call
        before Python 3.12.
        """
        if self.waiter is not None:
            raise RuntimeError("another task is reading this stream: let one task read and share what it gets")
        self.waiter = loop.create_future()
        try:
            await self.waiter
        finally:
            self.waiter = None

    def wake(self) -> None:
        """Let the reader look again."""
        waiter = self.waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    @property
    def packed(self) -> bool:
        """Whether the oldest message is compressed, so that to take it is to expand it."""
        return isinstance(self.messages[0], _Packed)

    def take(self) -> bytes:
        """The oldest message; there must be one. Raises `BadMessage` where it cannot be decompressed."""
        message = self.messages.popleft()
        self.held = self.held - len(message) - _HEAD if self.messages else 0
        return self._expanded(message) if isinstance(message, _Packed) else message

    def _expanded(self, message: bytes) -> bytes:
        try:
            return decompress(message, self._limit)
        except TooLarge:
            raise BadMessage(_too_large(self._limit + 1, self._limit)) from None
        except ValueError as error:
            raise BadMessage(
                Status(
                    Code.INTERNAL,
                    f"a message could not be decompressed: {error}",
                    local_reply=LocalReply.MALFORMED_REQUEST,
                )
            ) from error

    def stored(self) -> int:
        """The bytes that have been received and not been taken."""
        return self.held + self._partial

    def wanted(self) -> int:
        """By how much to raise the peer's window now; zero where it is not worth a frame."""
        desired = max(self.target - self.held, self.missing)
        if desired - self.window >= self.target >> 1 or self.window < self.missing <= desired:
            return desired - self.window
        return 0

    def overdue(self, now: float, timeout: float) -> bool:
        """Whether the message that is coming takes too long; not where it is our window that holds it back."""
        if not (self.missing or self._head) or self.window <= 0:
            self._looked = (0, 0.0)
            return False
        delivered, since = self._looked
        if delivered != self._delivered or not since:
            self._looked = (self._delivered, now)
            return False
        return now - since >= timeout + self._partial / SLOWEST


def _too_large(length: int, limit: int) -> Status:
    return Status(
        Code.RESOURCE_EXHAUSTED,
        f"a message of {length} bytes or more is over the limit of {limit}: "
        "send smaller ones or raise max_message_size",
        local_reply=LocalReply.MESSAGE_TOO_LARGE,
    )
