"""The server's end of an HTTP/2 connection: from a request's frames to its handler's task, and back."""

import asyncio
import logging
from collections.abc import Coroutine
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from prism.wire.grpc import heads
from prism.wire.grpc.compression import GZIP
from prism.wire.grpc.inbox import BadMessage, Inbox
from prism.wire.grpc.request_head import RequestHead, Unusual, read_request
from prism.wire.grpc.status import Code, Refusal, Status, StatusError
from prism.wire.http.exchange import Body, HttpExchange
from prism.wire.http2.frames import END_STREAM, MESSAGE_HEAD
from prism.wire.http2.header_blocks import HeaderFields
from prism.wire.peer import Peer
from prism.wire.server.call import NEVER, ServerCall
from prism.wire.server.drain import Parting
from prism.wire.server.unary_reply import append_reply

if TYPE_CHECKING:
    from prism.wire.server.server import Server

_log = logging.getLogger("prism.wire")

_HEADS_KEPT: Final = 16
_SHOWN: Final = 100  # characters of an unknown path: HPACK lets a client ask with a byte for kilobytes to be repeated

_message_head = MESSAGE_HEAD.unpack_from
_POST_ONLY: Final = Status(Code.INTERNAL, "gRPC requests are POST", refusal=Refusal.MALFORMED_REQUEST)
_GRPC_ONLY: Final = Status(
    Code.INTERNAL, "this server speaks gRPC: send content-type application/grpc", refusal=Refusal.MALFORMED_REQUEST
)


