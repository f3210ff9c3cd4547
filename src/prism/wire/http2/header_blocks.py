"""Header blocks (RFC 9113 section 4.3): HEADERS with padding and priority, CONTINUATION, and what they may cost."""

import asyncio
from typing import Final

from prism.wire.config import ConnectionConfig
from prism.wire.hpack.decoder import Decoder, HeaderListTooLarge, HpackError
from prism.wire.http2 import frames
from prism.wire.http2.frames import (
    END_HEADERS,
    END_STREAM,
    HAS_PRIORITY,
    LARGEST_WINDOW,
    PADDED,
    UINT32,
    ConnectionFault,
    ErrorCode,
    StreamFault,
)
from prism.wire.http2.keepalive import Health
from prism.wire.http2.output import S
from prism.wire.http2.receiving import unpad

_SLACK: Final = 4  # a block this many times the list limit is hostile, not just too large
_BLOCK_CREDIT: Final = 1 << 10  # bytes of a block that is refused, and of what it stands for, that cost as much as
_LIST_CREDIT: Final = 1 << 16  # a frame that carries nothing

HeaderFields = tuple[tuple[bytes, bytes], ...]


class HeaderBlocks(Health[S]):
    """From a block's frames to its fields. The one frame that most blocks are is passed on by the frame loop itself."""

    def __init__(self, config: ConnectionConfig, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(config, loop)
        self._decoder = Decoder(max_list_size=config.max_header_list_size)
        self._fragment_head = (0, 0)
        self._fragment_size = 0

    def _on_headers(self, stream_id: int, end_stream: int, block: bytes) -> None:
        """Take a block that is complete."""
        raise NotImplementedError

    def _decode(self, stream_id: int, block: bytes) -> HeaderFields | None:
        """The fields of a block; None where they are more than we take."""
        try:
            return self._decoder.decode(block)
        except HeaderListTooLarge as error:
            # A byte may stand for kilobytes, and a block for thousands of fields: each is work.
            self._charge(1 + len(block) // _BLOCK_CREDIT + error.size // _LIST_CREDIT)
            return None
        except HpackError as error:
            raise ConnectionFault(ErrorCode.COMPRESSION_ERROR, f"stream {stream_id}: {error}") from error

    def _begin_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        """A HEADERS frame with padding, priority or CONTINUATION behind it."""
        start, stop = unpad(payload, 0, len(payload)) if flags & PADDED else (0, len(payload))
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
        if self._fragment_size > _SLACK * self._config.max_header_list_size:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "the header block is far too large")
        if flags & END_HEADERS:
            self._end_headers()

    def _end_headers(self) -> None:
        fragments = self._fragments
        self._fragments = None
        self._fragments_since = None
        stream_id, end_stream = self._fragment_head
        self._on_headers(stream_id, end_stream, b"".join(fragments or ()))
