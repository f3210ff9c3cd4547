"""What the operations of KeyValue answer, beyond items."""

from collections.abc import Mapping
from dataclasses import dataclass

from prism.client.item import Item
from prism.errors import PrismError


@dataclass(frozen=True, slots=True)
class Swap:
    """How a compare-and-swap ended; true where it won.

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
    """What became of one read of a batch: `items` by key, or the `error` it alone met."""

    items: Mapping[bytes, Item]
    error: PrismError | None


@dataclass(frozen=True, slots=True)
class PutResult:
    """What became of one write of a batch: the new `versions` by key, or the `error` it alone met."""

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
