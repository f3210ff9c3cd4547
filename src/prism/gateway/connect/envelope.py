"""The framing of streams: a byte of flags, four of length, and the message.

Source: connectrpc.com/docs/protocol, "Streaming-Request".
"""

import struct

from prism.errors import InvalidArgument

_HEAD = struct.Struct(">BI")
HEAD_SIZE = _HEAD.size
COMPRESSED = 1
END_STREAM = 2


def enveloped(message: bytes, flags: int = 0) -> bytes:
    """The message in its envelope."""
    return _HEAD.pack(flags, len(message)) + message


def only_message(body: bytes) -> tuple[int, bytes]:
    """The flags and the message of a body that must hold exactly one envelope.

    Raises:
        InvalidArgument: it holds none, more than one, or something else.
    """
    if len(body) < _HEAD.size:
        raise InvalidArgument(
            f"the body has {len(body)} bytes; send one message in an envelope "
            "(a byte of flags, four of length, the message)"
        )
    flags, length = _HEAD.unpack_from(body)
    if flags & ~COMPRESSED:
        raise InvalidArgument(f"the envelope's flags are {flags:#04x}; a request may set 0x01 (compressed) only")
    found = len(body) - _HEAD.size
    if found != length:
        raise InvalidArgument(f"the envelope announces {length} bytes and {found} follow; send exactly one message")
    return flags, body[_HEAD.size :]
