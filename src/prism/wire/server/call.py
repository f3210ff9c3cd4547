"""A call as the server's handler sees it: what the client sent, and how to answer."""

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol

from prism.wire.config import SLOWEST
from prism.wire.grpc import heads
from prism.wire.grpc.compression import GZIP, compress
from prism.wire.grpc.deadline import Deadline
from prism.wire.grpc.inbox import BadMessage, Inbox
from prism.wire.grpc.metadata import EMPTY_METADATA, Metadata
from prism.wire.grpc.status import OK, Code, LocalReply, Status, StatusError
from prism.wire.http2 import frames
from prism.wire.http2.frames import MESSAGE_HEAD, ErrorCode
from prism.wire.http2.stream import MANY
from prism.wire.peer import Peer
from prism.wire.server.served_stream import CLOCK_SKEW, ServedStream, ServingConnection

if TYPE_CHECKING:
    from prism.wire.server.method import Method

NEVER: Final = float("inf")

_NOT_TAKEN = Status(
    Code.RESOURCE_EXHAUSTED,
    "too many replies are unread: read those that came, or make fewer calls at once",
    local_reply=LocalReply.ANSWERS_NOT_TAKEN,
)
_CALL_ENDED = Status(Code.CANCELLED, "the call has ended: stop reading")
# The code of a wrong number of messages, either way: grpc/doc/statuscodes.md.
_ONE_MESSAGE = Status(
    Code.UNIMPLEMENTED, "this method takes exactly one message", local_reply=LocalReply.MALFORMED_REQUEST
)


class CallConnection(ServingConnection, Protocol):
    """The connection as a gRPC call of it sees it."""

    def run(self, call: "ServerCall") -> None:
        """Start its handler, unless it must wait until the client has taken replies."""

    def start(self, call: "ServerCall") -> "asyncio.Task[None]":
        """Start its handler."""


