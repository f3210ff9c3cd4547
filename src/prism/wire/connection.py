"""One HTTP/2 connection: what client and server share (RFC 9113).

Reading: `data_received` takes every complete frame of a read in one loop, without an object per frame. Writing:
frames are gathered and written once per turn of the loop, after the tasks that the same read made ready. What flow
control or a slow peer holds back waits in its stream's `Outbox`, and `_pump` shares the room out, a frame each.
"""

import asyncio
from collections import deque
from time import monotonic
from typing import Final, Generic, TypeVar, cast

from prism.wire import frames
from prism.wire.config import ConnectionConfig
from prism.wire.frames import (
    DATA,
    DEFAULT_FRAME_SIZE,
    DEFAULT_WINDOW,
    END_HEADERS,
    END_STREAM,
    FRAME_HEAD,
    HAS_PRIORITY,
    HEADERS,
    LARGEST_FRAME_SIZE,
    LARGEST_WINDOW,
    PADDED,
    SETTING,
    UINT32,
    ConnectionFault,
    ErrorCode,
    StreamFault,
)
from prism.wire.hpack import Decoder, HeaderListTooLarge, HpackError
from prism.wire.inbox import Inbox
from prism.wire.stream import END_WITH_DATA, Outbox, Stream

_BURST: Final = 256 * 1024  # bytes handed to the transport per turn: the others have theirs in between
_HEADER_BLOCK_SLACK: Final = 4  # a block this many times the list limit is hostile, not just too large
_unpack = FRAME_HEAD.unpack_from
_pack = FRAME_HEAD.pack

S = TypeVar("S", bound=Stream)
HeaderFields = tuple[tuple[bytes, bytes], ...]


