"""What a request's header fields say, read in one pass (RFC 9113 section 8.3, gRPC PROTOCOL-HTTP2.md "Requests")."""

from dataclasses import dataclass

from prism.wire import fields as kinds
from prism.wire.fields import Fields
from prism.wire.frames import ErrorCode, StreamFault
from prism.wire.metadata import Metadata, Value

_REGULAR = 1 << 8


@dataclass(slots=True)
class Unusual:
    """What the head of a plain gRPC call does not have."""

    http: bool = False
    grpc: bool = True
    bad_timeout: bool = False
    encoding: str | None = None
    content_length: int = -1
    method: str = "POST"
    scheme: str = "http"


# Path, time-out in seconds, metadata, whether gzip is welcome, and what is unusual: a plain tuple, made for each call.
RequestHead = tuple[str, float | None, Metadata, bool, Unusual | None]


def read_request(stream_id: int, pairs: tuple[tuple[bytes, bytes], ...], known: Fields) -> RequestHead:
    """Read a request's fields. Raises `StreamFault` where they are malformed."""
    path = method = scheme = authority = ""
    seconds: float | None = None
    gzip = grpc = bad_timeout = False
    encoding: str | None = None
    content_length = -1
    seen = 0
    custom: list[tuple[str, Value]] = []
    for pair in pairs:
        kind, value = known[pair]
        if kind == kinds.CUSTOM:
            custom.append(value)
            seen |= _REGULAR
        elif kind <= kinds.LAST_PSEUDO:
            if seen & (_REGULAR | 1 << kind):
                raise _malformed(stream_id, "a pseudo-header field out of place or twice")
            seen |= 1 << kind
            if kind == kinds.PATH:
                path = value
            elif kind == kinds.METHOD:
                method = value
            elif kind == kinds.SCHEME:
                scheme = value
            elif kind == kinds.AUTHORITY:
                authority = value
            else:
                raise _malformed(stream_id, ":status in a request")
        else:
            seen |= _REGULAR
            if kind == kinds.CONTENT_TYPE:
                grpc = value
                if not grpc:
                    custom.append(("content-type", pair[1].decode("latin-1")))
            elif kind == kinds.TIMEOUT:
                seconds = value
                bad_timeout = value is None
            elif kind == kinds.ACCEPT_ENCODING:
                gzip = value
            elif kind == kinds.ENCODING:
                encoding = None if value == "identity" else value
            elif kind == kinds.CONTENT_LENGTH:
                if content_length not in (-1, value):
                    raise _malformed(stream_id, "two content-lengths")
                content_length = value
            elif kind == kinds.CUSTOM_MANY:
                custom.extend(value)
            elif kind == kinds.MALFORMED:
                raise _malformed(stream_id, value)
    if not path or not method or not scheme:
        raise _malformed(stream_id, ":method, :scheme and :path are required")
    metadata = Metadata.from_wire(tuple(custom))
    if grpc and method == "POST" and encoding is None and content_length < 0 and not bad_timeout:
        return path, seconds, metadata, gzip, None
    http = not grpc or method != "POST"
    if http and authority and "host" not in metadata:
        metadata = Metadata.from_wire((("host", authority), *custom))
    return (
        path,
        seconds,
        metadata,
        gzip,
        Unusual(http, grpc, bad_timeout, encoding, content_length, method, scheme),
    )


def _malformed(stream_id: int, reason: str) -> StreamFault:
    return StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, f"malformed request: {reason}")
