"""Who waits for something to do, and is woken."""

import asyncio
from collections.abc import Callable

Key = tuple[str, str]
"""A namespace and a topic."""


class Wakeups:
    """Events by topic.

    Attributes:
        on_waiter: called when the first one begins to wait; a store may then watch what others do to it.
    """

    def __init__(self) -> None:
        self._waiting: dict[Key, set[asyncio.Event]] = {}
        self.on_waiter: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        return len(self._waiting)

    def keys(self) -> list[Key]:
        """The topics that somebody waits for."""
        return [*self._waiting]

    def join(self, key: Key) -> asyncio.Event:
        """An event that is set by each change of the topic from now on."""
        event = asyncio.Event()
        first = not self._waiting
        self._waiting.setdefault(key, set()).add(event)
        if first:
            self.on_waiter()
        return event

    def leave(self, key: Key, event: asyncio.Event) -> None:
        """No one waits for the event any more."""
        events = self._waiting.get(key, set())
        events.discard(event)
        if not events:
            self._waiting.pop(key, None)

    def notify(self, key: Key) -> None:
        """A topic has changed."""
        for event in self._waiting.get(key, ()):
            event.set()

    def notify_all(self) -> None:
        """Any topic may have changed."""
        for events in self._waiting.values():
            for event in events:
                event.set()
