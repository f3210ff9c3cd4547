"""Reads single header fields: what each is to gRPC, checked and decoded once, then remembered.

A name and value that HPACK decodes are nearly always ones seen before, so the work of a field (RFC 9113 section
8.2 checks, decoding to text, base64, the time-out) is one dictionary look-up. The memory is bounded and emptied
when full; it holds no more than a peer's headers do anyway.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from prism.wire.grpc.deadline import parse_timeout
from prism.wire.grpc.metadata import decode_binary

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
CONTENT_TYPE: Final = 8  # value: True for gRPC, the text otherwise
TIMEOUT: Final = 9  # value: seconds; BAD_TIMEOUT where malformed
ENCODING: Final = 10
ACCEPT_ENCODING: Final = 11  # value: whether gzip is among them
CONTENT_LENGTH: Final = 12
GRPC_STATUS: Final = 13  # value: text
GRPC_MESSAGE: Final = 14  # value: text
GRPC_DETAILS: Final = 15  # value: bytes, decoded
MALFORMED: Final = 16  # value: the reason

BAD_TIMEOUT: Final = -1.0

Field = tuple[int, Any]

_PSEUDO = {b":method": METHOD, b":scheme": SCHEME, b":path": PATH, b":authority": AUTHORITY, b":status": STATUS}
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_CONNECTION_SPECIFIC = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"})
_GRPC = re.compile(r"application/grpc(\+proto)?($|[; ])")  # no other codec is spoken
_DIGITS = re.compile(r"[0-9]{1,18}")

_MAX_FIELDS: Final = 4096
_MAX_NAMES: Final = 512
_MAX_BYTES: Final = 512  # a longer field is read each time
_MAX_VALUES: Final = 256  # of one name: with more it is a trace id or the like, and none of its values will come again


class _Name:
    """What is known of a header name: what it is to gRPC, and how many values of it were read."""

    __slots__ = ("key", "reader", "values")

    def __init__(self, key: str, reader: Callable[[str, str], Field]) -> None:
        self.key = key
        self.reader = reader
        self.values = 0


class Fields(dict[tuple[bytes, bytes], Field]):
    """The remembered fields: `fields[name, value]` reads one."""

    def __init__(self) -> None:
        self._names: dict[bytes, _Name] = {}

    def __missing__(self, pair: tuple[bytes, bytes]) -> Field:
        name, value = pair
        known = self._names.get(name) or self._learn(name)
        text = value.decode("latin-1")
        if (value.strip() != value or not text.isprintable()) and (fault := _fault(text)):
            return MALFORMED, f"header {_shown(name)} has {fault} in its value"
        field = (CUSTOM, (known.key, text)) if known.reader is _custom else known.reader(known.key, text)
        if known.values < _MAX_VALUES:
            known.values += 1
            if len(value) <= _MAX_BYTES:
                if len(self) >= _MAX_FIELDS:
                    self.clear()
                self[pair] = field
        return field

    def _learn(self, name: bytes) -> _Name:
        known = _Name(name.decode("latin-1"), _reader(name))
        if len(name) <= _MAX_BYTES:
            if len(self._names) >= _MAX_NAMES:
                self._names.clear()
            self._names[name] = known
        return known


def _fault(text: str) -> str | None:
    """What RFC 9113 section 8.2.1 does not allow in a value."""
    if _CONTROL.search(text):
        return "a control character"
    return "white space at an end" if text != text.strip(" \t") else None


def _reader(name: bytes) -> Callable[[str, str], Field]:
    if name[:1] == b":":
        kind = _PSEUDO.get(name)
        if kind is None:
            return lambda key, _: (MALFORMED, f"{key[:64]!a} is not a pseudo-header field")
        return lambda _, text: (kind, text)
    if not _NAME.fullmatch(name):
        return lambda key, _: (MALFORMED, f"header name {key[:64]!a} is not a lower-case token")
    if name in _CONNECTION_SPECIFIC:
        return lambda key, _: (MALFORMED, f"header {key} is not allowed in HTTP/2")
    return _READERS.get(name) or (_binary if name.endswith(b"-bin") else _custom)


def _custom(key: str, text: str) -> Field:
    return CUSTOM, (key, text)


def _shown(name: bytes) -> str:
    return ascii(name[:64].decode("latin-1"))


def _binary(key: str, text: str) -> Field:
    try:
        values = decode_binary(text.encode("latin-1"))
    except ValueError as error:
        return MALFORMED, f"header {key}: {error}"
    if len(values) == 1:
        return CUSTOM, (key, values[0])
    return CUSTOM_MANY, tuple((key, each) for each in values)


def _te(_: str, text: str) -> Field:
    return (NOTHING, None) if text == "trailers" else (MALFORMED, "header 'te' may only say 'trailers'")


def _timeout(_: str, text: str) -> Field:
    try:
        return TIMEOUT, parse_timeout(text)
    except ValueError:
        return TIMEOUT, BAD_TIMEOUT


def _content_length(_: str, text: str) -> Field:
    if not _DIGITS.fullmatch(text):
        return MALFORMED, "content-length is not a number"
    return CONTENT_LENGTH, int(text)


def _details(_: str, text: str) -> Field:
    try:
        return GRPC_DETAILS, decode_binary(text.encode("latin-1"))[0]
    except ValueError:
        # A status without its details is still worth more than an error in its place.
        return NOTHING, None


_READERS = {
    b"te": _te,
    b"content-type": lambda _, text: (CONTENT_TYPE, _GRPC.match(text) is not None or text),
    b"grpc-timeout": _timeout,
    b"grpc-encoding": lambda _, text: (ENCODING, text),
    b"grpc-accept-encoding": lambda _, text: (ACCEPT_ENCODING, "gzip" in text.replace(" ", "").split(",")),
    b"grpc-message-type": lambda _, __: (NOTHING, None),
    b"content-length": _content_length,
    b"grpc-status": lambda _, text: (GRPC_STATUS, text),
    b"grpc-message": lambda _, text: (GRPC_MESSAGE, text),
    b"grpc-status-details-bin": _details,
}
