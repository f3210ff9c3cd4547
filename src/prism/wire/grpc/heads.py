"""The header blocks that Prism sends, and the whole of a plain unary reply: constant bytes wherever they can be.

None of them touches the peer's dynamic table, so they may be sent in any order, kept for ever and shared by all
connections.
"""

import struct
from collections.abc import Callable
from typing import Final

from prism.wire.grpc.compression import ACCEPTED
from prism.wire.grpc.metadata import Metadata, encode_binary
from prism.wire.grpc.status import Code, Status, encode_message
from prism.wire.hpack.encoder import encode, encode_literal
from prism.wire.http2.frames import END_HEADERS, END_STREAM, FRAME_HEAD, HEADERS
from prism.wire.native import native

_STATUS_200: Final = b"\x88"
RESPONSE_HEAD: Final = _STATUS_200 + encode_literal(b"content-type", b"application/grpc")
TRAILERS_OK: Final = encode_literal(b"grpc-status", b"0")
GZIP_HEAD: Final = RESPONSE_HEAD + encode_literal(b"grpc-encoding", b"gzip")
TOO_LARGE_HEAD: Final = encode([(b":status", b"431"), (b"content-type", b"application/grpc")])
NOT_POST_HEAD: Final = encode([(b":status", b"405"), (b"allow", b"POST"), (b"content-type", b"application/grpc")])
NOT_GRPC_HEAD: Final = encode([(b":status", b"415"), (b"content-type", b"application/grpc")])
ACCEPT_ENCODING: Final = encode_literal(b"grpc-accept-encoding", ACCEPTED)

_MAX_MESSAGE: Final = 4096  # characters; stock clients refuse header lists over 8 KiB
_ENTRY: Final = 32  # what RFC 9113 section 6.5.2 adds for each field
_STATUS = {code: encode_literal(b"grpc-status", str(code.value).encode()) for code in Code}


def _frame_prefix(block: bytes, *, end_stream: bool) -> bytes:
    """The first five bytes of a HEADERS frame that holds the whole of a short block."""
    flags = END_HEADERS | (END_STREAM if end_stream else 0)
    return FRAME_HEAD.pack(len(block) >> 8, len(block) & 0xFF, HEADERS, flags, 0)[:5]


def trailers(status: Status, trailing: Metadata, most: int) -> bytes:
    """The block that ends a call, cut down to `most` bytes of header list: first the details go, then the message."""
    if status.code is Code.OK and not trailing and not status.message and not status.details:
        return TRAILERS_OK
    block = _STATUS[status.code]
    room = most - 2 * _ENTRY - len(block)
    own = trailing.encoded()
    if len(own) + _ENTRY * len(trailing) <= room:
        block += own
        room -= len(own) + _ENTRY * len(trailing)
    if status.message:
        message = encode_message(status.message[:_MAX_MESSAGE])
        if len(message) + _ENTRY > room:
            message = encode_message(status.message[: max(0, room - _ENTRY) // 12])
        block += encode_literal(b"grpc-message", message)
        room -= len(message) + _ENTRY
    if status.details:
        details = encode_binary(status.details)
        if len(details) + _ENTRY <= room:
            block += encode_literal(b"grpc-status-details-bin", details)
    return block


# A whole unary reply as bytes: HEADERS, DATA and trailers, constant but for stream, length and message.
_HEAD_FRAME: Final = _frame_prefix(RESPONSE_HEAD, end_stream=False)
_TAIL_FRAME: Final = _frame_prefix(TRAILERS_OK, end_stream=True)
# The frame of the head; the heads of the DATA frame and of the message.
_HEAD_LAYOUT: Final = f"5sL{len(RESPONSE_HEAD)}sHBHLBL"
_TAIL_LAYOUT: Final = f"5sL{len(TRAILERS_OK)}s"
_pack_head = struct.Struct(f">{_HEAD_LAYOUT}").pack
_pack_tail = struct.Struct(f">{_TAIL_LAYOUT}").pack
_SMALL: Final = 1024


class _SmallReplies(dict[int, Callable[..., bytes]]):
    """By the size of its message with head, what packs a small reply as a whole: in 0.7 of the time of its parts."""

    def __missing__(self, size: int) -> Callable[..., bytes]:
        pack = self[size] = struct.Struct(f">{_HEAD_LAYOUT}{size - 5}s{_TAIL_LAYOUT}").pack
        return pack


_small: Final = _SmallReplies()
_packer: Final = None if native is None else native.Packer(RESPONSE_HEAD, TRAILERS_OK)
_MOST_PACKED: Final = 4096  # bytes: a larger message is cheaper to hand on than to copy once more


def append_reply(out: list[bytes | memoryview], stream_id: int, message: bytes) -> None:
    """Append the reply that is `message` and OK; it must fit into one DATA frame."""
    size = len(message) + 5
    if _packer is not None and size <= _MOST_PACKED:
        out.append(_packer.reply(stream_id, message))
        return
    begin = (_HEAD_FRAME, stream_id, RESPONSE_HEAD, size >> 8, size & 0xFF, 0, stream_id, 0, size - 5)
    if size <= _SMALL:
        out.append(_small[size](*begin, message, _TAIL_FRAME, stream_id, TRAILERS_OK))
    else:
        out += (_pack_head(*begin), message, _pack_tail(_TAIL_FRAME, stream_id, TRAILERS_OK))
