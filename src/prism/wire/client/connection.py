"""The client's end of an HTTP/2 connection: from a call to its frames, and from the response's back."""

import asyncio
import os
import struct
from collections import deque
from functools import partial
from time import monotonic
from typing import Final, cast

from prism.wire.client.shared import ChannelShared
from prism.wire.client.stream import ClientStream, ResponseStream, UnaryCall
from prism.wire.client.unpacking import Unpacking
from prism.wire.grpc.deadline import Deadline
from prism.wire.grpc.inbox import BadMessage
from prism.wire.grpc.metadata import Metadata
from prism.wire.grpc.response_head import read_response
from prism.wire.grpc.status import Code, Status
from prism.wire.http2 import frames
from prism.wire.http2.connection import Connection
from prism.wire.http2.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_HEAD,
    HEADERS,
    LARGEST_WINDOW,
    MESSAGE_HEAD,
    ConnectionFault,
    ErrorCode,
    StreamFault,
)
from prism.wire.http2.header_blocks import HeaderFields
from prism.wire.http2.keepalive import KEEPALIVE_PING
from prism.wire.http2.stream import END_WITH_DATA
from prism.wire.native import native

NEVER: Final = float("inf")
_MAX_UNTIL_SETTINGS: Final = 100  # calls at once before the server has said how many it takes
_DOUBT: Final = 0.5  # seconds that a probe goes without an answer before new calls use another connection
_OUT_OF_IDS: Final = LARGEST_WINDOW - 2

_HEADERS_TOO_LARGE: Final = Status(
    Code.RESOURCE_EXHAUSTED, "the response's headers are over the limit: raise max_header_list_size"
)

_pack = FRAME_HEAD.pack
_pack_message = struct.Struct(">HBBBLBL").pack  # a DATA frame's head and a message's
_message_head = MESSAGE_HEAD.unpack_from
_pack_request = None if native is None else native.pack_request


