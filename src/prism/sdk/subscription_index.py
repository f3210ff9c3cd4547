"""The receivers of a message: the subscriptions of one namespace, found by topic."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from prism.errors import PrismError
from prism.sdk.subscriber_buffer import SubscriberBuffer
from prism.sdk.topics import matcher

Message = TypeVar("Message")

_MAX_TOPICS = 10_000


@dataclass(eq=False, slots=True)
class IndexEntry(Generic[Message]):
    """One subscription.

    Attributes:
        buffer: where its messages go.
        matches: whether it is about a topic.
        group: the queue group that shares its messages; empty for none.
    """

    buffer: SubscriberBuffer[Message]
    matches: Callable[[str], bool]
    group: str


@dataclass(slots=True)
class _Route(Generic[Message]):
    """The receivers of a topic: every entry without a group, and one of each group."""

    ungrouped: list[SubscriberBuffer[Message]] = field(default_factory=list)
    groups: dict[str, list[SubscriberBuffer[Message]]] = field(default_factory=dict)


class SubscriptionIndex(Generic[Message]):
    """The subscriptions of a namespace. What a topic reaches is remembered until one comes or goes."""

    def __init__(self) -> None:
        self._entries: dict[IndexEntry[Message], None] = {}
        self._routes: dict[str, _Route[Message]] = {}
        self._turn = 0

    def __len__(self) -> int:
        return len(self._entries)

    def join(self, pattern: str, group: str, buffer: SubscriberBuffer[Message]) -> IndexEntry[Message]:
        """A subscription begins: every later message that it matches goes into `buffer`."""
        entry = IndexEntry(buffer, matcher(pattern), group)
        self._entries[entry] = None
        self._routes.clear()
        return entry

    def leave(self, entry: IndexEntry[Message]) -> None:
        """A subscription ends; does nothing the second time."""
        if self._entries.pop(entry, self) is not self:
            self._routes.clear()

    def end(self, error: PrismError) -> None:
        """Ends all of them, each after what waits for it."""
        for entry in self._entries:
            entry.buffer.end(error.clone())

    def deliver(self, topic: str, message: Message, size: int, ordering_key: str) -> None:
        """Puts a message of so many bytes into the buffers of its receivers; of a group one member gets it, in turn or
        by key."""
        route = self._routes.get(topic) or self._route(topic)
        for buffer in route.ungrouped:
            buffer.put(message, size)
        if route.groups:
            self._turn += 1
            turn = zlib.crc32(ordering_key.encode()) if ordering_key else self._turn
            for members in route.groups.values():
                members[turn % len(members)].put(message, size)

    def _route(self, topic: str) -> _Route[Message]:
        route: _Route[Message] = _Route()
        for entry in self._entries:
            if entry.matches(topic):
                buffers = route.groups.setdefault(entry.group, []) if entry.group else route.ungrouped
                buffers.append(entry.buffer)
        if len(self._routes) >= _MAX_TOPICS:
            self._routes.clear()
        self._routes[topic] = route
        return route
