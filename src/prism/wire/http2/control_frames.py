"""The frames that carry no call: SETTINGS, PING, GOAWAY, WINDOW_UPDATE, RST_STREAM, PRIORITY (RFC 9113 section 6)."""

import asyncio
from typing import Final

from prism.wire.config import ConnectionConfig
from prism.wire.http2 import frames
from prism.wire.http2.flood_budget import Patience
from prism.wire.http2.frames import (
    DEFAULT_FRAME_SIZE,
    LARGEST_FRAME_SIZE,
    LARGEST_WINDOW,
    SETTING,
    UINT32,
    ConnectionFault,
    ErrorCode,
    StreamFault,
)
from prism.wire.http2.output import Output, S

_MOST_SETTINGS: Final = 32  # as in nghttp2: RFC 9113 knows six
_STREAMS_CREDIT: Final = 16  # streams whose window changes that cost as much as a frame that carries nothing


class Control(Output[S]):
    """What a connection's two ends settle between them, and the patience that limits how often."""

    def __init__(self, config: ConnectionConfig, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(config, loop)
        self._streams: dict[int, S] = {}
        self._settled = False  # the peer has acknowledged our SETTINGS
        self._peer_max_streams = LARGEST_WINDOW
        self._peer_max_header_list = LARGEST_WINDOW
        self._patience = Patience(config.flood_allowance, config.flood_refill)
        self._completed = 0  # calls

    def forget(self, stream: S) -> None:
        """Drop a stream that has ended, with all it still wanted to send."""
        raise NotImplementedError

    def _is_idle_id(self, stream_id: int) -> bool:
        """Whether the stream has never been opened."""
        raise NotImplementedError

    def _on_settings(self) -> None:
        """The peer's settings have changed."""

    def _on_goaway(self, last_id: int, code: int, reason: str) -> None:
        """The peer takes no streams above `last_id`, or wants none from us."""

    def _on_pong(self, payload: bytes) -> None:
        """The peer answered a PING."""

    def _charge(self, cost: int = 1) -> None:
        """Count a frame that costs us work and carries none."""
        if not self._patience.charge(self._completed, cost):
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many frames that ask for work and carry none")

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
        self._charge()
        if flags & frames.ACK:
            if payload:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "an acknowledgement of SETTINGS is empty")
            self._settled = True
            return
        if len(payload) % 6:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS come in sixes of bytes")
        if len(payload) > 6 * _MOST_SETTINGS:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, f"more than {_MOST_SETTINGS} settings in a frame")
        # Of a setting that comes twice the last counts.
        values: dict[int, int] = dict(SETTING.iter_unpack(payload))
        if frames.INITIAL_WINDOW_SIZE in values:
            # A window's change is work for every stream.
            self._charge(len(self._streams) // _STREAMS_CREDIT)
        for key, value in values.items():
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
        self._charge()
        if flags & frames.ACK:
            self._on_pong(payload)
            return
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
        self._charge()
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
