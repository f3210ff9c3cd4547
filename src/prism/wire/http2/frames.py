"""HTTP/2 frames (RFC 9113 sections 4 and 6): names, layouts, and the bytes of those that Prism sends.

Reading has no object per frame: `Connection.data_received` unpacks nine bytes at a time with `FRAME_HEAD`.
"""

import enum
import struct
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

# Length (16 high bits, 8 low), type, flags, stream identifier.
FRAME_HEAD: Final = struct.Struct(">HBBBL")
MESSAGE_HEAD: Final = struct.Struct(">BL")  # gRPC's length-prefixed message: compressed flag, length
UINT32: Final = struct.Struct(">L")

DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
HAS_PRIORITY: Final = 0x20

DEFAULT_WINDOW: Final = 65_535
DEFAULT_FRAME_SIZE: Final = 16_384
LARGEST_FRAME_SIZE: Final = (1 << 24) - 1
LARGEST_WINDOW: Final = (1 << 31) - 1


class ErrorCode(enum.IntEnum):
    """HTTP/2 error codes (RFC 9113 section 7)."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class ConnectionFault(Exception):
    """The peer broke the protocol beyond repair: GOAWAY with this code, then close."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class StreamFault(Exception):
    """The peer broke the protocol on one stream: RST_STREAM with this code, the connection goes on."""

    def __init__(self, stream_id: int, code: ErrorCode, reason: str) -> None:
        super().__init__(stream_id, code, reason)
        self.stream_id = stream_id
        self.code = code
        self.reason = reason


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """One whole frame."""
    length = len(payload)
    return FRAME_HEAD.pack(length >> 8, length & 0xFF, kind, flags, stream_id) + payload


def window_update(stream_id: int, increment: int) -> bytes:
    """A WINDOW_UPDATE frame; stream 0 is the connection."""
    return frame(WINDOW_UPDATE, 0, stream_id, UINT32.pack(increment))


def rst_stream(stream_id: int, code: ErrorCode) -> bytes:
    """A RST_STREAM frame."""
    return frame(RST_STREAM, 0, stream_id, UINT32.pack(code))


def goaway(last_stream_id: int, code: ErrorCode, reason: str = "") -> bytes:
    """A GOAWAY frame; the reason travels as debug data."""
    return frame(GOAWAY, 0, 0, UINT32.pack(last_stream_id) + UINT32.pack(code) + reason.encode()[:256])


def headers(stream_id: int, block: bytes, *, end_stream: bool, max_frame_size: int) -> bytes:
    """A header block as HEADERS and, where it is longer than a frame, CONTINUATION."""
    flags = END_STREAM if end_stream else 0
    if len(block) <= max_frame_size:
        return frame(HEADERS, flags | END_HEADERS, stream_id, block)
    out = [frame(HEADERS, flags, stream_id, block[:max_frame_size])]
    for start in range(max_frame_size, len(block), max_frame_size):
        piece = block[start : start + max_frame_size]
        last = start + max_frame_size >= len(block)
        out.append(frame(CONTINUATION, END_HEADERS if last else 0, stream_id, piece))
    return b"".join(out)


def unpad(data: bytes, start: int, stop: int) -> tuple[int, int]:
    """Where the content of a padded frame lies. Raises `ConnectionFault` where it has more padding than room."""
    if start == stop:
        raise ConnectionFault(
            ErrorCode.FRAME_SIZE_ERROR,
            "HTTP/2 protocol error: the peer sent a padded frame without the length of its padding",
        )
    pad = data[start]
    if pad >= stop - start:
        raise ConnectionFault(
            ErrorCode.PROTOCOL_ERROR,
            "HTTP/2 protocol error: the peer sent a frame whose padding is longer than the frame",
        )
    return start + 1, stop - pad
