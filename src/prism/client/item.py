"""Items as an application sees them, and their way to and from the messages of the contract."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.duration_pb2 import Duration

from prism.interfaces import keyvalue as messages

Seconds = float | timedelta
"""A length of time: a number of seconds, or a timedelta."""

_LONGEST: Final = 315_576_000_000
"""Seconds that a `Duration` holds: 10,000 years."""


@dataclass(frozen=True, slots=True)
class Item:
    """An item as it was read.

    Attributes:
        key: its key in the record.
        value: empty where only keys were asked for.
        metadata: the writer's own notes on the value; empty where only keys were asked for.
        version: opaque, compared for equality only, never used twice for the same key.
        expires_at: when it goes, by the store's clock, to the microsecond; None for never.
    """

    key: bytes
    value: bytes = b""
    metadata: Mapping[str, str] = field(default_factory=dict)
    version: bytes = b""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """A value to store, where bytes alone do not say enough.

    Attributes:
        data: the value itself.
        metadata: the writer's own notes on it, at most 64 entries.
        ttl: how long it lives; None for the `ttl` of the whole put, if any.
    """

    data: bytes
    metadata: Mapping[str, str] = field(default_factory=dict)
    ttl: Seconds | None = None


def duration(ttl: Seconds) -> Duration:
    """A time to live as it travels, to the microsecond; the gateway refuses what is not above zero.

    Raises:
        ValueError: it is infinite, not a number or over 10,000 years; leave it out for an item that does not expire.
    """
    seconds = ttl.total_seconds() if isinstance(ttl, timedelta) else ttl
    if not -_LONGEST <= seconds <= _LONGEST:  # so it is with nan
        raise ValueError(f"ttl is {seconds}; leave it out for an item that does not expire")
    whole, micros = divmod(round(seconds * 1_000_000), 1_000_000)
    return Duration(seconds=whole, nanos=micros * 1000)


def put_items(items: Mapping[bytes, bytes | Value], ttl: Seconds | None) -> list[messages.PutItem]:
    """The items of a put as they travel."""
    return [_put_item(key, value, ttl) for key, value in items.items()]


def _put_item(key: bytes, value: bytes | Value, ttl: Seconds | None) -> messages.PutItem:
    if isinstance(value, Value):
        if value.data is None:
            raise no_value(key)
        own = ttl if value.ttl is None else value.ttl
        lifetime = None if own is None else duration(own)
        return messages.PutItem(key=key, value=value.data, metadata=value.metadata, ttl=lifetime)
    if value is None:
        raise no_value(key)
    return messages.PutItem(key=key, value=value, ttl=None if ttl is None else duration(ttl))


def no_value(key: bytes) -> TypeError:
    """What is wrong with None as a value: a message would take it for a field that was left out, and store nothing."""
    return TypeError(f"the value of {key!r} is None; give bytes, b'' for an empty value, or delete the key")


def to_item(message: messages.Item) -> Item:
    """An item that was read."""
    return Item(
        key=message.key,
        value=message.value,
        metadata=dict(message.metadata) if message.metadata else {},
        version=message.version,
        expires_at=message.expires_at.ToDatetime(UTC) if message.HasField("expires_at") else None,
    )


def to_items(found: Iterable[messages.Item]) -> tuple[Item, ...]:
    """Items that were read, in their order."""
    return tuple(to_item(each) for each in found)
