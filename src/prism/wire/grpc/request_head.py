"""What a request's header fields say, read in one pass (RFC 9113 section 8.3, gRPC PROTOCOL-HTTP2.md "Requests")."""

from dataclasses import dataclass
from typing import Any

from prism.wire.grpc.fields import (
    ACCEPT_ENCODING,
    AUTHORITY,
    BAD_TIMEOUT,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    CUSTOM,
    CUSTOM_MANY,
    ENCODING,
    LAST_PSEUDO,
    MALFORMED,
    METHOD,
    PATH,
    SCHEME,
    STATUS,
    TIMEOUT,
    Fields,
)
from prism.wire.grpc.metadata import Metadata, Value
from prism.wire.http2.frames import ErrorCode, StreamFault

FOR_HANDLERS = frozenset({b"grpc-timeout", b"grpc-encoding"})
"""Fields that handlers of plain requests read themselves: gRPC-Web has them, and is not the transport's."""
_NONE: list[None] = [None] * (MALFORMED + 1)


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
    found: list[Any] = _NONE.copy()
    custom: list[tuple[str, Value]] = []
    regular = False
    for pair in pairs:
        kind, value = known[pair]
        if kind == CUSTOM:
            custom.append(value)
            regular = True
        elif kind > LAST_PSEUDO:
            regular = True
            if kind == CONTENT_LENGTH and found[kind] not in (None, value):
                raise _malformed(stream_id, "the client sent two different content-lengths")
            if kind == CUSTOM_MANY:
                custom.extend(value)
            found[kind] = value
        elif regular or found[kind] is not None:
            raise _malformed(
                stream_id, "the client sent a pseudo-header field, such as :path, twice or after other fields"
            )
        else:
            found[kind] = value
    path = found[PATH]
    seconds = found[TIMEOUT]
    if (
        path
        and found[METHOD] == "POST"
        and found[SCHEME]
        and found[CONTENT_TYPE] is True
        and seconds != BAD_TIMEOUT
        and found[MALFORMED] is found[STATUS] is found[ENCODING] is found[CONTENT_LENGTH] is None
    ):
        return path, seconds, Metadata.from_wire(tuple(custom)), found[ACCEPT_ENCODING] is True, None
    return _read_unusual(stream_id, found, custom, pairs)


def _read_unusual(
    stream_id: int, found: list[Any], custom: list[tuple[str, Value]], pairs: tuple[tuple[bytes, bytes], ...]
) -> RequestHead:
    if found[MALFORMED] is not None:
        raise _malformed(stream_id, found[MALFORMED])
    if not found[PATH] or not found[METHOD] or not found[SCHEME] or found[STATUS] is not None:
        raise _malformed(stream_id, "the client must send :method, :scheme and :path, and no :status")
    kind = found[CONTENT_TYPE]
    length = found[CONTENT_LENGTH]
    unusual = Unusual(
        grpc=kind is True,
        bad_timeout=found[TIMEOUT] == BAD_TIMEOUT,
        encoding=None if found[ENCODING] == "identity" else found[ENCODING],
        content_length=-1 if length is None else length,
        method=found[METHOD],
        scheme=found[SCHEME],
    )
    unusual.http = kind is not True or unusual.method != "POST"
    if unusual.http:
        custom += [(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs if name in FOR_HANDLERS]
        if isinstance(kind, str):
            custom.insert(0, ("content-type", kind))
        if found[AUTHORITY] and not any(name == "host" for name, _ in custom):
            custom.insert(0, ("host", found[AUTHORITY]))
    metadata = Metadata.from_wire(tuple(custom))
    return found[PATH], found[TIMEOUT], metadata, found[ACCEPT_ENCODING] is True, unusual


def _malformed(stream_id: int, reason: str) -> StreamFault:
    return StreamFault(
        stream_id, ErrorCode.PROTOCOL_ERROR, f"HTTP/2 protocol error: malformed request on stream {stream_id}: {reason}"
    )
