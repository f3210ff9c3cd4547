"""The frames that carry no call (RFC 9113 section 6), checked and read: PING, GOAWAY, WINDOW_UPDATE and the others.

What a connection does about each is in `connection`; SETTINGS are in `settings`.
"""

from prism.wire.http2.frames import LARGEST_WINDOW, UINT32, ConnectionFault, ErrorCode, StreamFault


def require_stream_zero(name: str, stream_id: int) -> None:
    """Raise `ConnectionFault` where a frame that concerns the whole connection names a stream."""
    if stream_id:
        raise ConnectionFault(
            ErrorCode.PROTOCOL_ERROR,
            f"HTTP/2 protocol error: the peer sent {name} on stream {stream_id}; it belongs to stream 0",
        )


def read_window_update(payload: bytes) -> int:
    """The increment; zero, which is a fault of the stream or of the connection, included."""
    if len(payload) != 4:
        raise ConnectionFault(
            ErrorCode.FRAME_SIZE_ERROR,
            f"HTTP/2 protocol error: the peer sent a WINDOW_UPDATE of {len(payload)} bytes, not of 4",
        )
    increment: int = UINT32.unpack(payload)[0] & LARGEST_WINDOW
    return increment


def check_ping(payload: bytes) -> None:
    """Raise `ConnectionFault` where it is too short or too long."""
    if len(payload) != 8:
        raise ConnectionFault(
            ErrorCode.FRAME_SIZE_ERROR, f"HTTP/2 protocol error: the peer sent a PING of {len(payload)} bytes, not of 8"
        )


def read_reset(payload: bytes) -> ErrorCode:
    """The code of a RST_STREAM; one that RFC 9113 does not know is INTERNAL_ERROR (section 7)."""
    if len(payload) != 4:
        raise ConnectionFault(
            ErrorCode.FRAME_SIZE_ERROR,
            f"HTTP/2 protocol error: the peer sent a RST_STREAM of {len(payload)} bytes, not of 4",
        )
    number = UINT32.unpack(payload)[0]
    return ErrorCode(number) if number <= ErrorCode.HTTP_1_1_REQUIRED else ErrorCode.INTERNAL_ERROR


def read_goaway(payload: bytes) -> tuple[int, int, str]:
    """The last stream that the peer takes, its error code, and what it says of the reason, as printable ASCII."""
    if len(payload) < 8:
        raise ConnectionFault(
            ErrorCode.FRAME_SIZE_ERROR,
            f"HTTP/2 protocol error: the peer sent a GOAWAY of {len(payload)} bytes; it has at least 8",
        )
    last_id = UINT32.unpack_from(payload)[0] & LARGEST_WINDOW
    return last_id, UINT32.unpack_from(payload, 4)[0], ascii(payload[8:264].decode("latin-1"))[1:-1]


def read_priority(stream_id: int, payload: bytes) -> int:
    """The stream that this one is to depend on; otherwise priorities are ignored (RFC 9113 section 5.3.2)."""
    if not stream_id:
        raise ConnectionFault(
            ErrorCode.PROTOCOL_ERROR,
            "HTTP/2 protocol error: the peer sent PRIORITY on stream 0; it needs another stream",
        )
    if len(payload) != 5:
        raise StreamFault(
            stream_id,
            ErrorCode.FRAME_SIZE_ERROR,
            f"HTTP/2 protocol error: the peer sent a PRIORITY of {len(payload)} bytes, not of 5",
        )
    depends_on: int = UINT32.unpack_from(payload)[0] & LARGEST_WINDOW
    return depends_on
