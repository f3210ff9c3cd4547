"""The data of the memory backend: namespaces of records of items, and the subscriptions of each.

It is shared by the instances that name the same store.
"""

import time
from collections.abc import Iterator
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

from prism.backends.memory.cache_map import CacheMap
from prism.backends.memory.graph import MemoryGraphs
from prism.backends.memory.message_log import Logs
from prism.backends.memory.objects import MemoryBlobs, MemoryIndex
from prism.backends.memory.queue import QueueData
from prism.backends.memory.sorted_map import SortedMap
from prism.backends.memory.timeseries.store import MemorySeries
from prism.interfaces.keyvalue import PutResponse
from prism.interfaces.pubsub import Message
from prism.sdk.keyvalue import IDEMPOTENCY_MICROSECONDS
from prism.sdk.scan import Range, Row, Selection
from prism.sdk.subscription_index import SubscriptionIndex

ALL: Final = Range(b"", None)


class Entry(NamedTuple):
    """A stored item, but for its record and key."""

    value: bytes
    metadata: bytes
    version: int
    expires_at: int | None

    def lives(self, now: int) -> bool:
        """Whether it has not expired."""
        return self.expires_at is None or self.expires_at > now


class Remembered(NamedTuple):
    """A put that carried an idempotency key."""

    until: int
    fingerprint: bytes
    answer: PutResponse


class Namespace:
    """The items of one namespace. Expired ones are kept until they are swept or overwritten."""

    def __init__(self) -> None:
        self.records: SortedMap[SortedMap[Entry]] = SortedMap()
        self._due: SortedMap[tuple[bytes, bytes]] = SortedMap()
        self._remembered: dict[str, Remembered] = {}
        self.cache = CacheMap()

    def live(self, id_: bytes, key: bytes, now: int) -> Entry | None:
        """The item, unless it is missing or has expired."""
        record = self.records.get(id_)
        entry = record.get(key) if record is not None else None
        return entry if entry is not None and entry.lives(now) else None

    def rows(self, selection: Selection, now: int) -> Iterator[Row]:
        """The live items selected, in order."""
        after, reverse = selection.after, selection.reverse
        for id_, record in self._selected(selection):
            keys = selection.keys
            if after is not None and id_ == after[0]:
                keys = keys.beyond(after[1], reverse=reverse)
            for key, entry in record.select(keys, reverse=reverse):
                if entry.lives(now):
                    content = (None, None) if selection.keys_only else (entry.value, entry.metadata)
                    yield (id_, key, *content, entry.version, entry.expires_at)

    def _selected(self, selection: Selection) -> Iterator[tuple[bytes, SortedMap[Entry]]]:
        if selection.id:
            record = self.records.get(selection.id)
            return iter(() if record is None else ((selection.id, record),))
        ids = ALL
        if selection.after is not None:
            last = selection.after[0]
            ids = Range(b"", last + b"\0") if selection.reverse else Range(last, None)
        return self.records.select(ids, reverse=selection.reverse)

    def write(self, id_: bytes, key: bytes, entry: Entry) -> None:
        """Stores an item in place of what was there."""
        self.remove(id_, key)
        record = self.records.get(id_)
        if record is None:
            record = self.records[id_] = SortedMap()
        record[key] = entry
        if entry.expires_at is not None:
            self._due[_due(entry.expires_at, id_, key)] = (id_, key)

    def remove(self, id_: bytes, key: bytes) -> None:
        """Removes an item, if it is there."""
        record = self.records.get(id_)
        entry = record.pop(key) if record is not None else None
        if record is None or entry is None:
            return
        if not record:
            self.records.pop(id_)
        if entry.expires_at is not None:
            self._due.pop(_due(entry.expires_at, id_, key))

    def recall(self, idempotency_key: str, now: int) -> Remembered | None:
        """The put that carried the key in the last 24 hours."""
        remembered = self._remembered.get(idempotency_key)
        return remembered if remembered is not None and remembered.until > now else None

    def remember(self, idempotency_key: str, fingerprint: bytes, answer: PutResponse, now: int) -> None:
        """Keeps a put for 24 hours."""
        self._remembered.pop(idempotency_key, None)
        self._remembered[idempotency_key] = Remembered(now + IDEMPOTENCY_MICROSECONDS, fingerprint, answer)

    def sweep(self, now: int, limit: int) -> bool:
        """Removes what has expired, up to `limit` items and as many idempotency keys; whether more is left."""
        due = self._due.select(Range(b"", _instant(now + 1)))
        expired = [where for (_, where), _ in zip(due, range(limit), strict=False)]
        for id_, key in expired:
            self.remove(id_, key)
        forgotten = [key for key, _ in zip(self._remembered, range(limit), strict=False) if not self.recall(key, now)]
        for idempotency_key in forgotten:
            del self._remembered[idempotency_key]
        return limit in (len(expired), len(forgotten))


def _instant(microseconds: int) -> bytes:
    return microseconds.to_bytes(8, "big")


def _due(expires_at: int, id_: bytes, key: bytes) -> bytes:
    return _instant(expires_at) + len(id_).to_bytes(2, "big") + id_ + key


class Store:
    """Namespaces by name, one clock and one count of versions."""

    def __init__(self) -> None:
        self._namespaces: dict[str, Namespace] = {}
        self._subscriptions: dict[str, SubscriptionIndex[Message]] = {}
        self._version = 0
        self._users = 0
        self.queues = QueueData(self.now)
        self.series = MemorySeries(self.now)
        self.logs = Logs(self.now)
        self.blobs = MemoryBlobs()
        self.objects = MemoryIndex(self.now)
        self.graphs = MemoryGraphs()

    @classmethod
    def named(cls, name: str) -> "Store":
        """The store of that name, made where no backend holds it."""
        store = _STORES.get(name)
        if store is None:
            store = _STORES[name] = cls()
        return store

    def open(self) -> None:
        """One more instance uses the data."""
        self._users += 1

    def close(self) -> None:
        """One instance less does; after the last the data is gone."""
        self._users -= 1
        if not self._users:
            self._namespaces.clear()
            self.queues.clear()
            self.series.clear()
            self.logs.clear()
            self.blobs.kept.clear()
            self.objects.clear()
            self.graphs.clear()

    def namespace(self, name: str) -> Namespace:
        """The namespace of that name, empty where nothing was stored."""
        namespace = self._namespaces.get(name)
        if namespace is None:
            namespace = self._namespaces[name] = Namespace()
        return namespace

    def subscriptions(self, namespace: str) -> SubscriptionIndex[Message]:
        """The subscriptions of a namespace; empty where there are none."""
        subscriptions = self._subscriptions.get(namespace)
        if subscriptions is None:
            subscriptions = self._subscriptions[namespace] = SubscriptionIndex()
        return subscriptions

    def now(self) -> int:
        """The store's clock, in microseconds since 1970."""
        return time.time_ns() // 1000

    def next_version(self) -> int:
        """A version never given before; not below the clock, so that none comes again in a later process either."""
        self._version = max(self._version + 1, self.now())
        return self._version

    def sweep(self, limit: int) -> bool:
        """Removes some of what has expired, one namespace after the other; whether more is left."""
        now = self.now()
        return any(namespace.sweep(now, limit) for namespace in self._namespaces.values())

    def count(self) -> int:
        """Records held, in all namespaces."""
        return sum(len(namespace.records) for namespace in self._namespaces.values())


_STORES: WeakValueDictionary[str, Store] = WeakValueDictionary()
"""The one state of a module that Prism has: data that outlives an instance must belong to the process."""