class ServerCall(ServedStream):
    """One call. Handlers use the public names; the rest is between it and its connection.

    `message` is the request of a method that takes one, set before its handler starts; `messages` iterates over
    those of a client-streaming one. `user` is free for the layer above. `code` is how the call ended, once it has.
    """

    __slots__ = (
        "_accepts_gzip",
        "_gzip",
        "_head_sent",
        "_initial",
        "_trailing",
        "code",
        "encoding",
        "message",
        "metadata",
        "method",
        "path",
        "plain",
        "user",
    )

    connection: CallConnection
    receiver: Inbox | None

    def __init__(
        self,
        connection: CallConnection,
        stream_id: int,
        send_window: int,
        method: "Method",
        path: str,
        metadata: Metadata,
        opened: float,
        expires: float,
        accepts_gzip: bool,
    ) -> None:
        self.stream_id = stream_id
        self.send_window = send_window
        self.outbox = None
        self.receiver = None
        self.remote_ended = False
        self.eager = not method.client_streaming
        self.ended = False
        self.opened = opened
        self.expires = expires
        self.bucket = None
        self.method = method
        self.path = path
        self.metadata = metadata
        self.message = b""
        self.user: Any = None
        self.code: Code | None = None
        self.content_length = -1
        self.reserved = 0
        self.encoding: str | None = None
        self.connection = connection
        self._accepts_gzip = accepts_gzip
        self.plain = True  # nothing sent or set yet: a single reply may go out in one piece
        self.task = None

    @property
    def deadline(self) -> Deadline | None:
        """When the client stops waiting; None where it set no time-out."""
        return None if self.expires == NEVER else Deadline(self.expires)

    @property
    def peer(self) -> Peer:
        """The client's end of the connection."""
        return self.connection.peer

    @property
    def messages(self) -> "Messages":
        """The messages of a client-streaming method, each once; reading is what lets the client send more."""
        if self.receiver is None:
            raise RuntimeError(f"the method {self.path} takes a single message: read `message`, not `messages`")
        return Messages(self, self.receiver)

    async def send(self, message: bytes) -> None:
        """Send one message; returns when the stream may take more. Raises `StatusError` once the call has ended."""
        if self.ended:
            raise StatusError(Status(Code.CANCELLED, "the call has ended: stop sending"))
        if self.plain or not self._head_sent:
            self._send_head()
        if not self._gzip:
            await self.connection.output.transmit(self, MESSAGE_HEAD.pack(0, len(message)), message)
        else:
            message = compress(message)
            await self.connection.output.transmit(self, MESSAGE_HEAD.pack(1, len(message)), message)

    def send_aside(self, message: bytes) -> None:
        """Send one message from outside of the handler, in between its own; nothing where any of those waits to go,
        and none before the initial metadata.
        """
        if not (self.ended or self.plain) and self._head_sent and self.outbox is None:
            self.connection.output.enqueue(self, MESSAGE_HEAD.pack(0, len(message)), message)

    async def send_headers(self, metadata: Metadata = EMPTY_METADATA) -> None:
        """Send the initial metadata now; without this it goes, empty, with the first message."""
        self._unfold()
        if self._head_sent:
            raise RuntimeError("the initial metadata has been sent already: call send_headers before the first send")
        self._initial = metadata
        if not self.ended:
            self._send_head()

    def send_head(self) -> None:
        """Send the initial metadata now; does nothing where it has gone or the call has ended."""
        if not self.ended and (self.plain or not self._head_sent):
            self._send_head()

    def set_initial(self, metadata: Metadata) -> None:
        """Set the initial metadata; where the call ends before any is sent, it goes with its status."""
        self._unfold()
        if not self._head_sent:
            self._initial = metadata

    def set_trailing(self, metadata: Metadata) -> None:
        """Set what goes beside the status when the call ends."""
        self._unfold()
        self._trailing = metadata

    def set_compression(self, encoding: str | None) -> None:
        """Compress the messages from here on with `gzip`, or None; ignored where the client does not take it.

        To compress any, say so before the initial metadata is sent.
        """
        if encoding not in (None, GZIP):
            raise ValueError(f"compression {encoding!r} is not supported: use 'gzip' or None")
        self._unfold()
        self._gzip = encoding is not None and self._accepts_gzip

    # For the connection.

    def _unfold(self) -> None:
        """Make room for what most calls never set."""
        if self.plain:
            self.plain = False
            self._head_sent = False
            self._gzip = False
            self._initial = EMPTY_METADATA
            self._trailing = EMPTY_METADATA

    def _send_head(self) -> None:
        self._unfold()
        self._head_sent = True
        block = heads.GZIP_HEAD if self._gzip else heads.RESPONSE_HEAD
        self.connection.output.write_headers(self.stream_id, block + self._initial.encoded(), end_stream=False)

    def on_whole(self, message: bytes) -> None:
        """The one DATA frame that most requests are."""
        self.eager = False
        self.remote_ended = True
        self.message = message
        self.connection.run(self)

    def start(self) -> "asyncio.Task[None]":
        """Start the handler, which had to wait."""
        return self.connection.start(self)

    def on_pieces(self) -> None:
        """The message does not come in one frame, or several come: take them the general way."""
        self.eager = False
        self.receiver = self.connection.receiving.open_inbox(self.encoding)

    def plain_messages(self) -> int:
        """Any number, or the one that the method takes."""
        if self.method.client_streaming:
            return MANY
        return 0 if self.receiver is None else 1 - len(self.receiver.messages)

    def on_end(self) -> None:
        """The request had no DATA at all."""
        self.remote_ended = True
        if self.receiver is not None:
            self.receiver.end()

    def on_data(self) -> None:
        """DATA has been fed to the inbox: start a unary handler once its message is whole."""
        inbox = self.receiver
        if inbox is None or self.method.client_streaming:
            return
        count = len(inbox.messages)
        if count > 1 or (self.remote_ended and not count):
            raise BadMessage(_ONE_MESSAGE)
        if self.remote_ended and (message := self.connection.receiving.take_whole(self, inbox)) is not None:
            self.message = message
            self.receiver = None
            self.connection.run(self)

    def reply(self, message: bytes | None) -> None:
        """The handler has returned: send what it returned, and the trailers."""
        if self.ended:
            return
        if message is not None:
            self._unfold()
            flag = 0
            if self._gzip:
                message, flag = compress(message), 1
            if self.connection.admission.overfull(len(message)):
                self.finish(_NOT_TAKEN)
                return
            if not self._head_sent:
                self._send_head()
            self.code = Code.OK
            # It ends with this; while the answer waits for a window there need not be a task too.
            self.task = None
            self.connection.output.enqueue(
                self, MESSAGE_HEAD.pack(flag, len(message)), message, self._ending(OK, EMPTY_METADATA)
            )
        elif not self.method.server_streaming:
            self.finish(
                Status(Code.INTERNAL, "the handler returned no response", local_reply=LocalReply.HANDLER_FAILED)
            )
        else:
            self.finish(OK)

    def finish(self, status: Status, trailing: Metadata = EMPTY_METADATA) -> None:
        """End the call after what has been accepted for sending."""
        if self.ended:
            return
        self.code = status.code
        self.connection.output.finish(self, self._ending(status, trailing))

    def _ending(self, status: Status, trailing: Metadata) -> bytes:
        """The frames of the trailers, or of a whole response that is nothing but its status."""
        if not self.plain:
            trailing = trailing or self._trailing
            if self._initial and not (self._head_sent or self._gzip):
                trailing = self._initial.extended(trailing)
        if status.local_reply is not None:
            status = self.connection.shared.local_replies.status(status)
        block = heads.trailers(status, trailing, self.connection.trailers_room)
        if self.plain or not self._head_sent:
            if not self.plain and self._gzip:
                self._send_head()
            else:
                block = heads.RESPONSE_HEAD + block
        return self.connection.output.header_frames(self.stream_id, block, end_stream=True)

    def abort(self, status: Status) -> None:
        """End the call now, whatever its handler is doing."""
        if self.ended:
            return
        # Before the call counts as ended, so that a connection that closes with it knows of the handler.
        self.cancel_handler()
        outbox = self.outbox
        if outbox is not None and outbox.size:
            # Trailers after half a message would be read as part of it.
            self.code = status.code
            self.connection.output.write(frames.rst_stream(self.stream_id, ErrorCode.CANCEL))
            self.connection.abandon(self)
        else:
            self.finish(status)

    def overdue(self, now: float, timeout: float) -> bool:
        """Whether the one message, or one of several, takes longer than it may to come whole."""
        if self.method.client_streaming:
            return super().overdue(now, timeout)
        received = 0 if self.receiver is None else self.receiver.stored()
        return not self.remote_ended and now - self.opened >= timeout + received / SLOWEST

    def give_up(self, status: Status) -> None:
        """Send the status, unless part of a message has yet to go."""
        if self.ended or (self.outbox is not None and self.outbox.size):
            return
        self.code = status.code
        self.connection.output.write(self._ending(status, EMPTY_METADATA))

    def expire(self) -> None:
        """The deadline has passed."""
        self.abort(self.method.late)

    def on_reset(self, code: ErrorCode) -> None:
        """The client gave up, most often because its own deadline passed a moment before ours."""
        late = self.expires <= monotonic() + CLOCK_SKEW
        self.code = Code.DEADLINE_EXCEEDED if late and code is ErrorCode.CANCEL else Code.CANCELLED
        self.cancel_handler()

    def on_lost(self, reason: str) -> None:  # noqa: ARG002 - there is no caller here to get it
        """The connection is gone."""
        if self.code is None:
            self.code = Code.CANCELLED
        self.cancel_handler()


class Messages:
    """Iterates over the messages of a call, for one reader at a time."""

    __slots__ = ("_call", "_inbox")

    def __init__(self, call: ServerCall, inbox: Inbox) -> None:
        self._call = call
        self._inbox = inbox

    def __aiter__(self) -> "Messages":
        return self

    async def __anext__(self) -> bytes:
        message = await self._call.connection.receiving.next_message(self._call, self._inbox)
        if message is None:
            if not self._inbox.ended:
                raise StatusError(_CALL_ENDED)  # not the end that the client gives it
            raise StopAsyncIteration
        return message
