"""A call of any kind as its caller sees it: messages out, messages in, metadata, and how it ended."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self

from prism.wire.client.stream import ONE_MESSAGE, ClientStream
from prism.wire.grpc.compression import GZIP, compress
from prism.wire.grpc.deadline import Deadline
from prism.wire.grpc.metadata import EMPTY_METADATA, Metadata
from prism.wire.grpc.status import Code, Status, StatusError
from prism.wire.hpack.encoder import encode_literal
from prism.wire.http2.frames import MESSAGE_HEAD
from prism.wire.http2.stream import END_WITH_DATA

_MAX_REPLAY: Final = 64 * 1024  # bytes of sent messages kept for a repeat of a call that the peer never looked at
_MAX_ATTEMPTS: Final = 3
_CANCELLED: Final = Status(Code.CANCELLED, "the caller cancelled the call")
_GZIP_HEADER: Final = encode_literal(b"grpc-encoding", b"gzip")

# Begins one attempt: path, metadata, deadline, whether to wait for readiness, and further header fields.
Begin = Callable[[str, Metadata, Deadline | None, bool, bytes], Awaitable[ClientStream]]


class ClientCall:
    """One call. Use it as a context manager: leaving the block cancels a call that has not ended.

    One task may send while another receives. A call that the peer certainly never looked at is begun again by
    itself, as long as what has been sent is short and nothing has come back.
    """

    __slots__ = (
        "_attempts",
        "_begin_attempt",
        "_cancelled",
        "_deadline",
        "_ended",
        "_gzip",
        "_lock",
        "_metadata",
        "_path",
        "_replay",
        "_replay_size",
        "_stream",
        "_wait_for_ready",
    )

    def __init__(
        self,
        begin: Begin,
        path: str,
        metadata: Metadata,
        deadline: Deadline | None,
        wait_for_ready: bool,
        compression: str | None,
    ) -> None:
        if compression not in (None, GZIP):
            raise ValueError(f"compression {compression!r} is not supported: use 'gzip' or None")
        self._begin_attempt = begin
        self._path = path
        self._metadata = metadata
        self._deadline = deadline
        self._wait_for_ready = wait_for_ready
        self._gzip = compression is not None
        self._stream: ClientStream | None = None
        self._lock = asyncio.Lock()
        self._attempts = 0
        self._replay: list[tuple[bytes, bytes]] | None = []
        self._replay_size = 0
        self._ended = False
        self._cancelled = False

    async def send(self, message: bytes, *, compressed: bool = True) -> None:
        """Send one message; returns when the stream may take more.

        `compressed` counts only for calls opened with compression. Raises `StatusError` where the call has failed;
        a message for a call that has ended with OK is dropped, as the server does not read it.
        """
        if self._ended:
            raise RuntimeError(
                "send() was called after end(), which completes the request: send every message before end()"
            )
        flag = 0
        if self._gzip and compressed:
            message, flag = compress(message), 1
        head = MESSAGE_HEAD.pack(flag, len(message))
        stream = self._stream or await self._begun()
        self._keep(head, message)
        if not stream.ended:
            await stream.connection.output.transmit(stream, head, message)
        if stream.error is not None:
            await self._recover(stream)

    async def end(self) -> None:
        """Say that no more messages will be sent; calling it again does nothing."""
        if self._ended:
            return
        stream = self._stream or await self._begun()
        self._ended = True
        if not stream.ended:
            stream.connection.output.finish(stream, END_WITH_DATA)

    async def receive(self) -> bytes | None:
        """The next message; None once the call has ended with OK. Raises `StatusError` where it ended otherwise."""
        while True:
            stream = self._stream or await self._begun()
            try:
                message = await stream.connection.receiving.next_message(stream, stream.receiver)
            except StatusError as unreadable:
                stream.abort(unreadable.status)
                raise
            if message is not None:
                self._replay = None
                return message
            if stream.error is None:
                return None
            await self._recover(stream)

    async def response(self) -> bytes:
        """The message of a method that gives one, once the call has ended.

        Raises `StatusError` where it ended otherwise, or gave none or more than one.
        """
        message = await self.receive()
        if message is None or await self.receive() is not None:
            self.cancel()
            raise StatusError(ONE_MESSAGE)
        return message

    async def headers(self) -> Metadata:
        """The initial metadata, once it has come. Raises `StatusError` where the call failed before."""
        while True:
            stream = self._stream or await self._begun()
            await stream.head()
            if stream.head_seen or stream.error is None:
                self._replay = None
                return stream.initial
            await self._recover(stream)

    @property
    def has_message(self) -> bool:
        """Whether a message has come that has not been received yet."""
        return self._stream is not None and bool(self._stream.receiver.messages)

    @property
    def trailing(self) -> Metadata:
        """The trailing metadata; empty until the call has ended."""
        return self._stream.trailing if self._stream is not None else EMPTY_METADATA

    def cancel(self) -> None:
        """Give the call up; tasks that wait for it get CANCELLED."""
        self._cancelled = True
        if self._stream is not None and not self._stream.finished:
            self._stream.abort(_CANCELLED)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        message = await self.receive()
        if message is None:
            raise StopAsyncIteration
        return message

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    async def _begun(self) -> ClientStream:
        """The attempt under way; the first use of a call is what begins it."""
        stream = self._stream
        if stream is None:
            async with self._lock:
                if self._stream is None:
                    await self._begin()
                stream = self._stream
        if stream is None:
            raise StatusError(_CANCELLED)
        return stream

    async def _begin(self) -> None:
        if self._cancelled:
            raise StatusError(_CANCELLED)
        extra = _GZIP_HEADER if self._gzip else b""
        stream = await self._begin_attempt(self._path, self._metadata, self._deadline, self._wait_for_ready, extra)
        self._attempts += 1
        self._stream = stream
        if self._cancelled:
            stream.abort(_CANCELLED)
        for head, message in self._replay or ():
            stream.connection.output.enqueue(stream, head, message)
        if self._ended:
            stream.connection.output.finish(stream, END_WITH_DATA)

    async def _recover(self, failed: ClientStream) -> None:
        """Begin again what the peer never looked at, or raise how the call failed."""
        error = failed.error
        if error is None:
            return
        if not error.unprocessed or self._replay is None or self._attempts >= _MAX_ATTEMPTS or self._cancelled:
            raise error
        async with self._lock:
            if self._stream is failed:
                await self._begin()

    def _keep(self, head: bytes, message: bytes) -> None:
        if self._replay is None:
            return
        self._replay_size += len(message)
        if self._replay_size > _MAX_REPLAY:
            self._replay = None
        else:
            self._replay.append((head, message))
