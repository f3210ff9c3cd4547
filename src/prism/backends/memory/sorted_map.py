"""A map in the order of its keys: a dict beside a sorted list, found by bisection."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Generic, TypeVar

from prism.sdk.scan import Range

V = TypeVar("V")


class SortedMap(Generic[V]):
    """Maps bytes to values. Inserting or removing moves the keys above it, as one block of memory."""

    __slots__ = ("_keys", "_values")

    def __init__(self) -> None:
        self._keys: list[bytes] = []
        self._values: dict[bytes, V] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._keys)

    def __getitem__(self, key: bytes) -> V:
        return self._values[key]

    def __setitem__(self, key: bytes, value: V) -> None:
        if key not in self._values:
            insort(self._keys, key)
        self._values[key] = value

    def get(self, key: bytes) -> V | None:
        """The value, or None."""
        return self._values.get(key)

    def pop(self, key: bytes) -> V | None:
        """Removes a key; its value, or None where there was none."""
        if key in self._values:
            del self._keys[bisect_left(self._keys, key)]
        return self._values.pop(key, None)

    def values(self) -> Iterator[V]:
        """The values, in no particular order."""
        return iter(self._values.values())

    def select(self, keys: Range, *, reverse: bool = False) -> Iterator[tuple[bytes, V]]:
        """What lies in a range, in order; the map must not change meanwhile."""
        low = bisect_left(self._keys, keys.first)
        high = len(self._keys) if keys.before is None else bisect_left(self._keys, keys.before)
        for index in range(high - 1, low - 1, -1) if reverse else range(low, high):
            key = self._keys[index]
            yield key, self._values[key]
