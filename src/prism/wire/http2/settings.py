"""SETTINGS (RFC 9113 section 6.5): how the frame reads and is written, and what each of our ends says first."""

import struct
from typing import Final

from prism.wire.config import ChannelConfig, ConnectionConfig, ServerConfig
from prism.wire.http2 import frames
from prism.wire.http2.frames import (
    DEFAULT_FRAME_SIZE,
    DEFAULT_WINDOW,
    LARGEST_FRAME_SIZE,
    LARGEST_WINDOW,
    PREFACE,
    ConnectionFault,
    ErrorCode,
)

SETTING: Final = struct.Struct(">HL")

HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6
ANSWERS_ITSELF: Final = 0xFF50
"""Of our own, from those for experiments: this end is the one that answers. No proxy passes a setting on."""

ACKNOWLEDGEMENT: Final = frames.frame(frames.SETTINGS, frames.ACK, 0)

_MAX_SETTINGS: Final = 32  # as in nghttp2: RFC 9113 knows six


def encode_settings(values: dict[int, int]) -> bytes:
    """A SETTINGS frame."""
    return frames.frame(frames.SETTINGS, 0, 0, b"".join(SETTING.pack(key, value) for key, value in values.items()))


def decode_settings(payload: bytes) -> dict[int, int]:
    """The values of a SETTINGS frame, checked; of one that comes twice the last counts. Raises `ConnectionFault`."""
    if len(payload) % 6:
        raise ConnectionFault(
            ErrorCode.FRAME_SIZE_ERROR,
            f"HTTP/2 protocol error: the peer sent SETTINGS of {len(payload)} bytes, which is not a multiple of 6",
        )
    if len(payload) > 6 * _MAX_SETTINGS:
        raise ConnectionFault(
            ErrorCode.ENHANCE_YOUR_CALM,
            f"HTTP/2 protocol error: the peer sent more than {_MAX_SETTINGS} settings in one frame",
        )
    values: dict[int, int] = dict(SETTING.iter_unpack(payload))
    if values.get(INITIAL_WINDOW_SIZE, 0) > LARGEST_WINDOW:
        raise ConnectionFault(
            ErrorCode.FLOW_CONTROL_ERROR,
            f"HTTP/2 protocol error: the peer set INITIAL_WINDOW_SIZE above {LARGEST_WINDOW}",
        )
    if not DEFAULT_FRAME_SIZE <= values.get(MAX_FRAME_SIZE, DEFAULT_FRAME_SIZE) <= LARGEST_FRAME_SIZE:
        allowed = f"{DEFAULT_FRAME_SIZE} to {LARGEST_FRAME_SIZE}"
        raise ConnectionFault(
            ErrorCode.PROTOCOL_ERROR, f"HTTP/2 protocol error: the peer set MAX_FRAME_SIZE outside the range {allowed}"
        )
    if values.get(ENABLE_PUSH, 0) > 1:
        raise ConnectionFault(
            ErrorCode.PROTOCOL_ERROR, "HTTP/2 protocol error: the peer set ENABLE_PUSH to another value than 0 or 1"
        )
    return values


def server_opening(config: ServerConfig) -> bytes:
    """The frames that every connection of a server begins with."""
    return _opening({MAX_CONCURRENT_STREAMS: config.max_concurrent_streams, ANSWERS_ITSELF: 1}, config)


def client_opening(config: ChannelConfig) -> bytes:
    """The preface and the frames that every connection of a channel begins with."""
    return PREFACE + _opening({ENABLE_PUSH: 0}, config)


def _opening(own: dict[int, int], config: ConnectionConfig) -> bytes:
    shared = {
        MAX_HEADER_LIST_SIZE: config.max_header_list_size,
        INITIAL_WINDOW_SIZE: config.initial_stream_window,
        MAX_FRAME_SIZE: config.max_frame_size,
    }
    opening = encode_settings(own | shared)
    if config.connection_window > DEFAULT_WINDOW:
        opening += frames.window_update(0, config.connection_window - DEFAULT_WINDOW)
    return opening
