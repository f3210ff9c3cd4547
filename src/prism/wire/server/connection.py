"""The server's end of an HTTP/2 connection: from a request's frames to its handler's task, and back."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from prism.wire.grpc import heads
from prism.wire.grpc.compression import GZIP
from prism.wire.grpc.fields import MALFORMED
from prism.wire.grpc.heads import append_reply
from prism.wire.grpc.inbox import BadMessage
from prism.wire.grpc.metadata import EMPTY_METADATA, Metadata
from prism.wire.grpc.request_head import RequestHead, Unusual, read_request
from prism.wire.grpc.status import Code, LocalReply, Status, StatusError
from prism.wire.http.exchange import Body, HttpExchange
from prism.wire.http.message import HttpHandler, HttpRequest
from prism.wire.http.message_body import MessageBody
from prism.wire.http.raw_body import RawBody
from prism.wire.http2 import frames
from prism.wire.http2.connection import FRAMES_PER_TURN, Connection
from prism.wire.http2.frames import (
    END_STREAM,
    LARGEST_WINDOW,
    MESSAGE_HEAD,
    ConnectionFault,
    ErrorCode,
    StreamFault,
)
from prism.wire.http2.header_blocks import HeaderFields
from prism.wire.native import native
from prism.wire.peer import Peer
from prism.wire.server import refusals
from prism.wire.server.admission_queue import AdmissionQueue
from prism.wire.server.call import NEVER, ServerCall
from prism.wire.server.drain import DRAIN_PING, DRAIN_PING_FRAME, HALF_SENT, Drain
from prism.wire.server.served_stream import ServedStream
from prism.wire.server.shared import ServerShared
from prism.wire.server.streams import ClosedStreams

if TYPE_CHECKING:
    import prism_native

_log = logging.getLogger("prism.wire")

_MAX_HEADS: Final = 16
_MAX_SHOWN: Final = 100  # characters of an unknown path: HPACK lets a client ask with a byte for kilobytes again
_PROVEN: Final = 100  # calls completed, and twice as many as there were frames that cost work and carried none

_OK: Final = Code.OK  # of every call: on CPython 3.11 a member by its class takes ten times as long
_message_head = MESSAGE_HEAD.unpack_from


class ServerConnection(Connection[ServedStream]):
    """One client's connection."""

    # The state that a server's connection has beside that of both roles.
    __slots__ = (
        "_charged",
        "_closed_streams",
        "_drain",
        "_heads",
        "_max_streams",
        "_max_whole",
        "_plain_head",
        "_take_requests",
        "admission",
        "peer",
        "shared",
        "zombies",
    )

    def __init__(self, shared: ServerShared, peer: Peer) -> None:
        config = shared.config
        super().__init__(config, shared.loop, shared.opening)
        self.shared = shared
        self.peer = peer
        self.admission = AdmissionQueue(config, shared.loop, self.output)
        self.zombies: set[ServedStream] = set()  # cancelled calls whose handlers have not ended
        self._drain = Drain(config, shared.lifetime)
        self._closed_streams = ClosedStreams()
        self._max_streams = config.max_concurrent_streams
        self._max_whole = min(config.max_message_size + 5, config.max_frame_size)  # bytes of DATA: one whole message
        self._heads: dict[int, tuple[HeaderFields, RequestHead]] = {}  # that have been read, by the identity of fields
        self._charged = 0  # frames that cost work and carried none
        self._proven = config.flood_allowance is None
        self._plain_head: Callable[[bytes], RequestHead | None] | None = None
        if native is not None:
            decoder = cast("prism_native.Decoder", self._decoder)
            decoder.read_requests(shared.known_fields, Metadata.from_wire)
            self._plain_head = decoder.request
            self._take_requests = decoder.take_requests

    # Requests.

    def _on_headers(self, stream_id: int, end_stream: int, block: bytes, head: RequestHead | None = None) -> None:
        """`head` is given where the block has been read already."""
        pairs: HeaderFields = ()
        if head is None:
            if stream_id <= self._last_id or not stream_id & 1:
                self._late_headers(stream_id, end_stream, block)
                return
            decoded: HeaderFields | None = ()
            if self._plain_head is None or (head := self._plain_head(block)) is None:
                decoded = self._decode(stream_id, block)
            if stream_id - self._last_id > 2:
                self._closed_streams.pass_over(self._last_id, stream_id)
            self._last_id = stream_id
            if decoded is None:
                self._refuse_headers(stream_id, end_stream)
                return
            pairs = decoded
        if self._drain.confirmed or len(self._streams) + len(self.zombies) >= self._max_streams:
            self._refuse(stream_id, end_stream)
            return
        shared = self.shared
        if head is None:
            if not self._decoder.repeated:
                head = read_request(stream_id, pairs, shared.known_fields)
            elif (kept := self._heads.get(id(pairs))) is not None:
                head = kept[1]
            else:
                head = read_request(stream_id, pairs, shared.known_fields)
                if len(self._heads) >= _MAX_HEADS:
                    self._heads.clear()
                self._heads[id(pairs)] = (pairs, head)
        path, seconds, metadata, gzip, unusual = head
        if unusual is not None and unusual.http:
            self._on_http(stream_id, end_stream, head, unusual)
            return
        method = shared.lookup(path)
        if method is None:
            status = Status(
                Code.UNIMPLEMENTED,
                f"this server has no method {path[:_MAX_SHOWN]}",
                local_reply=LocalReply.METHOD_UNKNOWN,
            )
            self._reject(stream_id, end_stream, status)
            return
        now = monotonic()
        expires = NEVER if seconds is None else now + seconds
        call = ServerCall(self, stream_id, self.output.stream_window, method, path, metadata, now, expires, gzip)
        if (unusual is not None or end_stream) and not self._take_unusual(call, end_stream, unusual):
            return
        self._streams[stream_id] = call
        if seconds is not None:
            shared.wheel.add(call)
        if method.client_streaming:
            call.on_pieces()
            if end_stream:
                call.on_end()
            self.run(call)

    def _take_run(self, data: bytes, at: int, most: int) -> tuple[int, int]:
        after, requests = self._take_requests(
            data, at, self._last_id, most >> 1, self._config.max_frame_size, self._max_whole
        )
        shared, streams, receiving, output = self.shared, self._streams, self.receiving, self.output
        now = monotonic()
        for stream_id, path, seconds, metadata, gzip, message in requests:
            self._last_id = stream_id
            method = shared.lookup(path)
            if (
                method is None
                or method.client_streaming
                or self._drain.confirmed
                or len(streams) + len(self.zombies) >= self._max_streams
            ):
                self._take_apart(stream_id, (path, seconds, metadata, gzip, None), message)
                continue
            receiving.window -= len(message) + 5
            if receiving.window < receiving.low:
                receiving.refill()
            expires = NEVER if seconds is None else now + seconds
            call = ServerCall(self, stream_id, output.stream_window, method, path, metadata, now, expires, gzip)
            streams[stream_id] = call
            if seconds is not None:
                shared.wheel.add(call)
            call.on_whole(message)
        return after, 2 * len(requests)

    def _take_apart(self, stream_id: int, head: RequestHead, message: bytes) -> None:
        """Take a plain unary request the general way: it is not for a method that takes one, or comes at a bad time."""
        data = MESSAGE_HEAD.pack(0, len(message)) + message
        try:
            self._on_headers(stream_id, 0, b"", head)
        except StreamFault as fault:
            self._reset(fault)
        self._take_data(stream_id, END_STREAM, data, 0, len(data))

    def _take_unusual(self, call: ServerCall, end_stream: int, unusual: Unusual | None) -> bool:
        """Read what most calls do not have; False where the call has been refused for it."""
        status = None
        if end_stream and not call.method.client_streaming:
            status = refusals.NO_MESSAGE
        if unusual is not None:
            call.content_length = unusual.content_length
            call.encoding = unusual.encoding
            if unusual.bad_timeout:
                status = refusals.BAD_TIMEOUT
            elif unusual.encoding not in (None, GZIP):
                status = refusals.BAD_ENCODING
        if status is not None:
            self._reject(call.stream_id, end_stream, status)
        return status is None

    def _on_http(self, stream_id: int, end_stream: int, head: RequestHead, unusual: Unusual) -> None:
        """A request that is not gRPC's."""
        path, _, metadata, _, _ = head
        handler = self.shared.http
        if unusual.grpc:
            self._reject(stream_id, end_stream, refusals.POST_ONLY, heads.NOT_POST_HEAD)
        elif handler is None:
            self._reject(stream_id, end_stream, refusals.GRPC_ONLY, heads.NOT_GRPC_HEAD)
        else:
            target, _, query = path.partition("?")
            request = HttpRequest(
                unusual.method, target, query, metadata, b"", self.peer, unusual.scheme, monotonic(), duplex=True
            )
            if unusual.content_length >= 0 or end_stream:
                request.length = max(0, unusual.content_length)
            body = self._read_as_it_comes(request, end_stream)
            if body is None:
                self._collect(stream_id, end_stream, request, unusual, handler)
                return
            exchange = HttpExchange(self, stream_id, self.output.stream_window, handler, request, unusual, body)
            self._streams[stream_id] = exchange
            if end_stream:
                exchange.on_end()
            exchange.begin()

    def _read_as_it_comes(self, request: HttpRequest, end_stream: int) -> MessageBody | None:
        """What receives a body that its handler reads while it comes; None where it is taken whole."""
        shared = self.shared
        if shared.raw_bodies is not None and shared.raw_bodies(request):
            return None if end_stream else RawBody(self.receiving.first_window())
        encoding = None if shared.message_bodies is None else shared.message_bodies(request)
        if encoding is None:
            return None
        return MessageBody(self.receiving.first_window(), self._config.max_message_size, encoding)

    def _collect(
        self, stream_id: int, end_stream: int, request: HttpRequest, unusual: Unusual, handler: HttpHandler
    ) -> None:
        """Take a plain request whose handler gets its body whole."""
        limit = self.shared.config.body_limit()
        body = Body(self.receiving.first_window(), limit, min(unusual.content_length, limit))
        exchange = HttpExchange(self, stream_id, self.output.stream_window, handler, request, unusual, body)
        self._streams[stream_id] = exchange
        if end_stream:
            exchange.on_end()
        elif unusual.content_length > limit:
            exchange.abort(Status(Code.RESOURCE_EXHAUSTED, f"the body is over the limit of {limit} bytes"))

    def _on_data(self, stream_id: int, flags: int, data: bytes, start: int, stop: int) -> None:
        length = stop - start
        receiving = self.receiving
        receiving.window -= length
        if receiving.window < receiving.low:
            receiving.refill()
        stream = self._streams.get(stream_id)
        if stream is None:
            self._late_data(stream_id, flags, length)
            return
        if stream.eager:
            if (
                flags == END_STREAM
                and 5 <= length <= self._max_whole
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

    def _on_overdue(self, stream: ServedStream) -> None:
        self.shared.terminations.add("message", self.peer, f"{stream.path[:_MAX_SHOWN]}: {refusals.INCOMPLETE.message}")
        stream.abort(refusals.INCOMPLETE)

    # Handlers.

    def run(self, call: ServerCall) -> None:
        """Start the handler of a call, unless it must wait until the client has taken replies."""
        admission = self.admission
        if admission.waiting or self.output.backlog > admission.limit:
            admission.add(call)
        else:
            self.start(call)

    def start(self, call: ServerCall) -> "asyncio.Task[None]":
        """Start the handler of a call: its one task."""
        # Not by the loop: it would first make up a name for each.
        task = call.task = asyncio.Task(self._handle(call), loop=self._loop, name=call.path)
        return task

    async def _handle(self, call: ServerCall) -> None:
        try:
            message = await call.method.handle(call)
        except BaseException as error:  # noqa: BLE001 - a handler's failure is its call's, whatever it is
            call.task = None
            self._failed(call, error)
            return
        # Its context may hold the call: the two would wait for the garbage collector.
        call.task = None
        output = self.output
        if message is not None and call.plain and call.remote_ended and not call.ended and not output.choked:
            size = len(message) + 5
            if size <= call.send_window and size <= output.window and size <= output.frame_size:
                # The whole reply in one go.
                stream_id = call.stream_id
                output.window -= size
                call.ended = True
                call.code = _OK
                del self._streams[stream_id]
                if call.bucket is not None:
                    call.bucket.discard(call)
                if call.reserved:
                    self.receiving.release(call)
                self._completed += 1
                append_reply(output.gathered, stream_id, message)
                if not output.scheduled:
                    if not (output.turn.ahead or self._streams):
                        output.flush()
                    else:
                        output.scheduled = True
                        output.turn.add(output)
                if self._drain.confirmed:
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
            _log.error(
                "the gRPC handler of method %s failed with an unexpected error, and the call with it; this is a "
                "defect in Prism: report it with the traceback below",
                call.path,
                exc_info=error,
            )
            call.finish(refusals.HANDLER_FAILED)
        else:
            raise error

    def on_handler_ended(self, stream: ServedStream) -> None:
        """A cancelled handler has really ended."""
        self.zombies.discard(stream)
        if self._closed:
            self._on_closed("")

    @property
    def calls(self) -> int:
        """How many calls are under way."""
        return len(self._streams) + len(self.zombies)

    # The ends of streams.

    @property
    def trailers_room(self) -> int:
        """The longest header list that the peer takes."""
        return self._peer_max_header_list

    def on_sent(self, stream: ServedStream) -> None:
        """The response is complete."""
        if not stream.remote_ended:
            # The client may stop sending: what it sends is not read (RFC 9113 section 8.1).
            self.output.write(frames.rst_stream(stream.stream_id, ErrorCode.NO_ERROR))
        self.abandon(stream)

    def abandon(self, stream: ServedStream) -> None:
        """Drop a stream that we ended; what the client has on its way for it is ignored."""
        self._completed += 1  # a reset of the client's may cross ours, and need not be charged for
        if not stream.remote_ended:
            self._closed_streams.remember(stream.stream_id)
        self.forget(stream)
        if self._drain.confirmed:
            self._close_if_drained()

    def _reset(self, fault: StreamFault) -> None:
        stream = self._streams.get(fault.stream_id)
        if stream is not None and not stream.remote_ended:
            self._closed_streams.remember(fault.stream_id)
        super()._reset(fault)

    def _reject(self, stream_id: int, end_stream: int, status: Status, head: bytes = heads.RESPONSE_HEAD) -> None:
        """Answer a request at once with a status."""
        if status.local_reply is not None:
            status = self.shared.local_replies.status(status)
        block = head + heads.trailers(status, EMPTY_METADATA, self._peer_max_header_list)
        if status.code is Code.UNIMPLEMENTED:
            block += heads.ACCEPT_ENCODING
        self.output.write_headers(stream_id, block, end_stream=True)
        if not end_stream:
            self.output.write(frames.rst_stream(stream_id, ErrorCode.NO_ERROR))
            self._closed_streams.remember(stream_id)

    def _refuse(self, stream_id: int, end_stream: int) -> None:
        """The client may repeat the request elsewhere or later: nothing of it has been done."""
        self._charge()
        self.output.write(frames.rst_stream(stream_id, ErrorCode.REFUSED_STREAM))
        if not end_stream:
            self._closed_streams.remember(stream_id)

    def _refuse_headers(self, stream_id: int, end_stream: int) -> None:
        status = Status(
            Code.RESOURCE_EXHAUSTED,
            f"the headers are over the limit of {self._config.max_header_list_size} bytes: send fewer or shorter ones",
            local_reply=LocalReply.HEADERS_TOO_LARGE,
        )
        self._reject(stream_id, end_stream, status, heads.TOO_LARGE_HEAD)

    # Frames that come late.

    def _late_headers(self, stream_id: int, end_stream: int, block: bytes) -> None:
        """HEADERS that open no stream: a request's trailers, what crossed our reset, or a fault."""
        if not stream_id & 1:
            raise ConnectionFault(
                ErrorCode.PROTOCOL_ERROR,
                f"HTTP/2 protocol error: the client opened stream {stream_id}; a client must use odd numbers",
            )
        stream = self._streams.get(stream_id)
        if stream is None and stream_id not in self._closed_streams:
            if self._closed_streams.passed_over(stream_id):
                raise ConnectionFault(
                    ErrorCode.PROTOCOL_ERROR,
                    f"HTTP/2 protocol error: the client opened stream {stream_id} after a stream with a higher number",
                )
            raise ConnectionFault(
                ErrorCode.STREAM_CLOSED,
                f"HTTP/2 protocol error: the client sent HEADERS on stream {stream_id}, which is closed",
            )
        pairs = self._decode(stream_id, block)
        if stream is None:
            self._charge()
            if end_stream:
                self._closed_streams.forget(stream_id)
            return
        if stream.remote_ended:
            raise StreamFault(
                stream_id,
                ErrorCode.STREAM_CLOSED,
                f"HTTP/2 protocol error: the client sent HEADERS on stream {stream_id} after its end",
            )
        if not end_stream or pairs is None or any(name[:1] == b":" for name, _ in pairs):
            raise StreamFault(
                stream_id,
                ErrorCode.PROTOCOL_ERROR,
                f"HTTP/2 protocol error: the client sent malformed trailers on stream {stream_id}",
            )
        if any(self.shared.known_fields[pair][0] == MALFORMED for pair in pairs):
            raise StreamFault(
                stream_id,
                ErrorCode.PROTOCOL_ERROR,
                f"HTTP/2 protocol error: the client sent malformed trailers on stream {stream_id}",
            )
        # gRPC requests have no trailers of meaning; like an empty DATA frame they end the stream.
        self._on_data(stream_id, END_STREAM, b"", 0, 0)

    def _late_data(self, stream_id: int, flags: int, length: int) -> None:
        if stream_id in self._closed_streams:
            if flags & END_STREAM:
                self._closed_streams.forget(stream_id)
            elif not length:
                self._charge()
        elif self._is_idle_id(stream_id):
            raise ConnectionFault(
                ErrorCode.PROTOCOL_ERROR,
                f"HTTP/2 protocol error: the client sent DATA on stream {stream_id}, which is not open yet",
            )
        else:
            raise StreamFault(
                stream_id,
                ErrorCode.STREAM_CLOSED,
                f"HTTP/2 protocol error: the client sent DATA on stream {stream_id}, which is closed",
            )

    def _is_idle_id(self, stream_id: int) -> bool:
        return stream_id > self._last_id or not stream_id & 1

    # Fairness: a client is proven by calls that it completes.

    def _share(self) -> int:
        if self._completed >= _PROVEN and self._completed >= 2 * self._charged:
            self._proven = True
            return FRAMES_PER_TURN
        return super()._share()

    def _charge(self, cost: int = 1) -> None:
        self._charged += cost
        if 2 * self._charged > self._completed and self._config.flood_allowance is not None:
            self._proven = False
        super()._charge(cost)

    def fail(self, code: ErrorCode, reason: str) -> None:
        """End the connection for the client's fault; calls under way learn why where it is flooded or stalled."""
        if code is ErrorCode.ENHANCE_YOUR_CALM and not self._closed:
            self.shared.terminations.add("connection", self.peer, f"the connection was ended: {reason}")
            status = Status(
                Code.UNAVAILABLE,
                f"the connection was ended with its calls: {reason}",
                local_reply=LocalReply.CONNECTION_FLOODED,
            )
            for stream in tuple(self._streams.values()):
                stream.give_up(status)
        super().fail(code, reason)

    # The end: drained, cut, or lost with its calls. No handler outlives its connection unnoticed.

    def inspect(self, now: float) -> None:
        """Look at what only time shows; see also `Connection.inspect`."""
        drain = self._drain
        drain.abort_overdue(now)
        if self._closed:
            return
        super().inspect(now)
        if self._closed:
            return
        if drain.begun:
            if drain.out_of_time(now):
                self._cut(refusals.TOO_OLD)
            elif not self._streams and drain.unanswered(now):
                self.output.write(frames.goaway(self._last_id, ErrorCode.NO_ERROR, "draining"))
                self.close("drained: the client did not answer")
        elif drain.due(now, busy=bool(self._streams), completed=self._completed):
            self._leave()

    def drain(self) -> None:
        """Take no more streams once the client knows; finish those it has opened, then close.

        Requests that are not whole have a moment to come.
        """
        self._leave()
        if self._streams:
            self._loop.call_later(HALF_SENT, self._refuse_half_sent)

    def _refuse_half_sent(self) -> None:
        """The handlers of these have not begun: the client may repeat them elsewhere."""
        for stream in tuple(self._streams.values()):
            if stream.task is None and not stream.remote_ended and not self._closed:
                self.output.write(frames.rst_stream(stream.stream_id, ErrorCode.REFUSED_STREAM))
                self.abandon(stream)

    def _leave(self) -> None:
        if not self._drain.begun:
            self._drain.begin(busy=bool(self._streams), completed=self._completed)
            self.output.write(frames.goaway(LARGEST_WINDOW, ErrorCode.NO_ERROR, "draining"))
            self.output.write(DRAIN_PING_FRAME)

    def _on_pong(self, payload: bytes) -> None:
        if payload == DRAIN_PING and not self._drain.confirmed:
            self._drain.confirm(busy=bool(self._streams))
            self.output.write(frames.goaway(self._last_id, ErrorCode.NO_ERROR, "draining"))
            self._close_if_drained()

    def _close_if_drained(self) -> None:
        """Say no more once the last call has ended; see `Drain`."""
        output = self.output
        transport = output.transport
        if self._streams or self._closed or transport is None:
            return
        output.flush()
        output.transport = None
        if output.choked or self._yielded:
            transport.resume_reading()
        self._drain.half_close(transport)
        self._end("drained")

    def cut(self) -> None:
        """End every call and close."""
        self._cut(refusals.SHUTTING_DOWN)

    def _cut(self, status: Status) -> None:
        if self._drain.half_closed is not None:
            self._drain.half_closed.abort()
        self._drain.confirmed = False  # it ends here and not with its last stream
        for stream in tuple(self._streams.values()):
            stream.abort(status)
        self.close("the server is closing")

    def connection_lost(self, exc: Exception | None) -> None:
        self.shared.transports.lost(self)
        if self._drain.half_closed is not None:
            self._drain.half_closed = None
            self._on_closed("drained")
        super().connection_lost(exc)

    def _end(self, reason: str) -> None:
        # None is to begin when others, which are lost before it, make room.
        self.admission.clear()
        super()._end(reason)

    def _lose_streams(self, reason: str) -> None:
        """As many in a turn as unproven connections may cost: each is a handler to be cancelled."""
        streams, fair_share = self._streams, self._turn.fair_share
        while streams and fair_share.credit > 0:
            fair_share.credit -= 1
            stream = next(iter(streams.values()))
            self.forget(stream)
            stream.on_lost(reason)
        if streams:
            fair_share.wait(partial(self._lose_streams, reason))
        else:
            self._on_closed(reason)

    def _on_closed(self, reason: str) -> None:  # noqa: ARG002 - a client may go for any reason
        if not self.zombies and not self._streams and self._drain.half_closed is None:
            self.shared.on_closed(self)
