"""One HTTP/2 connection: what client and server share (RFC 9113).

`data_received` takes every complete frame of a read in one loop, without an object per frame. What need not be at hand
there is a part of its own: `output` gathers and sends, `receiving` says what the peer may send, `keepalive` goes by
what only time shows, `flood_budget` by what costs work and carries nothing.
"""

import asyncio
from abc import ABC, abstractmethod
from time import monotonic
from typing import Final, Generic, TypeVar, cast

from prism.wire.config import ConnectionConfig
from prism.wire.grpc.inbox import Inbox
from prism.wire.grpc.status import Code, Status
from prism.wire.hpack.decoder import Decoder, HeaderListTooLarge, HpackError
from prism.wire.http2 import control_frames, frames
from prism.wire.http2 import settings as setting
from prism.wire.http2.flood_budget import FloodBudget
from prism.wire.http2.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_HEAD,
    HEADERS,
    LARGEST_WINDOW,
    PADDED,
    ConnectionFault,
    ErrorCode,
    StreamFault,
    unpad,
)
from prism.wire.http2.header_blocks import HeaderFields, UnfinishedBlock, first_fragment, refused_cost
from prism.wire.http2.keepalive import KEEPALIVE_PING, Keepalive, StallTimer
from prism.wire.http2.output import Output
from prism.wire.http2.receiving import Receiving
from prism.wire.http2.stream import Stream
from prism.wire.native import native
from prism.wire.unsent import unsent

FRAMES_PER_TURN: Final = 128  # taken in a row: a read may hold thousands, and others have their turn in between
_MIN_PARTIAL: Final = 2048  # bytes of a DATA frame that are taken before the rest has come
_INITIAL_WINDOW_COST: Final = 16  # streams whose window changes that cost as much as a frame that carries nothing

_unpack = FRAME_HEAD.unpack_from

S = TypeVar("S", bound=Stream)


