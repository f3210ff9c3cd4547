"""The client's end of a stream: what has come of the response. `UnaryCall` is the hot path, `ClientStream` the rest."""

import asyncio
from abc import abstractmethod
from time import monotonic
from typing import Protocol

from prism.wire.client.unpacking import Unpacking
from prism.wire.grpc.compression import GZIP
from prism.wire.grpc.inbox import BadMessage, Inbox
from prism.wire.grpc.metadata import EMPTY_METADATA, Metadata
from prism.wire.grpc.response_head import ResponseHead, reset_status
from prism.wire.grpc.status import Code, Status, StatusError
from prism.wire.http2.frames import ErrorCode
from prism.wire.http2.output import Output
from prism.wire.http2.receiving import Receiving
from prism.wire.http2.stream import MANY, Stream

_DEADLINE = Status(Code.DEADLINE_EXCEEDED, "the deadline passed before the call ended")
# The code of a wrong number of messages, either way: grpc/doc/statuscodes.md.
ONE_MESSAGE = Status(Code.UNIMPLEMENTED, "the response must be exactly one message")


class CallingConnection(Protocol):
    """The connection as a stream of it sees it."""

    output: Output
    receiving: Receiving
    unpacking: Unpacking

    @property
    def refusal_counts(self) -> bool:
        """Whether a stream that the peer refuses has certainly not been processed."""

    def drop(self, stream: "ResponseStream") -> None:
        """The caller has given up."""


class ResponseStream(Stream):
    """What both kinds share: how a response begins, and how it fails."""

    __slots__ = ("connection", "encoding", "head_seen", "local_ended")

    connection: CallingConnection
    encoding: str | None
    head_seen: bool
    local_ended: bool
    receiver: Inbox | None

    def on_head(self, head: ResponseHead) -> None:
        """The response's head has come. Raises `BadMessage` where it is not a gRPC response."""
        if head.http_status != "200" or not head.grpc:
            raise BadMessage(head.not_grpc())
        if head.encoding not in (None, GZIP):
            raise BadMessage(Status(Code.INTERNAL, "the response has an unknown grpc-encoding"))
        self.head_seen = True
        self.encoding = head.encoding

    def on_plain_head(self) -> None:
        """The head that most responses have: no metadata, no compression."""
        self.head_seen = True

    @abstractmethod
    def on_trailers(self, head: ResponseHead) -> None:
        """The response has ended; the connection has forgotten the stream."""

    @abstractmethod
    def on_ok(self) -> None:
        """The same, with the trailers that most responses have: OK and nothing else."""

    @abstractmethod
    def fail(self, error: StatusError) -> None:
        """The call has failed; the connection has forgotten the stream."""

    def on_sent(self) -> None:
        """The request is complete."""
        self.local_ended = True

    def on_data(self) -> None:
        """The inbox has been fed; END_STREAM in DATA means that the trailers are missing."""
        if self.remote_ended and not self.ended:
            raise BadMessage(Status(Code.INTERNAL, "the response ended without trailers", cut_off=True))

    def abort(self, status: Status) -> None:
        """Give up on the call."""
        if not self.ended:
            self.connection.drop(self)
            self.fail(StatusError(status))

    def expire(self) -> None:
        """The deadline has passed."""
        self.abort(_DEADLINE)

    def on_reset(self, code: ErrorCode) -> None:
        """The peer has reset the stream."""
        # Servers cancel what is out of time, and may be faster than our coarse clock.
        late = code is ErrorCode.CANCEL and self.expires <= monotonic()
        status = _DEADLINE if late else reset_status(code)
        refused = code is ErrorCode.REFUSED_STREAM and self.connection.refusal_counts
        self.fail(StatusError(status, unprocessed=refused))

    def on_lost(self, reason: str) -> None:
        """The connection is gone."""
        self.fail(StatusError(Status(Code.UNAVAILABLE, f"the connection was lost: {reason}", cut_off=True)))

    def on_unprocessed(self, reason: str) -> None:
        """The peer has said that it never looked at the stream."""
        self.fail(StatusError(Status(Code.UNAVAILABLE, reason), unprocessed=True))


