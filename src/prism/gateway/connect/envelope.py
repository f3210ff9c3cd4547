"""The framing of streams: a byte of flags, four of length, and the message.

Source: connectrpc.com/docs/protocol, "Streaming-Request".
"""

import struct
from collections.abc import Iterator

from prism.errors import InternalError, InvalidArgument, LimitExceeded, Unimplemented
from prism.gateway.connect.incoming import IDENTITY, check_encoding
from prism.reason import Reason

_HEAD = struct.Struct(">BI")
HEAD_SIZE = _HEAD.size
COMPRESSED = 1
END_STREAM = 2


def enveloped(message: bytes, flags: int = 0) -> bytes:
    """The message in its envelope."""
    return _HEAD.pack(flags, len(message)) + message


def one_message(body: bytes, encoding: str, limit: int) -> tuple[bytes, str]:
    """The message of a body that must hold exactly one; takes and raises what `messages` does."""
    ((message, compression),) = messages(body, encoding, limit)
    return message, compression


def messages(body: bytes, encoding: str, limit: int, *, many: bool = False) -> Iterator[tuple[bytes, str]]:
    """The messages of a body, which must hold exactly one envelope but for `many`, and their compression.

    Args:
        body: the envelope.
        encoding: what messages that are compressed are compressed with, by the request's headers.
        limit: most bytes of the message.
        many: it may hold any number.

    Raises:
        Unimplemented: it holds none or more than one, or the encoding is not known.
        InvalidArgument: it holds something else.
        LimitExceeded: the message is longer than the limit.
        InternalError: it is compressed, and the headers do not say how.
    """
    check_encoding(encoding)
    if not body and not many:
        raise _one_message("no message came")
    start = 0
    while start < len(body):
        message, compression = _message(body, start, encoding, limit)
        start += _HEAD.size + len(message)
        if start < len(body) and not many:
            raise _one_message(f"the envelope announces {len(message)} bytes and {len(body) - _HEAD.size} follow")
        yield message, compression


def _message(body: bytes, start: int, encoding: str, limit: int) -> tuple[bytes, str]:
    """The message of the envelope that begins there, and its compression; empty for none."""
    left = len(body) - start
    if left < _HEAD.size:
        raise InvalidArgument(
            f"the body has {left} bytes; send one message in an envelope (a byte of flags, four of length, the message)"
        )
    flags, length = _HEAD.unpack_from(body, start)
    if flags & ~COMPRESSED:
        raise InvalidArgument(f"the envelope's flags are {flags:#04x}; a request may set 0x01 (compressed) only")
    if length > limit:
        raise LimitExceeded(
            f"the message has {length} bytes, over the limit of {limit}; send less at once",
            reason=Reason.MESSAGE_TOO_LARGE,
        )
    found = left - _HEAD.size
    if found < length:
        raise InvalidArgument(f"the envelope announces {length} bytes and {found} follow; send all of the message")
    start += _HEAD.size
    message = body[start : start + length]
    if not flags & COMPRESSED:
        return message, ""
    if encoding in ("", IDENTITY):
        raise InternalError(
            "the message is compressed by its flag, and no header says how; name the encoding, or do not set the flag",
            reason=Reason.MALFORMED_REQUEST,
        )
    return message, encoding


def _one_message(found: str) -> Unimplemented:
    """The refusal of another number of messages, with the code that gRPC has for it (grpc/doc/statuscodes.md)."""
    error = Unimplemented(f"{found}; this operation takes exactly one message")
    error.reason = Reason.MALFORMED_REQUEST
    return error
