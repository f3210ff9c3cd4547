"""What KeyValue takes and gives: items and results as an application sees them, and their way to and from the wire."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from prism.client.arguments import Seconds, expiry, no_value
from prism.errors import PrismError
from prism.interfaces import keyvalue as messages


@dataclass(frozen=True, slots=True)
class Item:
    """An item as it was read.

    Attributes:
        key: its key in the record.
        value: empty where only keys were asked for.
        metadata: the writer's own notes on the value; empty where only keys were asked for.
        version: opaque; compare it for equality only. A key never gets the same version twice.
        expires_at: when it expires, by the store's clock, to the microsecond; None for never.
    """

    key: bytes
    value: bytes = b""
    metadata: Mapping[str, str] = field(default_factory=dict)
    version: bytes = b""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """A value to store with metadata or an expiry of its own.

    Attributes:
        data: the value itself.
        metadata: the writer's own notes on it, at most 64 entries.
        ttl: how long it lives; without it and `expires_at`, that of the whole put holds, if any.
        expires_at: when it expires, by the store's clock, instead of `ttl`. If it has passed, the item replaces what
            was there and is gone.
    """

    data: bytes
    metadata: Mapping[str, str] = field(default_factory=dict)
    ttl: Seconds | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Swap:
    """The result of a compare-and-swap; true if it swapped.

    Attributes:
        swapped: whether the item was as expected, and is now as asked.
        current: the item as it is after the call; None where there is none.
    """

    swapped: bool
    current: Item | None

    def __bool__(self) -> bool:
        return self.swapped


@dataclass(frozen=True, slots=True)
class GetResult:
    """The result for one read of a batch: `items` by key, or its own `error`."""

    items: Mapping[bytes, Item]
    error: PrismError | None


@dataclass(frozen=True, slots=True)
class PutResult:
    """The result for one write of a batch: the new `versions` by key, or its own `error`."""

    versions: Mapping[bytes, bytes]
    error: PrismError | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some items of one record, as a stream brings them; a large record comes in several, one after the other.

    Attributes:
        record: its id.
        items: in byte order of their keys.
        cursor: resumes the same scan after these items.
    """

    record: str
    items: tuple[Item, ...]
    cursor: bytes


def put_items(
    items: Mapping[bytes, bytes | Value], ttl: Seconds | None, expires_at: datetime | None
) -> list[messages.PutItem]:
    """The items of a put as they travel."""
    common = expiry(ttl, expires_at)
    return [put_item(key, value, common) for key, value in items.items()]


def put_item(key: bytes, value: bytes | Value, common: Mapping[str, Any]) -> messages.PutItem:
    """An item of a put as it travels; `common` is the expiry where it has none of its own, as `expiry` makes it."""
    if isinstance(value, Value):
        if value.data is None:
            raise no_value(key)
        own = expiry(value.ttl, value.expires_at) or common
        return messages.PutItem(key=key, value=value.data, metadata=value.metadata, **own)
    if value is None:
        raise no_value(key)
    return messages.PutItem(key=key, value=value, **common)


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
