"""What KeyValue takes and gives: items and results as an application sees them, and their way to and from the wire."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from prism.client.arguments import Seconds, duration, no_value
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
    """A value to store with metadata or a time to live of its own.

    Attributes:
        data: the value itself.
        metadata: the writer's own notes on it, at most 64 entries.
        ttl: how long it lives; None for the `ttl` of the whole put, if any.
    """

    data: bytes
    metadata: Mapping[str, str] = field(default_factory=dict)
    ttl: Seconds | None = None


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
