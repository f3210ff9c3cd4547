"""Header blocks (RFC 9113 section 4.3) that come in more than one plain frame, and what refused ones may cost.

The one HEADERS frame that most blocks are never gets here: the frame loop passes it on by itself.
"""

from typing import Final

from prism.wire.config import ConnectionConfig
from prism.wire.hpack.decoder import HeaderListTooLarge
from prism.wire.http2 import frames
from prism.wire.http2.frames import HAS_PRIORITY, LARGEST_WINDOW, PADDED, UINT32, ConnectionFault, ErrorCode, unpad
from prism.wire.http2.keepalive import StallTimer

_SLACK: Final = 4  # a block this many times the list limit is hostile, not just too large
_BLOCK_CREDIT: Final = 1 << 10  # bytes of a block that is refused, and of what it stands for, that cost as much as
_LIST_CREDIT: Final = 1 << 16  # a frame that carries nothing

HeaderFields = tuple[tuple[bytes, bytes], ...]


class UnfinishedBlock:
    """A header block whose CONTINUATION frames have not all come."""

    __slots__ = ("_fragments", "_limit", "end_stream", "size", "stream_id", "timer")

    def __init__(self, stream_id: int, end_stream: int, fragment: bytes, config: ConnectionConfig) -> None:
        self.stream_id = stream_id
        self.end_stream = end_stream
        self.size = len(fragment)
        self.timer = StallTimer(config.header_timeout)
        self._limit = _SLACK * config.max_header_list_size
        self._fragments = [fragment]

    def add(self, kind: int, stream_id: int, fragment: bytes) -> None:
        """Take the next frame of the connection. Raises `ConnectionFault` where it does not continue the block."""
        if kind != frames.CONTINUATION or stream_id != self.stream_id:
            raise ConnectionFault(
                ErrorCode.PROTOCOL_ERROR,
                "HTTP/2 protocol error: the peer sent another frame before it ended the header block of stream "
                f"{self.stream_id}",
            )
        self._fragments.append(fragment)
        self.size += len(fragment)
        if self.size > self._limit:
            raise ConnectionFault(
                ErrorCode.ENHANCE_YOUR_CALM,
                f"HTTP/2 protocol error: the peer sent a header block over the limit of {self._limit} bytes",
            )

    def joined(self) -> bytes:
        """The whole block."""
        return b"".join(self._fragments)


def first_fragment(flags: int, payload: bytes) -> tuple[bytes, int]:
    """What a HEADERS frame carries without padding and priority, and the stream that its own is to depend on (or 0)."""
    start, stop = unpad(payload, 0, len(payload)) if flags & PADDED else (0, len(payload))
    if not flags & HAS_PRIORITY:
        return payload[start:stop], 0
    if stop - start < 5:
        raise ConnectionFault(
            ErrorCode.FRAME_SIZE_ERROR,
            "HTTP/2 protocol error: the peer sent a HEADERS frame too short for its priority fields",
        )
    return payload[start + 5 : stop], UINT32.unpack_from(payload, start)[0] & LARGEST_WINDOW


def refused_cost(block: bytes, error: HeaderListTooLarge) -> int:
    """How many frames that carry nothing a refused block counts as.

    A byte may stand for kilobytes, and a block for thousands of fields: each is work.
    """
    return 1 + len(block) // _BLOCK_CREDIT + error.size // _LIST_CREDIT
