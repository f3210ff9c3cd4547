"""Who waits for something to do, and is woken."""

import asyncio
from collections.abc import Callable

Key = tuple[str, str]
"""A namespace and a topic."""


class Waiter(asyncio.Event):
    """Who waits.

    Attributes:
        group: shares what comes with others that name the same one.
        takes: it has room for something; else only what concerns all is told to it.
    """

    def __init__(self, group: str) -> None:
        super().__init__()
        self.group = group
        self.takes = True


class Wakeups:
    """Events by topic.

    Of a group as many are woken as there is something for, so who wakes up has a duty: where it leaves more than it can
    take it passes that on (`notify_takers`). Then of those that take at least one knows when something is due.

    Attributes:
        on_waiter: called when the first one begins to wait; a store may then watch what others do to it.
    """

    def __init__(self) -> None:
        self._waiting: dict[Key, dict[str, dict[Waiter, None]]] = {}
        self.on_waiter: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        return len(self._waiting)

    def keys(self) -> list[Key]:
        """The topics that somebody waits for."""
        return [*self._waiting]

    def join(self, key: Key, group: str = "") -> Waiter:
        """An event that is set by each change of the topic from now on."""
        event = Waiter(group)
        first = not self._waiting
        self._waiting.setdefault(key, {}).setdefault(group, {})[event] = None
        if first:
            self.on_waiter()
        return event

    def leave(self, key: Key, event: Waiter) -> None:
        """No one waits for the event any more; another of its group is woken, for what it may have been woken for."""
        groups = self._waiting.get(key, {})
        events = groups.get(event.group, {})
        events.pop(event, None)
        if not events:
            groups.pop(event.group, None)
        if not groups:
            self._waiting.pop(key, None)
        self.notify_takers(key, 1, event.group)

    def notify(self, key: Key) -> None:
        """A topic has changed."""
        for events in self._waiting.get(key, {}).values():
            for event in events:
                event.set()

    def notify_takers(self, key: Key, count: int, group: str | None = None) -> None:
        """There is something for so many of each group that waits for a topic, or of one group; they take turns."""
        groups = self._waiting.get(key, {})
        for events in groups.values() if group is None else [groups.get(group, {})]:
            woken = []
            for event in events:
                if event.takes:
                    woken.append(event)
                    if len(woken) == count:
                        break
            for event in woken:
                if not event.is_set():
                    event.set()
                    events[event] = events.pop(event)

    def has_takers(self, key: Key, group: str) -> bool:
        """Whether any of a group waits for a topic that has room for something."""
        return any(event.takes for event in self._waiting.get(key, {}).get(group, {}))

    def notify_all(self) -> None:
        """Any topic may have changed."""
        for key in self._waiting:
            self.notify(key)
