"""Who gets a message: the subscriptions of one namespace, found by topic."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from prism.sdk.subscriber_buffer import Feed
from prism.sdk.topics import matcher

Message = TypeVar("Message")

_REMEMBERED_TOPICS = 10_000


@dataclass(eq=False, slots=True)
class Listener(Generic[Message]):
    """One subscription.

    Attributes:
        feed: where its messages go.
        matches: whether it is about a topic.
        group: the queue group that shares its messages; empty for none.
    """

    feed: Feed[Message]
    matches: Callable[[str], bool]
    group: str


@dataclass(slots=True)
class _Route(Generic[Message]):
    """Whom a topic reaches: every listener without a group, and one of each group."""

    everybody: list[Feed[Message]] = field(default_factory=list)
    groups: dict[str, list[Feed[Message]]] = field(default_factory=dict)


class Audience(Generic[Message]):
    """The subscriptions of a namespace. What a topic reaches is remembered until one comes or goes."""

    def __init__(self) -> None:
        self._listeners: dict[Listener[Message], None] = {}
        self._routes: dict[str, _Route[Message]] = {}
        self._turn = 0

    def __len__(self) -> int:
        return len(self._listeners)

    def join(self, pattern: str, group: str, feed: Feed[Message]) -> Listener[Message]:
        """A subscription begins: every later message that it matches goes into `feed`."""
        listener = Listener(feed, matcher(pattern), group)
        self._listeners[listener] = None
        self._routes.clear()
        return listener

    def leave(self, listener: Listener[Message]) -> None:
        """A subscription ends; does nothing the second time."""
        if self._listeners.pop(listener, self) is not self:
            self._routes.clear()

    def tell(self, topic: str, message: Message, size: int, ordering_key: str) -> None:
        """Gives a message of so many bytes to all who listen; of a group the members get it in turn, or by its key."""
        route = self._routes.get(topic) or self._route(topic)
        for feed in route.everybody:
            feed.put(message, size)
        if route.groups:
            self._turn += 1
            turn = zlib.crc32(ordering_key.encode()) if ordering_key else self._turn
            for members in route.groups.values():
                members[turn % len(members)].put(message, size)

    def _route(self, topic: str) -> _Route[Message]:
        route: _Route[Message] = _Route()
        for listener in self._listeners:
            if listener.matches(topic):
                feeds = route.groups.setdefault(listener.group, []) if listener.group else route.everybody
                feeds.append(listener.feed)
        if len(self._routes) >= _REMEMBERED_TOPICS:
            self._routes.clear()
        self._routes[topic] = route
        return route
