"""The frames that carry no call (RFC 9113 section 6), checked and read: PING, GOAWAY, WINDOW_UPDATE and the others.

What a connection does about each is in `connection`; SETTINGS are in `settings`.
"""

from prism.wire.http2.frames import LARGEST_WINDOW, UINT32, ConnectionFault, ErrorCode, StreamFault


def require_stream_zero(name: str, stream_id: int) -> None:
    """Raise `ConnectionFault` where a frame that concerns the whole connection names a stream."""
    if stream_id:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"{name} belongs to stream 0")


def read_window_update(payload: bytes) -> int:
    """The increment; zero, which is a fault of the stream or of the connection, included."""
    if len(payload) != 4:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE has 4 bytes")
    increment: int = UINT32.unpack(payload)[0] & LARGEST_WINDOW
    return increment


def check_ping(payload: bytes) -> None:
    """Raise `ConnectionFault` where it is too short or too long."""
    if len(payload) != 8:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "PING has 8 bytes")


def read_reset(payload: bytes) -> ErrorCode:
    """The code of a RST_STREAM; one that RFC 9113 does not know is INTERNAL_ERROR (section 7)."""
    if len(payload) != 4:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM has 4 bytes")
    number = UINT32.unpack(payload)[0]
    return ErrorCode(number) if number <= ErrorCode.HTTP_1_1_REQUIRED else ErrorCode.INTERNAL_ERROR


def read_goaway(payload: bytes) -> tuple[int, int, str]:
    """The last stream that the peer takes, its error code, and what it says of the reason, as printable ASCII."""
    if len(payload) < 8:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY has at least 8 bytes")
    last_id = UINT32.unpack_from(payload)[0] & LARGEST_WINDOW
    return last_id, UINT32.unpack_from(payload, 4)[0], ascii(payload[8:264].decode("latin-1"))[1:-1]


def read_priority(stream_id: int, payload: bytes) -> int:
    """The stream that this one is to depend on; otherwise priorities are ignored (RFC 9113 section 5.3.2)."""
    if not stream_id:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PRIORITY needs a stream")
    if len(payload) != 5:
        raise StreamFault(stream_id, ErrorCode.FRAME_SIZE_ERROR, "PRIORITY has 5 bytes")
    depends_on: int = UINT32.unpack_from(payload)[0] & LARGEST_WINDOW
    return depends_on