class ServerConnection(Parting):
    """One client's connection."""

    def __init__(self, server: "Server", peer: Peer) -> None:
        super().__init__(server.config, server.loop, server.opening, server.known_fields, server.refusals)
        self.peer = peer
        self._server = server
        self._wheel = server.wheel
        self._max_streams = server.config.max_concurrent_streams
        self._whole = min(server.config.max_message_size + 5, server.config.max_frame_size)
        self._heads: dict[int, tuple[HeaderFields, RequestHead]] = {}

    # Requests.

    def _on_headers(self, stream_id: int, end_stream: int, block: bytes) -> None:
        if stream_id <= self._last_id or not stream_id & 1:
            self._late_headers(stream_id, end_stream, block)
            return
        pairs = self._decode(stream_id, block)
        if stream_id - self._last_id > 2:
            self._note_id(stream_id)
        self._last_id = stream_id
        if pairs is None:
            self._refuse_headers(stream_id, end_stream)
            return
        if self._draining or len(self._streams) + len(self.zombies) >= self._max_streams:
            self._refuse(stream_id, end_stream)
            return
        if not self._decoder.repeated:
            head = read_request(stream_id, pairs, self._known)
        elif (kept := self._heads.get(id(pairs))) is not None:
            head = kept[1]
        else:
            head = read_request(stream_id, pairs, self._known)
            if len(self._heads) >= _HEADS_KEPT:
                self._heads.clear()
            self._heads[id(pairs)] = (pairs, head)
        path, seconds, metadata, gzip, unusual = head
        if unusual is not None and unusual.http:
            self._on_http(stream_id, end_stream, head, unusual)
            return
        method = self._server.lookup(path)
        if method is None:
            status = Status(
                Code.UNIMPLEMENTED, f"this server has no method {path[:_SHOWN]}", refusal=Refusal.METHOD_UNKNOWN
            )
            self._reject(stream_id, end_stream, status)
            return
        expires = NEVER if seconds is None else monotonic() + seconds
        call = ServerCall(self, stream_id, self._peer_window, method, path, metadata, expires, gzip)
        if (unusual is not None or end_stream) and not self._take_unusual(call, end_stream, unusual):
            return
        self._streams[stream_id] = call
        if seconds is not None:
            self._wheel.add(call)
        if method.client_streaming:
            call.on_pieces()
            if end_stream:
                call.on_end()
            call.task = self.run(call)

    def _take_unusual(self, call: ServerCall, end_stream: int, unusual: Unusual | None) -> bool:
        """Read what most calls do not have; False where the call has been refused for it."""
        status = None
        if end_stream and not call.method.client_streaming:
            status = Status(
                Code.INTERNAL, "this method takes exactly one message, and none came", refusal=Refusal.MALFORMED_REQUEST
            )
        if unusual is not None:
            call.content_length = unusual.content_length
            call.encoding = unusual.encoding
            if unusual.bad_timeout:
                status = Status(
                    Code.INTERNAL,
                    "grpc-timeout is malformed: one to eight digits and one of HMSmun",
                    refusal=Refusal.MALFORMED_REQUEST,
                )
            elif unusual.encoding not in (None, GZIP):
                status = Status(
                    Code.UNIMPLEMENTED,
                    "compression of this kind is not known here: use gzip or identity",
                    refusal=Refusal.MALFORMED_REQUEST,
                )
        if status is not None:
            self._reject(call.stream_id, end_stream, status)
        return status is None

    def _on_data(self, stream_id: int, flags: int, data: bytes, start: int, stop: int) -> None:
        length = stop - start
        self._receive_window -= length
        if self._receive_window < self._receive_low:
            self._count_received()
        stream = self._streams.get(stream_id)
        if stream is None:
            self._late_data(stream_id, flags, length)
            return
        if stream.eager:
            if (
                flags == END_STREAM
                and 5 <= length <= self._whole
                and (stream.content_length < 0 or stream.content_length == length)
            ):
                compressed, size = _message_head(data, start)
                if size == length - 5 and not compressed:
                    stream.on_whole(data[start + 5 : stop])
                    return
            stream.on_pieces()
        try:
            self._receive(stream, flags, data, start, stop)
            stream.on_data()
        except BadMessage as bad:
            stream.abort(bad.status)

    def open_inbox(self, encoding: str | None) -> Inbox:
        """An inbox for a stream of this connection."""
        return Inbox(self._first_window(), self._config.max_message_size, encoding)

    # Replies.

    async def _run(self, call: ServerCall) -> None:
        try:
            message = await call.method.handle(call)
        except BaseException as error:  # noqa: BLE001 - a handler's failure is its call's, whatever it is
            call.task = None
            self._failed(call, error)
            return
        # Its context may hold the call: the two would wait for the garbage collector.
        call.task = None
        if message is not None and call.plain and call.remote_ended and not call.ended and not self._choked:
            size = len(message) + 5
            if size <= call.send_window and size <= self._send_window and size <= self._peer_frame_size:
                # The whole reply in one go.
                stream_id = call.stream_id
                self._send_window -= size
                call.ended = True
                call.code = Code.OK
                del self._streams[stream_id]
                if call.bucket is not None:
                    call.bucket.discard(call)
                if call.reserved:
                    self._release(call)
                self._completed += 1
                append_reply(self._out, stream_id, message)
                if not self._flush_due:
                    self._flush_due = True
                    self._turn.add(self)
                if self._draining:
                    self._close_if_drained()
                return
        call.reply(message)

    def _failed(self, call: ServerCall, error: BaseException) -> None:
        """The handler has raised."""
        if isinstance(error, StatusError):
            call.finish(error.status, error.trailing)
        elif isinstance(error, asyncio.CancelledError):
            # Ours, where the call has ended; otherwise the handler's own, or the loop's end.
            call.finish(Status(Code.CANCELLED, "the handler was cancelled"))
        elif isinstance(error, Exception):
            _log.error("the handler of %s failed", call.path, exc_info=error)
            call.finish(
                Status(Code.INTERNAL, "the handler failed: the server's log says why", refusal=Refusal.HANDLER_FAILED)
            )
        else:
            raise error

    # Plain HTTP.

    def _on_http(self, stream_id: int, end_stream: int, head: RequestHead, unusual: Unusual) -> None:
        """A request that is not gRPC's."""
        path, _, metadata, _, _ = head
        handler = self._server.http
        if unusual.grpc:
            self._reject(stream_id, end_stream, _POST_ONLY, heads.NOT_POST_HEAD)
        elif handler is None:
            self._reject(stream_id, end_stream, _GRPC_ONLY, heads.NOT_GRPC_HEAD)
        else:
            limit = self._config.max_message_size
            body = Body(self._first_window(), limit)
            exchange = HttpExchange(self, stream_id, self._peer_window, handler, path, metadata, unusual, body)
            self._streams[stream_id] = exchange
            if end_stream:
                exchange.on_end()
            elif unusual.content_length > limit:
                exchange.abort(Status(Code.RESOURCE_EXHAUSTED, f"the body is over the limit of {limit} bytes"))

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Start the task of an exchange."""
        return self._loop.create_task(coroutine)

    # Its end.

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.on_lost(self)
        super().connection_lost(exc)

    def _on_gone(self) -> None:
        self._server.on_closed(self)