class Connection(ABC, asyncio.Protocol, Generic[S]):
    """One end of a connection; a role says what requests, responses and its own end mean."""

    # All the state that both roles have. Slots, as an instance's dictionary of more than 30 is slower to read.
    __slots__ = (
        "_closed",
        "_completed",
        "_config",
        "_data_head",
        "_data_left",
        "_decoder",
        "_flood_budget",
        "_frame_timer",
        "_keepalive",
        "_last_id",
        "_loop",
        "_messages_looked_at",
        "_opening",
        "_peer_answers_itself",
        "_peer_max_header_list",
        "_peer_max_streams",
        "_proven",
        "_reader_timer",
        "_resume_scheduled",
        "_resuming",
        "_runs",
        "_streams",
        "_turn",
        "_unfinished",
        "_unparsed",
        "_unread_output",
        "_yielded",
        "output",
        "receiving",
    )

    def __init__(self, config: ConnectionConfig, loop: asyncio.AbstractEventLoop, opening: bytes) -> None:
        self._config = config
        self._loop = loop
        self._opening = opening
        self._closed = False
        # The parts.
        self.output = Output(config, loop)
        self.receiving = Receiving(config, loop, self.output)
        self._decoder = Decoder(max_list_size=config.max_header_list_size)
        self._flood_budget = FloodBudget(config.flood_allowance, config.flood_refill)
        self._keepalive = Keepalive(config)
        # Streams.
        self._streams: dict[int, S] = {}
        self._last_id = 0  # the highest that the peer has opened
        self._completed = 0  # calls
        self._peer_max_streams = LARGEST_WINDOW
        self._peer_max_header_list = LARGEST_WINDOW
        self._peer_answers_itself = False  # and is no proxy
        # What has been read.
        self._unparsed = b""
        self._data_left = 0  # bytes of a DATA frame whose beginning has been taken
        self._data_head = (0, 0)  # its stream and flags
        self._unfinished: UnfinishedBlock | None = None
        self._frame_timer = StallTimer(config.frame_timeout)
        self._messages_looked_at = 0.0
        self._runs = native is not None  # plain calls are taken in a row
        # A peer that does not read.
        self._reader_timer = StallTimer(config.write_timeout)
        self._unread_output = 0  # bytes that waited for it at the last look
        # Turns of the loop.
        self._turn = self.output.turn
        self._proven = True  # has a turn's worth of its own, and need not share that of unproven connections
        self._yielded = False  # what is left of the read waits for a later turn
        self._resume_scheduled = False  # `_resume` is, or is in the line of the unproven
        self._resuming = False

    # What a role must answer.

    @abstractmethod
    def _on_headers(self, stream_id: int, end_stream: int, block: bytes) -> None:
        """Take a header block that is complete."""

    @abstractmethod
    def _on_data(self, stream_id: int, flags: int, data: bytes, start: int, stop: int) -> None:
        """Take DATA: `data[start:stop]`, padding included."""

    @abstractmethod
    def _is_idle_id(self, stream_id: int) -> bool:
        """Whether the stream has never been opened."""

    def _take_run(self, data: bytes, at: int, most: int) -> tuple[int, int]:  # noqa: ARG002 - a role may have none
        """Take the plain unary calls that stand in a row from the HEADERS frame at `at` on, in `most` frames at most.

        Answers where they end, and how many frames they were: none, where the first is not plain.
        """
        return at, 0

    def _on_settings(self) -> None:
        """The peer's settings have changed."""

    def _on_goaway(self, last_id: int, code: int, reason: str) -> None:
        """The peer takes no streams above `last_id`, or wants none from us."""

    def _on_pong(self, payload: bytes) -> None:
        """The peer answered a PING."""

    def _on_closed(self, reason: str) -> None:
        """The connection is gone, and its streams know."""

    def _wants_keepalive(self) -> bool:
        """Whether it matters that the peer is still there."""
        return True

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        output = self.output
        output.transport = cast("asyncio.Transport", transport)
        output.join_always = transport.get_extra_info("sslcontext") is not None
        output.transport.write(self._opening)

    def data_received(self, data: bytes) -> None:
        """Take every complete frame. One long function: it runs for each frame, and calls cost."""
        if self._closed:
            return
        self._keepalive.heard = True
        if self._unparsed:
            data = self._unparsed + data
            if self._yielded:
                self._unparsed = data
                return
            self._unparsed = b""
        position = 0
        end = len(data)
        left = share = FRAMES_PER_TURN if self._proven else self._share()
        runs = self._runs
        most = self._config.max_frame_size
        try:
            if self._data_left:
                position = self._continue_data(data, end)
            while end - position >= 9:
                high, low, kind, flags, stream_id = _unpack(data, position)
                start = position + 9
                length = high << 8 | low
                position = start + length
                if length > most:
                    raise ConnectionFault(
                        ErrorCode.FRAME_SIZE_ERROR,
                        f"HTTP/2 protocol error: the peer sent a frame of {length} bytes, over the limit of {most}",
                    )
                if position > end:
                    if kind == DATA and not flags & PADDED and self._unfinished is None:
                        position = self._begin_data(flags, stream_id & LARGEST_WINDOW, length, data, start, end)
                    else:
                        position = start - 9
                    break
                if not left:
                    position = start - 9
                    self._yield_turn()
                    break
                left -= 1
                stream_id &= LARGEST_WINDOW
                try:
                    if self._unfinished is not None:
                        self._continue_headers(kind, flags, stream_id, data[start:position])
                    elif kind == DATA:
                        if runs and not flags and position < end:
                            after, count = self._take_data_run(stream_id, data, start - 9, left + 1)
                            if count:
                                position = after
                                left -= count - 1
                                continue
                        self._on_data(stream_id, flags, data, start, position)
                    elif kind == HEADERS:
                        if runs and flags == END_HEADERS:
                            after, count = self._take_run(data, start - 9, left + 1)
                            if count:
                                position = after
                                left -= count - 1
                                continue
                        if flags & ~END_STREAM == END_HEADERS:
                            self._on_headers(stream_id, flags & END_STREAM, data[start:position])
                        else:
                            self._begin_headers(flags, stream_id, data[start:position])
                    else:
                        self._control(kind, flags, stream_id, data[start:position])
                except StreamFault as fault:
                    self._reset(fault)
            if position < end:
                self._unparsed = data[position:]
            if left < share:
                self._frame_timer.since = None
        except ConnectionFault as fault:
            self.fail(fault.code, fault.reason)
            return
        if share < FRAMES_PER_TURN:
            self._turn.fair_share.credit = left
        if self.output.ready:
            self.output.pump()
        if self._yielded or self._resuming:
            self._turn.ensure()
        else:
            self._turn.schedule()

    def pause_writing(self) -> None:
        self.output.paused = True

    def resume_writing(self) -> None:
        if self.output.resume():
            # The peer reads again: read what it asks for.
            if self._yielded:
                self._schedule_resume()
            elif self.output.transport is not None:
                self.output.transport.resume_reading()
        self.output.pump()

    def eof_received(self) -> None:
        """A peer that stops sending has gone: close."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(str(exc) if exc is not None else "the peer closed the connection")

    # Turns of the loop: what one read may take of them.

    def _share(self) -> int:
        """How many frames an unproven connection may take in this turn. What it leaves is for the others."""
        fair_share = self._turn.fair_share
        credit, fair_share.credit = fair_share.credit, 0
        return credit

    def _yield_turn(self) -> None:
        """Enough for this turn: what is left of the read waits in `_unparsed`, and no more is read before it."""
        self._yielded = True
        if self.output.transport is not None:
            self.output.transport.pause_reading()
        self._schedule_resume()

    def _schedule_resume(self) -> None:
        if self._resume_scheduled:
            # It is choked and no more before its turn: a second place would be a second share.
            return
        self._resume_scheduled = True
        if self._proven:
            self._loop.call_soon(self._resume)
        else:
            self._turn.fair_share.wait(self._resume)

    def _resume(self) -> None:
        """Take the next share, unless the peer must read first."""
        self._resume_scheduled = False
        output = self.output
        if not self._yielded or output.choked or self._closed:
            return
        data, self._unparsed = self._unparsed, b""
        self._yielded = False
        self._resuming = True
        self.data_received(data)
        self._resuming = False
        if not self._yielded and not output.choked and output.transport is not None:
            output.transport.resume_reading()

    # DATA.

    def _begin_data(self, flags: int, stream_id: int, length: int, data: bytes, start: int, end: int) -> int:
        """Take what has come of a DATA frame, not to copy it together with the rest; returns where reading ended."""
        if end - start < _MIN_PARTIAL:
            return start - 9
        self._data_left = length - (end - start)
        self._frame_timer.since = None
        self._data_head = (stream_id, flags)
        self._take_data(stream_id, 0, data, start, end)
        return end

    def _continue_data(self, data: bytes, end: int) -> int:
        """Take more of that DATA frame; returns where it, or the read, ended."""
        stream_id, flags = self._data_head
        taken = min(self._data_left, end)
        self._data_left -= taken
        if not self._data_left:
            self._frame_timer.since = None
        self._take_data(stream_id, 0 if self._data_left else flags, data, 0, taken)
        return taken

    def _take_data(self, stream_id: int, flags: int, data: bytes, start: int, stop: int) -> None:
        try:
            self._on_data(stream_id, flags, data, start, stop)
        except StreamFault as fault:
            self._reset(fault)

    def _take_data_run(self, stream_id: int, data: bytes, at: int, most: int) -> tuple[int, int]:
        """Take the DATA frames of a stream that stand in a row from `at` on, in `most` frames at most, where they bring
        plain messages and no window is to be refilled for them.

        Answers where they end, and how many frames they were: none, where the first is not plain.
        """
        stream = self._streams.get(stream_id)
        if stream is None or stream.eager or stream.remote_ended or stream.content_length >= 0 or native is None:
            return at, 0
        inbox = stream.receiver
        if type(inbox) is not Inbox or not inbox.plain:
            return at, 0
        messages = stream.plain_messages()
        receiving = self.receiving
        room = receiving.window - receiving.low
        if messages <= 0 or room <= 0 or inbox.window <= 0:
            return at, 0
        taken = native.take_data(
            data,
            at,
            stream_id,
            inbox.place(),
            most,
            self._config.max_frame_size,
            inbox.limit,
            messages,
            room,
            inbox.window,
            inbox.target,
        )
        if taken is None:
            return at, 0
        after, count, size, *found = taken
        receiving.window -= size
        inbox.window -= size
        inbox.take_run(*found)
        return after, count

    def _receive(self, stream: S, flags: int, data: bytes, start: int, stop: int) -> None:
        """Take a DATA frame the general way. Raises `BadMessage` for what the application's framing forbids."""
        receiver = stream.receiver
        if stream.remote_ended or receiver is None:
            raise StreamFault(
                stream.stream_id,
                ErrorCode.STREAM_CLOSED,
                f"HTTP/2 protocol error: the peer sent DATA on stream {stream.stream_id} after its end",
            )
        receiver.window -= stop - start
        if receiver.window < 0:
            raise StreamFault(
                stream.stream_id,
                ErrorCode.FLOW_CONTROL_ERROR,
                f"HTTP/2 protocol error: the peer sent more DATA on stream {stream.stream_id} than its flow-control "
                "window allows",
            )
        if flags & PADDED:
            start, stop = unpad(data, start, stop)
        if start == stop and not flags & END_STREAM:
            self._charge()
        if flags & END_STREAM:
            stream.remote_ended = True
        if stream.content_length >= 0:
            stream.content_length -= stop - start
            if stream.content_length < 0 or (stream.remote_ended and stream.content_length):
                raise StreamFault(
                    stream.stream_id,
                    ErrorCode.PROTOCOL_ERROR,
                    f"HTTP/2 protocol error: the peer sent DATA on stream {stream.stream_id} that differs in length "
                    "from its content-length",
                )
        receiver.feed(data, start, stop)
        if stream.remote_ended:
            receiver.end()
        # The same question that `replenish` asks first: calls cost more than all of the above.
        elif receiver.window <= receiver.target + 1 >> 1 or receiver.window < receiver.missing:
            self.receiving.replenish(stream)

    # Header blocks.

    def _begin_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        """A HEADERS frame with padding or priority, or with CONTINUATION to come."""
        fragment, depends_on = first_fragment(flags, payload)
        if not flags & END_HEADERS:
            self._unfinished = UnfinishedBlock(stream_id, flags & END_STREAM, fragment, self._config)
            return
        self._on_headers(stream_id, flags & END_STREAM, fragment)
        if depends_on == stream_id:
            raise StreamFault(
                stream_id,
                ErrorCode.PROTOCOL_ERROR,
                f"HTTP/2 protocol error: the peer made stream {stream_id} depend on itself",
            )

    def _continue_headers(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        block = self._unfinished
        if block is None:
            return
        block.add(kind, stream_id, payload)
        self._charge()
        if flags & END_HEADERS:
            self._unfinished = None
            self._on_headers(stream_id, block.end_stream, block.joined())

    def _decode(self, stream_id: int, block: bytes) -> HeaderFields | None:
        """The fields of a block; None where they are more than we take."""
        try:
            return self._decoder.decode(block)
        except HeaderListTooLarge as error:
            self._charge(refused_cost(block, error))
            return None
        except HpackError as error:
            raise ConnectionFault(
                ErrorCode.COMPRESSION_ERROR,
                f"HTTP/2 protocol error: the peer's header block on stream {stream_id} cannot be decoded: {error}",
            ) from error

    # Frames that carry no call.

    def _charge(self, cost: int = 1) -> None:
        """Count a frame that costs us work and carries none."""
        if not self._flood_budget.charge(self._completed, cost):
            raise ConnectionFault(
                ErrorCode.ENHANCE_YOUR_CALM,
                "HTTP/2 protocol error: the peer sent too many frames without content (PING, SETTINGS, RST_STREAM, "
                "empty DATA and the like)",
            )

    def _control(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if kind == frames.WINDOW_UPDATE:
            self._window_updated(stream_id, control_frames.read_window_update(payload))
        elif kind == frames.SETTINGS:
            control_frames.require_stream_zero("SETTINGS", stream_id)
            self._settings_received(flags, payload)
        elif kind == frames.PING:
            control_frames.require_stream_zero("PING", stream_id)
            self._ping_received(flags, payload)
        elif kind == frames.RST_STREAM:
            self._reset_received(stream_id, control_frames.read_reset(payload))
        elif kind == frames.GOAWAY:
            control_frames.require_stream_zero("GOAWAY", stream_id)
            last_id, code, reason = control_frames.read_goaway(payload)
            self._charge()
            self._on_goaway(last_id, code, reason)
        elif kind == frames.PRIORITY:
            depends_on = control_frames.read_priority(stream_id, payload)
            self._charge()
            if depends_on == stream_id:
                raise StreamFault(
                    stream_id,
                    ErrorCode.PROTOCOL_ERROR,
                    f"HTTP/2 protocol error: the peer made stream {stream_id} depend on itself",
                )
        elif kind in (frames.PUSH_PROMISE, frames.CONTINUATION):
            raise ConnectionFault(
                ErrorCode.PROTOCOL_ERROR,
                f"HTTP/2 protocol error: the peer sent a frame of type {kind} where it is not allowed",
            )
        else:
            self._charge()

    def _window_updated(self, stream_id: int, increment: int) -> None:
        if stream_id == 0:
            self.output.widen(increment)
            return
        stream = self._streams.get(stream_id)
        if stream is not None:
            self.output.widen_stream(stream, increment)
        elif self._is_idle_id(stream_id):
            raise ConnectionFault(
                ErrorCode.PROTOCOL_ERROR,
                f"HTTP/2 protocol error: the peer sent WINDOW_UPDATE on stream {stream_id}, which is not open yet",
            )

    def _settings_received(self, flags: int, payload: bytes) -> None:
        self._charge()
        if flags & frames.ACK:
            if payload:
                raise ConnectionFault(
                    ErrorCode.FRAME_SIZE_ERROR,
                    "HTTP/2 protocol error: the peer acknowledged SETTINGS with a frame that is not empty",
                )
            self.receiving.acknowledged = True
            return
        values = setting.decode_settings(payload)
        window = values.get(setting.INITIAL_WINDOW_SIZE)
        if window is not None:
            # A window's change is work for every stream.
            self._charge(len(self._streams) // _INITIAL_WINDOW_COST)
            self.output.resize_streams(window, self._streams.values())
        self.output.frame_size = values.get(setting.MAX_FRAME_SIZE, self.output.frame_size)
        self._peer_max_streams = values.get(setting.MAX_CONCURRENT_STREAMS, self._peer_max_streams)
        self._peer_max_header_list = values.get(setting.MAX_HEADER_LIST_SIZE, self._peer_max_header_list)
        self._peer_answers_itself = self._peer_answers_itself or bool(values.get(setting.ANSWERS_ITSELF))
        self.output.write(setting.ACKNOWLEDGEMENT)
        self._on_settings()

    def _ping_received(self, flags: int, payload: bytes) -> None:
        control_frames.check_ping(payload)
        self._charge()
        if flags & frames.ACK:
            self._on_pong(payload)
        else:
            self.output.write(frames.frame(frames.PING, frames.ACK, 0, payload))

    def _reset_received(self, stream_id: int, code: ErrorCode) -> None:
        if not stream_id or self._is_idle_id(stream_id):
            raise ConnectionFault(
                ErrorCode.PROTOCOL_ERROR,
                f"HTTP/2 protocol error: the peer sent RST_STREAM on stream {stream_id}, which is not open yet",
            )
        stream = self._streams.get(stream_id)
        if stream is None or not stream.was_held(monotonic()):
            self._charge()
        if stream is not None:
            self.forget(stream)
            stream.on_reset(code)

    # Streams.

    def forget(self, stream: S) -> None:
        """Drop a stream that has ended, with all it still wanted to send."""
        stream.ended = True
        self._streams.pop(stream.stream_id, None)
        if stream.bucket is not None:
            stream.bucket.discard(stream)
            stream.bucket = None
        if stream.outbox is not None:
            self.output.discard(stream)
        if stream.reserved:
            self.receiving.release(stream)

    def _reset(self, fault: StreamFault) -> None:
        """End a stream for the peer's fault."""
        if self._is_idle_id(fault.stream_id):
            # There is nothing to reset, and to do it would be our fault (RFC 9113 section 6.4).
            raise ConnectionFault(fault.code, fault.reason)
        self._charge()
        self.output.write(frames.rst_stream(fault.stream_id, fault.code))
        stream = self._streams.get(fault.stream_id)
        if stream is not None:
            self.forget(stream)
            stream.on_reset(fault.code)

    # What only time shows.

    def inspect(self, now: float) -> None:
        """Look for a peer that is gone, ends neither frame nor header block, or does not read."""
        if self._keepalive.unanswered(now):
            self.abort("the peer did not answer a PING")
        elif self._unfinished is not None and self._unfinished.timer.expired(now, pending=True):
            self.fail(
                ErrorCode.ENHANCE_YOUR_CALM, "HTTP/2 protocol error: the peer took too long to end a header block"
            )
        elif self._frame_timer.expired(now, pending=self._waits_for_frame()):
            self.fail(ErrorCode.ENHANCE_YOUR_CALM, "HTTP/2 protocol error: the peer took too long to end a frame")
        elif self._reader_timer.expired(now, pending=self._waits_for_reader()):
            self.abort("the peer stopped reading")
        elif self._keepalive.ping_due(now, wanted=self._wants_keepalive()):
            self.output.write(KEEPALIVE_PING)
        if not self._closed and now - self._messages_looked_at >= self._config.message_timeout / 8:
            self._messages_looked_at = now
            for stream in [each for each in self._streams.values() if each.overdue(now, self._config.message_timeout)]:
                self._on_overdue(stream)

    def _on_overdue(self, stream: S) -> None:
        """A message of the peer's does not come whole in time."""
        stream.abort(Status(Code.DEADLINE_EXCEEDED, "a message did not come whole in time"))

    def _waits_for_frame(self) -> bool:
        """Whether a frame is under way; each that ends sets the timer back, and a trickle of bytes does not."""
        return bool(self._unparsed or self._data_left) and not self.output.choked and not self._yielded

    def _waits_for_reader(self) -> bool:
        """Whether the peer holds back our output; what it has taken of it since the last look sets its timer back."""
        transport = self.output.transport
        if not self.output.paused or transport is None:
            return False
        size = unsent(transport)
        if size < self._unread_output:
            self._reader_timer.since = None
        self._unread_output = size
        return True

    # The end.

    def let_go(self) -> None:
        """Write and read no more, without a callback: the loop is gone, or this is the child of a fork."""
        self._closed = True
        self._unparsed = b""
        self.output.clear()

    def abort(self, reason: str) -> None:
        """End the connection without another word."""
        transport = self.output.transport
        self._end(reason)
        if transport is not None:
            transport.abort()

    def fail(self, code: ErrorCode, reason: str) -> None:
        """End the connection for the peer's fault: GOAWAY, then close."""
        self.output.write(frames.goaway(self._last_id, code, reason))
        self.close(reason)

    def close(self, reason: str) -> None:
        """Hand over what is gathered and close; streams that are left end with the reason."""
        if self._closed:
            return
        self.output.flush()
        transport = self.output.transport
        self._end(reason)
        if transport is not None:
            left = transport.get_write_buffer_size()
            transport.close()
            if left:
                # A peer that reads nothing must not keep a closed connection.
                self._loop.call_later(self._config.write_timeout, transport.abort)

    def _end(self, reason: str) -> None:
        if self._closed:
            return
        self._closed = True
        self._unparsed = b""
        self._unfinished = None
        self.output.clear()
        self._lose_streams(reason)

    def _lose_streams(self, reason: str) -> None:
        """End the streams that are left."""
        for stream in tuple(self._streams.values()):
            self.forget(stream)
            stream.on_lost(reason)
        self._on_closed(reason)
