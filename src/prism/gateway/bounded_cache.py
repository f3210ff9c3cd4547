"""A bounded cache of what is looked up for each call: the oldest entry goes first."""

from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class BoundedCache(Generic[Key, Value]):
    """A bounded cache.

    Attributes:
        get: the value of a key, or None; the dictionary's own, because it is asked for each call.

    Args:
        most: entries that it holds.
    """

    __slots__ = ("_entries", "_most", "get")

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: dict[Key, Value] = {}
        self.get = self._entries.get

    def __len__(self) -> int:
        return len(self._entries)

    def keep(self, key: Key, value: Value) -> None:
        """Keeps a value; the oldest entry makes room."""
        entries = self._entries
        if len(entries) >= self._most and key not in entries:
            del entries[next(iter(entries))]
        entries[key] = value

    def clear(self) -> None:
        """Empties it."""
        self._entries.clear()
