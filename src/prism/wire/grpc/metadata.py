"""Metadata: the headers and trailers of a call that belong to the application, as an immutable multi-map.

Source: gRPC PROTOCOL-HTTP2.md, "Custom-Metadata". Keys are lower-case; values are printable ASCII text, or bytes
where the key ends in `-bin` (base64 on the wire).
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, TypeVar, overload

from prism.wire.hpack.encoder import LENGTHS, encode_length, encode_literal, encode_never_indexed

Value = str | bytes
_Default = TypeVar("_Default")

_KEY = re.compile(r"[0-9a-z_.\-]+")

_MAX_FIELDS: Final = 1024
_MAX_BYTES: Final = 512  # a longer field is encoded each time
_MAX_VALUES: Final = 256  # of one key: with more it is a trace id or the like, and none of its values will come again

# What the transport itself writes: never taken from metadata, never shown as metadata.
RESERVED = frozenset(
    {
        "te",
        "content-type",
        "content-length",
        "host",
        "connection",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
        "grpc-timeout",
        "grpc-encoding",
        "grpc-accept-encoding",
        "grpc-message-type",
        "grpc-status",
        "grpc-message",
        "grpc-status-details-bin",
    }
)
_SENSITIVE = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})


class Metadata:
    """An immutable multi-map of `str` to `str` (keys ending in `-bin`: to `bytes`), in the order of the wire.

    `known` remembers fields for who makes the metadata of many calls, and whose they are.

    Raises `ValueError` where a key or value cannot travel, or where a key is the transport's own (`grpc-timeout`
    and the like).
    """

    __slots__ = ("_block", "_first", "_pairs")

    def __init__(self, pairs: Iterable[tuple[str, Value]] = (), known: "KnownFields | None" = None) -> None:
        self._pairs = tuple(pairs)
        self._first: dict[str, Value] | None = None
        # Checked and encoded in one step: nearly all that is made here is sent.
        self._block: bytes | None = b"".join(
            [_field(key, value) for key, value in self._pairs]
            if known is None
            else [known[pair] for pair in self._pairs]
        )

    @classmethod
    def from_wire(cls, pairs: tuple[tuple[str, Value], ...]) -> "Metadata":
        """Wrap pairs that `Fields` has read and checked already."""
        metadata = cls.__new__(cls)
        metadata._pairs = pairs
        metadata._first = None
        metadata._block = None
        return metadata

    def extended(self, pairs: Iterable[tuple[str, Value]]) -> "Metadata":
        """This with more at its end, which alone is checked and encoded. Raises `ValueError` as the class does."""
        added = Metadata(pairs)
        longer = Metadata.from_wire(self._pairs + added._pairs)
        longer._block = self.encoded() + added.encoded()
        return longer

    @overload
    def get(self, key: str) -> Value | None: ...
    @overload
    def get(self, key: str, default: _Default) -> Value | _Default: ...
    def get(self, key: str, default: object = None) -> object:
        """The first value of `key`, else `default`."""
        first = self._first
        if first is None:
            first = self._first = dict(reversed(self._pairs))
        return first.get(key, default)

    @property
    def repeats(self) -> bool:
        """Whether a key comes more than once."""
        first = self._first
        if first is None:
            first = self._first = dict(reversed(self._pairs))
        return len(first) != len(self._pairs)

    def get_all(self, key: str) -> tuple[Value, ...]:
        """Every value of `key`, in order; empty where there is none."""
        return tuple(value for name, value in self._pairs if name == key)

    def encoded(self) -> bytes:
        """The header fields for HPACK, made once; they never touch the peer's dynamic table.

        `user-agent` is left out: where metadata is passed on, it is not the passer's.
        """
        block = self._block
        if block is None:
            block = self._block = b"".join([_encode(key, value) for key, value in self._pairs])
        return block

    def __iter__(self) -> Iterator[tuple[str, Value]]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __contains__(self, key: object) -> bool:
        return any(name == key for name, _ in self._pairs)

    def __eq__(self, other: object) -> bool:
        return self._pairs == other._pairs if isinstance(other, Metadata) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._pairs)

    def __repr__(self) -> str:
        # Names only: values may be secrets and this may end in a log.
        return f"Metadata({', '.join(key for key, _ in self._pairs)})"


class KnownFields(dict[tuple[str, Value], bytes]):
    """The fields that have been checked and encoded, by key and value: most of a call's are those of the last one.

    It belongs to who makes the calls and goes with it, for credentials are among them.
    """

    def __init__(self) -> None:
        self._values: dict[str, int] = {}

    def __missing__(self, pair: tuple[str, Value]) -> bytes:
        key, value = pair
        field = _field(key, value)
        seen = self._values.get(key, 0)
        if seen < _MAX_VALUES and len(field) <= _MAX_BYTES:
            if len(self) >= _MAX_FIELDS:
                self.clear()
                self._values.clear()
            self._values[key] = seen + 1
            self[pair] = field
        return field


def _field(key: str, value: Value) -> bytes:
    """Check and encode."""
    _check(key, value)
    return _encode(key, value)


def _check(key: str, value: Value) -> None:
    if _is_binary(key):
        if not isinstance(value, bytes):
            raise ValueError(
                f"metadata {key!r} takes bytes, as its key ends in -bin, not {type(value).__name__}; give bytes"
            )
    elif not isinstance(value, str):
        raise ValueError(
            f"metadata {key!r} takes text, not {type(value).__name__}; give bytes under a key that ends in -bin"
        )
    elif not (value.isascii() and value.isprintable()) or value[:1] == " " or value[-1:] == " ":
        raise ValueError(
            f"metadata {key!r} takes printable ASCII without spaces at its ends; give other text under a -bin key"
        )


def _encode(key: str, value: Value) -> bytes:
    if not (name := _name(key)):
        return b""
    raw = value.encode("latin-1") if isinstance(value, str) else encode_binary(value)
    size = len(raw)
    return name + (LENGTHS[size] if size < 127 else encode_length(size)) + raw


@lru_cache(maxsize=1024)
def _is_binary(key: str) -> bool:
    """Whether a key takes bytes. Raises `ValueError` where it cannot travel."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"metadata key {key!r} is not valid: use lower-case letters, digits, '-', '_' and '.' only")
    if key in RESERVED:
        raise ValueError(
            f"metadata key {key!r} belongs to the transport, which sets it itself: remove it from the metadata"
        )
    return key.endswith("-bin")


@lru_cache(maxsize=1024)
def _name(key: str) -> bytes:
    """What precedes the length of a value: how it is represented, and its name. Empty where it is not to be sent."""
    if key == "user-agent":
        return b""
    return (encode_never_indexed if key in _SENSITIVE else encode_literal)(key.encode("ascii"), b"")[:-1]


def encode_binary(value: bytes) -> bytes:
    """Base64 without padding, as gRPC asks senders to."""
    return base64.b64encode(value).rstrip(b"=")


def decode_binary(value: bytes) -> list[bytes]:
    """Read a `-bin` value: base64 with or without padding, several joined by commas.

    Raises `ValueError` where it is not base64.
    """
    try:
        return [base64.b64decode(part + b"=" * (-len(part) % 4), validate=True) for part in value.split(b",")]
    except binascii.Error as error:
        raise ValueError(f"the peer sent metadata under a -bin key that is not base64: {error}") from error


EMPTY_METADATA = Metadata()