class ClientConnection(Connection[ResponseStream]):
    """One connection of a channel."""

    # The state that a client's connection has beside that of both roles.
    __slots__ = (
        "_blocks",
        "_leaving",
        "_max_whole",
        "_next_id",
        "_plain_blocks",
        "_plain_head",
        "_plain_trailers",
        "_request_heads",
        "_shared",
        "_timeout_field",
        "_waiting",
        "settled",
        "unpacking",
    )

    def __init__(self, shared: ChannelShared) -> None:
        config = shared.config
        super().__init__(config, shared.loop, shared.opening)
        self.unpacking = Unpacking(shared.loop)
        self.settled: asyncio.Future[str] = shared.loop.create_future()  # empty, or why it cannot be used
        self._shared = shared
        self._request_heads = shared.request_heads
        self._timeout_field = shared.timeout_fields.field
        self._next_id = 1
        self._leaving = False
        self._waiting: deque[asyncio.Future[None]] = deque()  # calls beyond those that the server takes at once
        self._blocks = self._decoder.blocks
        self._plain_head: HeaderFields | None = None  # the last one that says nothing special
        self._plain_trailers: HeaderFields | None = None
        self._plain_blocks = [b"", b""]  # that these two were decoded from
        self._max_whole = min(config.max_message_size + 5, config.max_frame_size)  # bytes of DATA: one whole message
        self._peer_max_streams = _MAX_UNTIL_SETTINGS

    def unary(self, path: str, message: bytes, metadata: Metadata, deadline: Deadline | None) -> UnaryCall | None:
        """Send a call of one message; None where the server takes no more at once."""
        if len(self._streams) >= self._peer_max_streams or self._leaving:
            return None
        method = self._request_heads[path]
        timeout = b""
        expires = NEVER
        if deadline is not None:
            expires = deadline.instant
            timeout = self._timeout_field(expires - monotonic())
        fields = metadata.encoded()
        stream_id = self._take_id()
        call = UnaryCall(self, stream_id, self._loop.create_future(), expires)
        if deadline is not None:
            self._shared.wheel.add(call)
        self._streams[stream_id] = call
        size = len(message) + 5
        length = len(method) + len(timeout) + len(fields)
        output = self.output
        most = output.frame_size
        if (
            length <= most
            and size <= most
            and size <= output.window
            and size <= output.stream_window
            and not output.choked
        ):
            # The whole request in one go.
            call.local_ended = True
            output.window -= size
            if _pack_request is not None:
                output.gathered.append(_pack_request(stream_id, method, timeout, fields, message))
            else:
                output.gathered += (
                    _pack(length >> 8, length & 0xFF, HEADERS, END_HEADERS, stream_id),
                    method,
                    timeout,
                    fields,
                    _pack_message(size >> 8, size & 0xFF, DATA, END_STREAM, stream_id, 0, size - 5),
                    message,
                )
            if not output.scheduled:
                if len(self._streams) == 1 and not output.turn.ahead:
                    output.flush()
                else:
                    output.scheduled = True
                    output.turn.add(output)
            return call
        call.send_window = output.stream_window
        output.write_headers(stream_id, method + timeout + fields, end_stream=False)
        output.enqueue(call, MESSAGE_HEAD.pack(0, len(message)), message, END_WITH_DATA)
        return call

    def open(self, path: str, metadata: Metadata, deadline: Deadline | None, extra: bytes) -> ClientStream | None:
        """Begin a streaming call; None where the server takes no more at once. `extra` is further header fields."""
        if len(self._streams) >= self._peer_max_streams or self._leaving:
            return None
        block = self._request_heads[path] + extra
        expires = NEVER
        if deadline is not None:
            expires = deadline.instant
            block += self._timeout_field(expires - monotonic())
        block += metadata.encoded()
        stream_id = self._take_id()
        stream = ClientStream(self, stream_id, self.output.stream_window, expires)
        if deadline is not None:
            self._shared.wheel.add(stream)
        self._streams[stream_id] = stream
        self.output.write_headers(stream_id, block, end_stream=False)
        return stream

    def _take_id(self) -> int:
        stream_id = self._next_id
        self._next_id = stream_id + 2
        if stream_id >= _OUT_OF_IDS:
            self._leave()
        return stream_id

    @property
    def refusal_counts(self) -> bool:
        """Whether a stream that the peer refuses has certainly not been processed."""
        return self._peer_answers_itself or not self._shared.config.doubt_refusals

    def drop(self, stream: ResponseStream) -> None:
        """The caller has given up."""
        if not stream.ended:
            if not self._closed:
                self.output.write(frames.rst_stream(stream.stream_id, ErrorCode.CANCEL))
                self._probe()
            self.forget(stream)

    def _probe(self) -> None:
        """A call was given up: is there anybody? What is swallowed on the way would be waited for again and again."""
        timeout = self._shared.config.probe_timeout
        if timeout is not None and self._keepalive.probe(monotonic(), timeout):
            self.output.write(KEEPALIVE_PING)

    def inspect(self, now: float) -> None:
        """Look at what only time shows; a peer in doubt gets no new calls."""
        super().inspect(now)
        if self._leaving or self._shared.config.probe_timeout is None or self._keepalive.waiting(now) < _DOUBT:
            return
        self._leave()
        if not self._streams:
            self.abort("the peer did not answer a PING")

    async def room(self) -> None:
        """Wait until the server may take another call, or the connection takes none any more."""
        while len(self._streams) >= self._peer_max_streams and not self._leaving and not self._closed:
            waiter = self._loop.create_future()
            self._waiting.append(waiter)
            await waiter

    @property
    def calls(self) -> int:
        """How many calls are under way."""
        return len(self._streams)

    @property
    def has_room(self) -> bool:
        """Whether it takes another call now."""
        return len(self._streams) < self._peer_max_streams and not self._leaving

    @property
    def usable(self) -> bool:
        """Whether new calls may use the connection."""
        return not self._leaving and not self._closed

    def _on_headers(self, stream_id: int, end_stream: int, block: bytes) -> None:
        stream = self._streams.get(stream_id)
        pairs = self._blocks.get(block) or self._decode(stream_id, block)
        if stream is None:
            if self._is_idle_id(stream_id):
                raise ConnectionFault(
                    ErrorCode.PROTOCOL_ERROR,
                    f"HTTP/2 protocol error: the server sent HEADERS on stream {stream_id}, which is not open yet",
                )
            return
        # Blocks that leave HPACK's table alone decode to the very same tuple each time.
        if pairs is self._plain_trailers and end_stream and stream.head_seen:
            if stream.local_ended and not stream.reserved and not self._waiting and not self._leaving:
                # What `_finished` would do, without its calls.
                stream.ended = True
                del self._streams[stream_id]
                if stream.bucket is not None:
                    stream.bucket.discard(stream)
            else:
                self._finished(stream)
            stream.on_ok()
        elif pairs is self._plain_head and not end_stream and not stream.head_seen:
            stream.on_plain_head()
        elif pairs is None:
            stream.abort(_HEADERS_TOO_LARGE)
        else:
            self._other_headers(stream, end_stream, pairs)
            if pairs is self._plain_head:
                self._plain_blocks[0] = block
            elif pairs is self._plain_trailers:
                self._plain_blocks[1] = block

    def _take_run(self, data: bytes, at: int, most: int) -> tuple[int, int]:
        head, trailers = self._plain_blocks
        blocks = self._blocks
        if (
            native is None
            or blocks.get(head) is not self._plain_head
            or blocks.get(trailers) is not self._plain_trailers
            or not (head and trailers)
        ):
            return at, 0
        after, responses = native.take_responses(data, at, most // 3, head, trailers, self._max_whole)
        streams, receiving = self._streams, self.receiving
        for stream_id, message in responses:
            stream = streams.get(stream_id)
            if (
                stream is None
                or not stream.eager
                or stream.head_seen
                or not stream.local_ended
                or stream.reserved
                or self._waiting
                or self._leaving
            ):
                self._take_apart(stream_id, message)
                continue
            receiving.window -= len(message) + 5
            if receiving.window < receiving.low:
                receiving.refill()
            stream.ended = True
            del streams[stream_id]
            if stream.bucket is not None:
                stream.bucket.discard(stream)
            future = cast("UnaryCall", stream).future  # no other is eager
            if not future.done():
                future.set_result(message)
        return after, 3 * len(responses)

    def _take_apart(self, stream_id: int, message: bytes) -> None:
        """Take a plain response the general way: nothing waits for it, or more is to be done than to hand it on."""
        data = MESSAGE_HEAD.pack(0, len(message)) + message
        head, trailers = self._plain_blocks
        for take in (
            partial(self._on_headers, stream_id, 0, head),
            partial(self._on_data, stream_id, 0, data, 0, len(data)),
            partial(self._on_headers, stream_id, END_STREAM, trailers),
        ):
            try:
                take()
            except StreamFault as fault:
                self._reset(fault)

    def _other_headers(self, stream: ResponseStream, end_stream: int, pairs: HeaderFields) -> None:
        head = read_response(stream.stream_id, pairs, self._shared.known_fields)
        if end_stream:
            if stream.head_seen and head.http_status:
                raise StreamFault(
                    stream.stream_id,
                    ErrorCode.PROTOCOL_ERROR,
                    f"HTTP/2 protocol error: the server sent :status in the trailers of stream {stream.stream_id}",
                )
            if head.code == "0" and not head.metadata and not head.message and stream.head_seen:
                self._plain_trailers = pairs
            stream.remote_ended = True
            self._finished(stream)
            stream.on_trailers(head)
            return
        if stream.head_seen:
            raise StreamFault(
                stream.stream_id,
                ErrorCode.PROTOCOL_ERROR,
                f"HTTP/2 protocol error: the server sent trailers that do not end stream {stream.stream_id}",
            )
        if head.http_status[:1] == "1":
            return
        try:
            stream.on_head(head)
        except BadMessage as bad:
            stream.abort(bad.status)
            return
        if not head.metadata and head.encoding is None:
            self._plain_head = pairs

    def _on_data(self, stream_id: int, flags: int, data: bytes, start: int, stop: int) -> None:
        length = stop - start
        receiving = self.receiving
        receiving.window -= length
        if receiving.window < receiving.low:
            receiving.refill()
        stream = self._streams.get(stream_id)
        if stream is None:
            if self._is_idle_id(stream_id):
                raise ConnectionFault(
                    ErrorCode.PROTOCOL_ERROR,
                    f"HTTP/2 protocol error: the server sent DATA on stream {stream_id}, which is not open yet",
                )
            return
        if not stream.head_seen:
            raise StreamFault(
                stream_id,
                ErrorCode.PROTOCOL_ERROR,
                f"HTTP/2 protocol error: the server sent DATA on stream {stream_id} before the response's headers",
            )
        if stream.eager:
            if not flags and 5 <= length <= self._max_whole:
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

    def _finished(self, stream: ResponseStream) -> None:
        """The response is complete; a request that is not has no reader any more."""
        if not stream.local_ended:
            self.output.write(frames.rst_stream(stream.stream_id, ErrorCode.CANCEL))
        self.forget(stream)

    def forget(self, stream: ResponseStream) -> None:
        super().forget(stream)
        if self._waiting:
            self._wake_one()
        if self._leaving and not self._streams:
            self.close("drained")

    def _wake_one(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _charge(self, cost: int = 1) -> None:
        # grpc-go sends a PING about every call, to measure the path's bandwidth: each call that has ended earns it one.
        self._completed = (self._next_id >> 1) - len(self._streams)
        super()._charge(cost)

    def _wants_keepalive(self) -> bool:
        # Servers punish clients that ping without a call under way.
        return bool(self._streams)

    def _is_idle_id(self, stream_id: int) -> bool:
        return stream_id >= self._next_id or not stream_id & 1

    def _on_settings(self) -> None:
        if not self.settled.done():
            if self._peer_max_streams == _MAX_UNTIL_SETTINGS:
                self._peer_max_streams = LARGEST_WINDOW
            self.settled.set_result("")
        self._peer_max_streams = min(self._peer_max_streams, self._shared.config.max_streams)
        for _ in range(min(len(self._waiting), max(0, self._peer_max_streams - len(self._streams)))):
            self._wake_one()

    def _on_goaway(self, last_id: int, code: int, reason: str) -> None:
        self._leave()
        number = code if code > ErrorCode.HTTP_1_1_REQUIRED else ErrorCode(code).name
        why = f"the peer is going away ({number}{': ' if reason else ''}{reason})"
        for stream in [each for each in self._streams.values() if each.stream_id > last_id]:
            self.forget(stream)
            stream.on_unprocessed(why)
        if not self._streams:
            self.close(why)

    def _leave(self) -> None:
        """Take no new calls; those under way go on."""
        if not self._leaving:
            self._leaving = True
            self._shared.on_leaving(self)
            for _ in range(len(self._waiting)):
                self._wake_one()

    def let_go(self) -> None:
        self._leaving = True
        super().let_go()
        transport = self.output.transport
        sock = None if transport is None else transport.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            # The number stays the transport's: it would close it once more, when it may be another's.
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, sock.fileno(), inheritable=False)
            os.close(nothing)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._shared.transports.made(self, transport)
        super().connection_made(transport)

    def eof_received(self) -> None:
        """As of every connection; until it is closed, in a turn or two of the loop, nothing is sent into the void."""
        self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._shared.transports.lost(self)

    def _on_closed(self, reason: str) -> None:
        self._leave()
        self._shared.on_closed(self)
        if not self.settled.done():
            self.settled.set_result(reason)