class Connection(asyncio.Protocol, Generic[S]):
    """The frame loop, both flow controls in both directions, settings, pings and the gathering of output."""

    def __init__(self, config: ConnectionConfig, loop: asyncio.AbstractEventLoop, opening: bytes) -> None:
        self._config = config
        self._loop = loop
        self._opening = opening
        self._transport: asyncio.Transport | None = None
        self._decoder = Decoder(max_list_size=config.max_header_list_size)
        self._streams: dict[int, S] = {}
        self._closed = False
        self._last_id = 0  # the highest stream the peer has opened
        # reading
        self._tail = b""
        self._heard = True
        self._settled = False  # the peer has acknowledged our SETTINGS
        self._fragments: list[bytes] | None = None  # of a header block that is not complete
        self._fragment_head = (0, 0)
        self._fragment_size = 0
        self._receive_window = config.connection_window
        self._receive_low = config.connection_window // 2
        # writing
        self._out: list[bytes | memoryview] = []
        self._flush_due = False
        self._bulky = False
        self._burst = 0
        self._paused = False
        self._choked = False
        self._ready: deque[S] = deque()
        self._send_window = DEFAULT_WINDOW
        self._peer_window = DEFAULT_WINDOW
        self._peer_frame_size = DEFAULT_FRAME_SIZE
        self._peer_max_streams = LARGEST_WINDOW
        self._peer_max_header_list = LARGEST_WINDOW
        # patience with frames that cost us work and carry none
        self._credit = float(config.flood_allowance)
        self._credit_at = 0.0
        self._credited = 0
        self._completed = 0

    # What a role must answer.

    def _on_data(self, stream_id: int, flags: int, data: bytes, start: int, stop: int) -> None:
        raise NotImplementedError

    def _on_headers(self, stream_id: int, end_stream: int, block: bytes) -> None:
        raise NotImplementedError

    def _on_settings(self) -> None:
        """The peer's settings have changed."""

    def _on_goaway(self, last_id: int, code: int, reason: str) -> None:
        """The peer takes no streams above `last_id`, or wants none from us."""

    def _on_pong(self, payload: bytes) -> None:
        """The peer answered a PING."""

    def _on_sent(self, stream: S) -> None:
        """The stream's last frame has been handed on."""

    def _on_closed(self, reason: str) -> None:
        """The connection is gone; its streams have been told."""

    def _is_idle_id(self, stream_id: int) -> bool:
        """Whether the stream has never been opened."""
        raise NotImplementedError

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._join_output = transport.get_extra_info("sslcontext") is not None
        self._transport.write(self._opening)

    def data_received(self, data: bytes) -> None:
        """Take every complete frame. One long function: it runs for each frame, and calls cost."""
        if self._closed:
            return
        self._heard = True
        if self._tail:
            data = self._tail + data
            self._tail = b""
        position = 0
        end = len(data)
        most = self._config.max_frame_size
        try:
            while end - position >= 9:
                high, low, kind, flags, stream_id = _unpack(data, position)
                start = position + 9
                length = high << 8 | low
                position = start + length
                if length > most:
                    raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"frames here have at most {most} bytes")
                if position > end:
                    position = start - 9
                    break
                stream_id &= LARGEST_WINDOW
                try:
                    if self._fragments is not None:
                        self._continue_headers(kind, flags, stream_id, data[start:position])
                    elif kind == DATA:
                        self._on_data(stream_id, flags, data, start, position)
                    elif kind == HEADERS:
                        if flags & ~END_STREAM == END_HEADERS:
                            self._on_headers(stream_id, flags & END_STREAM, data[start:position])
                        else:
                            self._begin_headers(flags, stream_id, data[start:position])
                    else:
                        self._control(kind, flags, stream_id, data[start:position])
                except StreamFault as fault:
                    self._reset(fault)
            if position < end:
                self._tail = data[position:]
        except ConnectionFault as fault:
            self.fail(fault.code, fault.reason)
            return
        if self._ready:
            self._pump()
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def eof_received(self) -> None:
        """A peer that stops sending has gone: close."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(str(exc) if exc is not None else "the peer closed the connection")

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._choked:
            self._choked = False
            if self._transport is not None:
                self._transport.resume_reading()
        self._pump()

    # Output.

    def write(self, data: bytes) -> None:
        """Send whole frames, gathered with all others of this turn."""
        self._out.append(data)
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        out = self._out
        transport = self._transport
        if out and transport is not None and not transport.is_closing():
            if self._bulky and not self._join_output:
                transport.writelines(out)
            else:
                transport.write(b"".join(out))
        out.clear()
        self._bulky = False
        self._burst = 0
        if self._paused:
            self._hold_back()
        elif self._ready:
            self._pump()

    def _hold_back(self) -> None:
        """Stop reading from a peer that does not read: what it asks for would pile up here."""
        transport = self._transport
        if transport is None or self._choked:
            return
        if transport.get_write_buffer_size() > self._config.write_budget:
            self._choked = True
            transport.pause_reading()

    async def transmit(self, stream: S, head: bytes, body: bytes) -> None:
        """Send `head` and `body` as DATA; returns once the stream may take more, or has ended."""
        size = len(head) + len(body)
        outbox = stream.outbox
        if (
            outbox is None
            and size <= stream.send_window
            and size <= self._send_window
            and size <= self._peer_frame_size
            and not self._paused
        ):
            stream.send_window -= size
            self._send_window -= size
            self.write(_pack(size >> 8, size & 0xFF, DATA, 0, stream.stream_id) + head)
            self._out.append(body)
            self._burst += size
            if self._burst > _BURST:
                # Nothing else makes a handler that never waits for anything let the others have their turn.
                self._flush()
                await asyncio.sleep(0)
            return
        outbox = self.enqueue(stream, head, body)
        while outbox.size > self._config.send_buffer and not stream.ended:
            waiter = self._loop.create_future()
            outbox.waiters.append(waiter)
            await waiter

    def enqueue(self, stream: S, head: bytes, body: bytes, final: bytes | None = None) -> Outbox:
        """Accept `head` and `body` as DATA, and what ends the stream, to be sent as windows and the peer allow."""
        outbox = stream.outbox
        if outbox is None:
            outbox = stream.outbox = Outbox()
        if head:
            outbox.pieces.append(head)
        if body:
            outbox.pieces.append(body)
        outbox.size += len(head) + len(body)
        outbox.final = final
        if outbox.size and not outbox.queued and stream.send_window > 0:
            outbox.queued = True
            self._ready.append(stream)
            self._pump()
        return outbox

    def finish(self, stream: S, final: bytes) -> None:
        """End our side of the stream behind what it has accepted: with trailers, or `END_WITH_DATA`."""
        outbox = stream.outbox
        if outbox is not None and outbox.size:
            outbox.final = final
            return
        self.write(final or _pack(0, 0, DATA, END_STREAM, stream.stream_id))
        self._on_sent(stream)

    def _pump(self) -> None:
        """Send what outboxes hold, a frame from each in turn, as far as windows and the peer's reading allow."""
        ready = self._ready
        while ready and self._send_window > 0 and not self._paused and self._burst <= _BURST:
            stream = ready.popleft()
            outbox = stream.outbox
            if outbox is None or stream.ended:
                continue
            room = min(self._peer_frame_size, stream.send_window, self._send_window)
            if room <= 0:
                outbox.queued = False
                continue
            self._emit(stream, outbox, room)
            if outbox.size:
                ready.append(stream)
            else:
                stream.outbox = None
                if outbox.final is not None:
                    if outbox.final:
                        self.write(outbox.final)
                    self._on_sent(stream)
            if outbox.waiters and outbox.size <= self._config.send_buffer:
                outbox.wake()

    def _emit(self, stream: S, outbox: Outbox, room: int) -> None:
        size = min(room, outbox.size)
        outbox.size -= size
        stream.send_window -= size
        self._send_window -= size
        self._burst += size
        flags = END_STREAM if outbox.final == END_WITH_DATA and not outbox.size else 0
        self.write(_pack(size >> 8, size & 0xFF, DATA, flags, stream.stream_id))
        pieces = outbox.pieces
        while size:
            piece = pieces[0]
            if len(piece) <= size:
                self._out.append(pieces.popleft())
                size -= len(piece)
            else:
                view = memoryview(piece)
                self._out.append(view[:size])
                pieces[0] = view[size:]
                size = 0
        self._bulky = True

    # Streams.

    def forget(self, stream: S) -> None:
        """Drop a stream that has ended, with all it still wanted to send."""
        stream.ended = True
        self._streams.pop(stream.stream_id, None)
        if stream.bucket is not None:
            stream.bucket.discard(stream)
            stream.bucket = None
        outbox = stream.outbox
        if outbox is not None:
            stream.outbox = None
            outbox.wake()

    def _reset(self, fault: StreamFault) -> None:
        """End a stream for the peer's fault."""
        self._charge()
        self.write(frames.rst_stream(fault.stream_id, fault.code))
        stream = self._streams.get(fault.stream_id)
        if stream is not None:
            self.forget(stream)
            stream.on_reset(fault.code)

    def _receive(self, stream: S, flags: int, data: bytes, start: int, stop: int) -> None:
        """Take a DATA frame the general way. Raises `BadMessage` for what the application's framing forbids."""
        receiver = stream.receiver
        if stream.remote_ended or receiver is None:
            raise StreamFault(stream.stream_id, ErrorCode.STREAM_CLOSED, "DATA behind END_STREAM")
        receiver.window -= stop - start
        if receiver.window < 0:
            raise StreamFault(stream.stream_id, ErrorCode.FLOW_CONTROL_ERROR, "DATA beyond the stream's window")
        if flags & PADDED:
            start, stop = _unpad(data, start, stop)
        if start == stop and not flags & END_STREAM:
            self._charge()
        if flags & END_STREAM:
            stream.remote_ended = True
        if stream.content_length >= 0:
            stream.content_length -= stop - start
            if stream.content_length < 0 or (stream.remote_ended and stream.content_length):
                raise StreamFault(stream.stream_id, ErrorCode.PROTOCOL_ERROR, "content-length and DATA differ")
        receiver.feed(data, start, stop)
        if stream.remote_ended:
            receiver.end()
        elif not stream.ended:
            self.replenish(stream)

    def replenish(self, stream: S) -> None:
        """Let the peer send more on a stream, if that is due."""
        receiver = stream.receiver
        if receiver is None or stream.remote_ended or stream.ended:
            return
        increment = receiver.wanted()
        if increment:
            receiver.window += increment
            self.write(frames.window_update(stream.stream_id, increment))

    async def next_message(self, stream: S, inbox: Inbox) -> bytes | None:
        """The next message of a stream; None behind the last."""
        while not inbox.messages:
            if inbox.ended or stream.ended:
                return None
            self.encourage(stream)
            await inbox.arrival()
        message = inbox.take()
        self.replenish(stream)
        return message

    def encourage(self, stream: S) -> None:
        """The reader waits: where the window is what limits the peer, let it have a larger one."""
        receiver = stream.receiver
        if receiver is not None and receiver.window < receiver.target >> 1:
            receiver.target = min(receiver.target * 2, self._config.max_stream_window)
        self.replenish(stream)

    def _first_window(self) -> int:
        """The window of a new stream; a peer that has not seen our SETTINGS yet goes by the default."""
        window = self._config.initial_stream_window
        return window if self._settled else max(window, DEFAULT_WINDOW)

    def _count_received(self) -> None:
        """The connection's window runs low: refill it. What a stream may hold is its own window's business."""
        if self._receive_window < 0:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "DATA beyond the connection's window")
        increment = self._config.connection_window - self._receive_window
        self._receive_window += increment
        self.write(frames.window_update(0, increment))

    # Header blocks.

    def _decode(self, stream_id: int, block: bytes) -> HeaderFields | None:
        """The fields of a block; None where they are more than we take."""
        try:
            return self._decoder.decode(block)
        except HeaderListTooLarge:
            return None
        except HpackError as error:
            raise ConnectionFault(ErrorCode.COMPRESSION_ERROR, f"stream {stream_id}: {error}") from error

    def _begin_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        """A HEADERS frame with padding, priority or CONTINUATION behind it."""
        start, stop = _unpad(payload, 0, len(payload)) if flags & PADDED else (0, len(payload))
        if flags & HAS_PRIORITY:
            if stop - start < 5:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short for its priority fields")
            depends_on = UINT32.unpack_from(payload, start)[0] & LARGEST_WINDOW
            start += 5
        else:
            depends_on = 0
        self._fragments = [payload[start:stop]]
        self._fragment_head = (stream_id, flags & END_STREAM)
        self._fragment_size = stop - start
        if flags & END_HEADERS:
            self._end_headers()
            if depends_on == stream_id:
                raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "a stream cannot depend on itself")

    def _continue_headers(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        fragments = self._fragments
        if kind != frames.CONTINUATION or stream_id != self._fragment_head[0] or fragments is None:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a header block must be continued before all else")
        self._charge()
        fragments.append(payload)
        self._fragment_size += len(payload)
        if self._fragment_size > _HEADER_BLOCK_SLACK * self._config.max_header_list_size:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "the header block is far too large")
        if flags & END_HEADERS:
            self._end_headers()

    def _end_headers(self) -> None:
        fragments = self._fragments
        self._fragments = None
        stream_id, end_stream = self._fragment_head
        self._on_headers(stream_id, end_stream, b"".join(fragments or ()))

    # All other frames.

    def _control(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if kind == frames.WINDOW_UPDATE:
            self._window_updated(stream_id, payload)
        elif kind == frames.SETTINGS:
            self._settings_received(flags, stream_id, payload)
        elif kind == frames.PING:
            self._ping_received(flags, stream_id, payload)
        elif kind == frames.RST_STREAM:
            self._reset_received(stream_id, payload)
        elif kind == frames.GOAWAY:
            self._goaway_received(stream_id, payload)
        elif kind == frames.PRIORITY:
            self._priority_received(stream_id, payload)
        elif kind in (frames.PUSH_PROMISE, frames.CONTINUATION):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"frame type {kind} has no place here")
        else:
            self._charge()

    def _window_updated(self, stream_id: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE has 4 bytes")
        increment = UINT32.unpack(payload)[0] & LARGEST_WINDOW
        if stream_id == 0:
            self._send_window += increment
            if not increment:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a WINDOW_UPDATE of zero")
            if self._send_window > LARGEST_WINDOW:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window is too large")
            return
        stream = self._streams.get(stream_id)
        if stream is None:
            if self._is_idle_id(stream_id):
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"WINDOW_UPDATE on idle stream {stream_id}")
            return
        if not increment:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "a WINDOW_UPDATE of zero")
        stream.send_window += increment
        if stream.send_window > LARGEST_WINDOW:
            raise StreamFault(stream_id, ErrorCode.FLOW_CONTROL_ERROR, "the stream's window is too large")
        self._unblock(stream)

    def _unblock(self, stream: S) -> None:
        outbox = stream.outbox
        if outbox is not None and outbox.size and not outbox.queued and stream.send_window > 0:
            outbox.queued = True
            self._ready.append(stream)

    def _settings_received(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "SETTINGS belong to stream 0")
        if flags & frames.ACK:
            if payload:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "an acknowledgement of SETTINGS is empty")
            self._settled = True
            return
        if len(payload) % 6:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS come in sixes of bytes")
        self._charge()
        for key, value in SETTING.iter_unpack(payload):
            self._apply_setting(key, value)
        self.write(frames.frame(frames.SETTINGS, frames.ACK, 0))
        self._on_settings()

    def _apply_setting(self, key: int, value: int) -> None:
        if key == frames.INITIAL_WINDOW_SIZE:
            if value > LARGEST_WINDOW:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, f"INITIAL_WINDOW_SIZE {value} is too large")
            change = value - self._peer_window
            self._peer_window = value
            for stream in self._streams.values():
                stream.send_window += change
                if stream.send_window > LARGEST_WINDOW:
                    raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a stream's window became too large")
                self._unblock(stream)
        elif key == frames.MAX_FRAME_SIZE:
            if not DEFAULT_FRAME_SIZE <= value <= LARGEST_FRAME_SIZE:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"MAX_FRAME_SIZE {value} is not allowed")
            self._peer_frame_size = value
        elif key == frames.MAX_CONCURRENT_STREAMS:
            self._peer_max_streams = value
        elif key == frames.MAX_HEADER_LIST_SIZE:
            self._peer_max_header_list = value
        elif key == frames.ENABLE_PUSH and value > 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "ENABLE_PUSH is 0 or 1")

    def _ping_received(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PING belongs to stream 0")
        if len(payload) != 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "PING has 8 bytes")
        if flags & frames.ACK:
            self._on_pong(payload)
            return
        self._charge()
        self.write(frames.frame(frames.PING, frames.ACK, 0, payload))

    def _reset_received(self, stream_id: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM has 4 bytes")
        if not stream_id or self._is_idle_id(stream_id):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"RST_STREAM on idle stream {stream_id}")
        self._charge()
        stream = self._streams.get(stream_id)
        if stream is not None:
            self.forget(stream)
            number = UINT32.unpack(payload)[0]
            known = number <= ErrorCode.HTTP_1_1_REQUIRED
            stream.on_reset(ErrorCode(number) if known else ErrorCode.INTERNAL_ERROR)

    def _goaway_received(self, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "GOAWAY belongs to stream 0")
        if len(payload) < 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY has at least 8 bytes")
        last_id = UINT32.unpack_from(payload)[0] & LARGEST_WINDOW
        code = UINT32.unpack_from(payload, 4)[0]
        self._on_goaway(last_id, code, ascii(payload[8:264].decode("latin-1"))[1:-1])

    def _priority_received(self, stream_id: int, payload: bytes) -> None:
        """Priorities are checked and otherwise ignored (RFC 9113 section 5.3.2)."""
        if not stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PRIORITY needs a stream")
        if len(payload) != 5:
            raise StreamFault(stream_id, ErrorCode.FRAME_SIZE_ERROR, "PRIORITY has 5 bytes")
        self._charge()
        if UINT32.unpack_from(payload)[0] & LARGEST_WINDOW == stream_id:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "a stream cannot depend on itself")

    # Patience, and its end.

    def _charge(self) -> None:
        """Count a frame that costs us work and carries none. Time and completed calls earn more of them."""
        self._credit -= 1
        if self._credit >= 0:
            return
        now = monotonic()
        earned = (now - self._credit_at) * self._config.flood_refill + self._completed - self._credited
        self._credit = min(self._credit + earned, self._config.flood_allowance)
        self._credit_at = now
        self._credited = self._completed
        if self._credit < 0:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many frames that ask for work and carry none")

    def fail(self, code: ErrorCode, reason: str) -> None:
        """End the connection for the peer's fault: GOAWAY, then close."""
        self.write(frames.goaway(self._last_id, code, reason))
        self.close(reason)

    def close(self, reason: str) -> None:
        """Hand over what is gathered and close; streams that are left are told why."""
        if self._closed:
            return
        self._flush()
        transport = self._transport
        self._end(reason)
        if transport is not None:
            transport.close()
            if transport.get_write_buffer_size():
                # A peer that reads nothing must not keep a closed connection.
                self._loop.call_later(self._config.write_timeout, transport.abort)

    def _end(self, reason: str) -> None:
        if self._closed:
            return
        self._closed = True
        self._out.clear()
        self._tail = b""
        self._fragments = None
        for stream in tuple(self._streams.values()):
            self.forget(stream)
            stream.on_lost(reason)
        self._ready.clear()
        self._on_closed(reason)


def _unpad(data: bytes, start: int, stop: int) -> tuple[int, int]:
    """Where the content of a padded frame lies."""
    if start == stop:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a padded frame needs its pad length")
    pad = data[start]
    if pad >= stop - start:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "more padding than frame")
    return start + 1, stop - pad
