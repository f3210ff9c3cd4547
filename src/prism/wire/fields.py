"""Reads single header fields: what each is to gRPC, checked and decoded once, then remembered.

A name and value that HPACK decodes are nearly always ones seen before, so the work of a field (RFC 9113 section
8.2 checks, decoding to text, base64, the time-out) is one dictionary look-up. The memory is bounded and emptied
when full; it holds no more than a peer's headers do anyway.
"""

import re
from typing import Any, Final

from prism.wire.deadline import parse_timeout
from prism.wire.metadata import decode_binary

# Kinds of field. The pseudo-header fields come first: `kind <= LAST_PSEUDO` must stand before all others.
METHOD: Final = 0
SCHEME: Final = 1
PATH: Final = 2
AUTHORITY: Final = 3
STATUS: Final = 4
LAST_PSEUDO: Final = 4
CUSTOM: Final = 5  # value: (str, str or bytes)
CUSTOM_MANY: Final = 6  # value: a tuple of those; a -bin header that joined several
NOTHING: Final = 7  # of no interest here
CONTENT_TYPE: Final = 8  # value: whether it is gRPC
TIMEOUT: Final = 9  # value: seconds; None where malformed
ENCODING: Final = 10
ACCEPT_ENCODING: Final = 11  # value: whether gzip is among them
CONTENT_LENGTH: Final = 12
GRPC_STATUS: Final = 13  # value: bytes
GRPC_MESSAGE: Final = 14  # value: bytes
GRPC_DETAILS: Final = 15  # value: bytes, decoded
MALFORMED: Final = 16  # value: the reason

Field = tuple[int, Any]

_PSEUDO = {b":method": METHOD, b":scheme": SCHEME, b":path": PATH, b":authority": AUTHORITY, b":status": STATUS}
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_CONNECTION_SPECIFIC = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"})
_GRPC = re.compile(r"application/grpc($|[+; ])")
_DIGITS = re.compile(r"[0-9]{1,18}")

_MOST_FIELDS: Final = 4096
_MOST_BYTES: Final = 512  # a longer field is read each time


class Fields(dict[tuple[bytes, bytes], Field]):
    """The remembered fields: `fields[name, value]` reads one."""

    def __missing__(self, pair: tuple[bytes, bytes]) -> Field:
        name, value = pair
        field = _read(name, value)
        if len(name) + len(value) <= _MOST_BYTES:
            if len(self) >= _MOST_FIELDS:
                self.clear()
            self[pair] = field
        return field


def _read(name: bytes, value: bytes) -> Field:
    text = value.decode("latin-1")
    if not text.isprintable() and _CONTROL.search(text):
        return MALFORMED, f"header {_shown(name)} has a control character in its value"
    if value[:1] in (b" ", b"\t") or value[-1:] in (b" ", b"\t"):
        return MALFORMED, f"header {_shown(name)} has white space at an end of its value"
    if name[:1] == b":":
        kind = _PSEUDO.get(name)
        return (MALFORMED, f"{_shown(name)} is no pseudo-header field") if kind is None else (kind, text)
    if not _NAME.fullmatch(name):
        return MALFORMED, f"header name {_shown(name)} is not a lower-case token"
    if name in _CONNECTION_SPECIFIC:
        return MALFORMED, f"header {_shown(name)} has no place in HTTP/2"
    reader = _READERS.get(name)
    if reader is not None:
        return reader(value, text)
    if name.endswith(b"-bin"):
        return _binary(name, value)
    return CUSTOM, (name.decode("ascii"), text)


def _shown(name: bytes) -> str:
    return ascii(name[:64].decode("latin-1"))


def _binary(name: bytes, value: bytes) -> Field:
    key = name.decode("ascii")
    try:
        values = decode_binary(value)
    except ValueError as error:
        return MALFORMED, f"header {key}: {error}"
    if len(values) == 1:
        return CUSTOM, (key, values[0])
    return CUSTOM_MANY, tuple((key, each) for each in values)


def _te(_: bytes, text: str) -> Field:
    return (NOTHING, None) if text == "trailers" else (MALFORMED, "header 'te' may only say 'trailers'")


def _timeout(value: bytes, _: str) -> Field:
    try:
        return TIMEOUT, parse_timeout(value)
    except ValueError:
        return TIMEOUT, None


def _content_length(_: bytes, text: str) -> Field:
    if not _DIGITS.fullmatch(text):
        return MALFORMED, "content-length is no number"
    return CONTENT_LENGTH, int(text)


def _details(value: bytes, _: str) -> Field:
    try:
        return GRPC_DETAILS, decode_binary(value)[0]
    except ValueError:
        # A status without its details is still worth more than an error in its place.
        return NOTHING, None


_READERS = {
    b"te": _te,
    b"content-type": lambda _, text: (CONTENT_TYPE, _GRPC.match(text) is not None),
    b"grpc-timeout": _timeout,
    b"grpc-encoding": lambda _, text: (ENCODING, text),
    b"grpc-accept-encoding": lambda _, text: (ACCEPT_ENCODING, "gzip" in text.replace(" ", "").split(",")),
    b"grpc-message-type": lambda _, __: (NOTHING, None),
    b"content-length": _content_length,
    b"grpc-status": lambda value, _: (GRPC_STATUS, value),
    b"grpc-message": lambda value, _: (GRPC_MESSAGE, value),
    b"grpc-status-details-bin": _details,
}