class UnaryCall(ResponseStream):
    """A call of one message each way: its `future` is the response."""

    __slots__ = ("future", "message")

    def __init__(
        self, connection: CallingConnection, stream_id: int, future: "asyncio.Future[bytes]", expires: float
    ) -> None:
        self.connection = connection
        self.stream_id = stream_id
        self.future = future
        self.expires = expires
        self.send_window = 0
        self.message: bytes | None = None
        self.receiver = None
        self.outbox = None
        self.bucket = None
        self.encoding = None
        self.content_length = -1
        self.reserved = 0
        self.remote_ended = False
        self.head_seen = False
        self.local_ended = False
        self.eager = True
        self.ended = False

    def on_whole(self, message: bytes) -> None:
        """The one DATA frame that most responses are."""
        self.eager = False
        self.message = message

    def on_pieces(self) -> None:
        """The message comes in several frames."""
        self.eager = False
        self.receiver = self.connection.receiving.open_inbox(self.encoding)

    def plain_messages(self) -> int:
        """The one that a response is."""
        return 1 - len(self.receiver.messages) if self.head_seen and self.receiver is not None else 0

    def on_data(self) -> None:
        """Only one message may come."""
        if self.receiver is not None and len(self.receiver.messages) > 1:
            raise BadMessage(ONE_MESSAGE)
        super().on_data()

    def on_trailers(self, head: ResponseHead) -> None:
        """The response has ended."""
        status = head.status()
        if status.code is Code.OK:
            self.on_ok()
        else:
            self.fail(StatusError(status, head.metadata))

    def on_ok(self) -> None:
        """The trailers say OK; the connection has forgotten the stream."""
        message = self.message
        if message is None and self.receiver is not None and self.receiver.messages:
            if self.receiver.packed:
                self.connection.unpacking.add(self)
                return
            message = self.receiver.take()
        if message is None:
            self.fail(StatusError(ONE_MESSAGE))
        elif not self.future.done():
            self.future.set_result(message)

    def unpack(self) -> bool:
        """Expand the answer for the caller, who may have given up."""
        if self.receiver is None or self.future.done():
            return False
        try:
            self.future.set_result(self.receiver.take())
        except BadMessage as bad:
            self.fail(StatusError(bad.status))
        return True

    def fail(self, error: StatusError) -> None:
        """The caller gets the error."""
        if not self.future.done():
            self.future.set_exception(error)


class ClientStream(ResponseStream):
    """One attempt at a streaming call."""

    __slots__ = ("error", "finished", "initial", "trailing", "waiters")

    receiver: Inbox

    def __init__(self, connection: CallingConnection, stream_id: int, send_window: int, expires: float) -> None:
        self.connection = connection
        self.stream_id = stream_id
        self.send_window = send_window
        self.expires = expires
        self.receiver = connection.receiving.open_inbox(None)
        self.outbox = None
        self.bucket = None
        self.encoding = None
        self.content_length = -1
        self.reserved = 0
        self.remote_ended = False
        self.head_seen = False
        self.local_ended = False
        self.eager = False
        self.ended = False
        self.finished = False
        self.error: StatusError | None = None
        self.initial = EMPTY_METADATA
        self.trailing = EMPTY_METADATA
        self.waiters: list[asyncio.Future[None]] = []

    def on_head(self, head: ResponseHead) -> None:
        """The response's head has come."""
        super().on_head(head)
        self.receiver.accept(head.encoding)
        self.initial = head.metadata
        self._wake()

    def on_plain_head(self) -> None:
        """The head that most responses have."""
        self.head_seen = True
        self._wake()

    def on_trailers(self, head: ResponseHead) -> None:
        """The response has ended."""
        self._finish(head.status(), head.metadata)

    def on_ok(self) -> None:
        """The trailers say OK."""
        self._finish(Status(Code.OK), EMPTY_METADATA)

    def _finish(self, status: Status, trailing: Metadata) -> None:
        self.trailing = trailing
        if status.code is Code.OK:
            try:
                self.receiver.end()
            except BadMessage as bad:
                self.error = StatusError(bad.status)
        else:
            self.error = StatusError(status, trailing)
        self._settle()

    def fail(self, error: StatusError) -> None:
        """The readers get the error."""
        self.error = error
        self.trailing = error.trailing
        self._settle()

    def _settle(self) -> None:
        self.finished = True
        self.receiver.wake()
        self._wake()

    def plain_messages(self) -> int:
        """Any number."""
        return MANY if self.head_seen else 0

    async def head(self) -> None:
        """Wait for the response's head, or its end."""
        while not self.head_seen and not self.finished:
            waiter = asyncio.get_running_loop().create_future()
            self.waiters.append(waiter)
            await waiter

    def _wake(self) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)
        self.waiters.clear()
