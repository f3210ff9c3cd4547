"""What a cache in memory keeps: entries that expire, bounded in bytes; the least recently used goes first."""

from collections import OrderedDict
from typing import NamedTuple

_OVERHEAD = 200
"""Bytes that an entry costs beyond its key and value, about."""


class Cached(NamedTuple):
    """An entry, but for its key; the expiry in microseconds since 1970, None for never."""

    value: bytes
    expires_at: int | None


class CacheMap:
    """Maps keys to entries, up to so many bytes in all."""

    def __init__(self) -> None:
        self._entries: OrderedDict[bytes, Cached] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._entries)

    def live(self, key: bytes, now: int) -> Cached | None:
        """The entry, unless it is missing or has expired."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires_at is not None and entry.expires_at <= now:
            self.remove(key)
            return None
        return entry

    def used(self, key: bytes) -> None:
        """An entry that is there was read: others go before it."""
        self._entries.move_to_end(key)

    def write(self, key: bytes, entry: Cached, max_bytes: int) -> None:
        """Stores an entry in place of what was there, and evicts others until all fit into `max_bytes` bytes."""
        self.remove(key)
        self._entries[key] = entry
        self._size += _size(key, entry)
        while self._size > max_bytes and len(self._entries) > 1:
            self.remove(next(iter(self._entries)))

    def remove(self, key: bytes) -> None:
        """Removes an entry, if it is there."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size -= _size(key, entry)


def _size(key: bytes, entry: Cached) -> int:
    return len(key) + len(entry.value) + _OVERHEAD
