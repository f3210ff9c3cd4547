"""Message compression: gzip, with a bound on what a compressed message may become.

Source: gRPC compression.md. `identity` and `gzip` are all that stock clients use.
"""

import zlib

GZIP = "gzip"
ACCEPTED = b"identity,gzip"
_GZIP_FORM = 31
_LEVEL = 1  # on the path of a call, time is dearer than the last few bytes


class TooLarge(Exception):
    """The message would grow past the limit."""


def compress(message: bytes) -> bytes:
    """Compress one message."""
    return zlib.compress(message, _LEVEL, wbits=_GZIP_FORM)


def decompress(message: bytes, limit: int) -> bytes:
    """Decompress one message of at most `limit` bytes.

    Raises `TooLarge` where it would become longer, without making it, and `ValueError` where it is not gzip.
    """
    stream = zlib.decompressobj(wbits=_GZIP_FORM)
    try:
        plain = stream.decompress(message, limit + 1)
    except zlib.error as error:
        raise ValueError(f"the compressed message is not valid gzip: {error}") from error
    if len(plain) > limit:
        raise TooLarge
    if not stream.eof or stream.unused_data:
        raise ValueError("the compressed message is not valid gzip: it is cut short, or more bytes follow it")
    return plain
