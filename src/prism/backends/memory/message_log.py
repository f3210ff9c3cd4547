"""The logs of PubSub in memory: one list for each namespace, gone with the process."""

import os
from bisect import bisect_right
from collections.abc import Callable

from prism.context import Context
from prism.interfaces.pubsub import PublishRequest
from prism.sdk.pubsub import Bounds, Logged, MessageLog, Page, PubSubOptions
from prism.sdk.pubsub.log import NO_TOPIC
from prism.sdk.wakeups import Wakeups


class NamespaceLog:
    """The messages of one namespace."""

    def __init__(self) -> None:
        self.messages: list[Logged] = []
        self.places: list[bytes] = []
        self.floor = self.end = _place(0)
        self.bytes = 0

    def remove(self, count: int) -> None:
        """Removes the oldest ones."""
        if count:
            self.bytes -= sum(message.size for message in self.messages[:count])
            self.floor = self.places[count - 1]
            del self.messages[:count], self.places[:count]


class Logs:
    """The logs of one memory store.

    Args:
        now: its clock.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self.now = now
        self.wakeups = Wakeups()
        self._clear()

    def clear(self) -> None:
        """Forgets everything; positions that were given are expired."""
        self._clear()

    def _clear(self) -> None:
        self.identity = os.urandom(8)
        self.by_namespace: dict[str, NamespaceLog] = {}


class MemoryLog(MessageLog):
    """`prism.sdk.pubsub.MessageLog` as one instance uses it: what is kept goes by that instance's options."""

    def __init__(self, logs: Logs, options: PubSubOptions) -> None:
        self.wakeups = logs.wakeups
        self._logs = logs
        self._retention = int(options.retention * 1e6)
        self._max_bytes = options.max_bytes

    async def append(self, context: Context, request: PublishRequest, message_id: str) -> None:
        self.add(context.namespace, request, message_id, self._logs.now())

    def add(self, namespace: str, request: PublishRequest, message_id: str, now: int) -> None:
        """`append`, at once."""
        log = self._logs.by_namespace.get(namespace)
        if log is None:
            log = self._logs.by_namespace[namespace] = NamespaceLog()
        place = log.end = _place(int.from_bytes(log.end, "big") + 1)
        message = Logged(place, request.topic, request.payload, dict(request.attributes), message_id, now)
        log.messages.append(message)
        log.places.append(place)
        log.bytes += message.size
        if self._max_bytes and log.bytes > self._max_bytes:
            self._shrink(log)
        self.wakeups.notify((namespace, NO_TOPIC))

    def _shrink(self, log: NamespaceLog) -> None:
        """At `max_bytes` the oldest go; some more than need be, so that it is not done for each message."""
        size, gone = log.bytes, 0
        while size > self._max_bytes * 15 // 16 and gone < len(log.messages) - 1:
            size -= log.messages[gone].size
            gone += 1
        log.remove(gone)

    async def bounds(self, context: Context) -> Bounds:
        return self._bounds(self._log(context))

    def _log(self, context: Context) -> NamespaceLog:
        return self._logs.by_namespace.get(context.namespace) or NamespaceLog()

    def _bounds(self, log: NamespaceLog) -> Bounds:
        return Bounds(self._logs.identity, log.floor, log.end)

    async def before(self, context: Context, time: int) -> bytes:
        log = self._log(context)
        for message in log.messages:
            if message.published_at >= time:
                return _place(int.from_bytes(message.place, "big") - 1)
        return log.end

    async def read(self, context: Context, after: bytes, limit: int, max_bytes: int) -> Page:
        log = self._log(context)
        first = bisect_right(log.places, after)
        found = log.messages[first : first + limit]
        size = 0
        for index, message in enumerate(found):
            size += message.size
            if index and size > max_bytes:
                del found[index:]
                break
        whole = first + len(found) == len(log.messages)
        return Page(self._bounds(log), found, log.end if whole else found[-1].place)

    def sweep(self) -> None:
        """Removes what has been kept for its time."""
        until = self._logs.now() - self._retention
        for log in self._logs.by_namespace.values():
            kept = (index for index, message in enumerate(log.messages) if message.published_at > until)
            log.remove(next(kept, len(log.messages)))


def _place(number: int) -> bytes:
    return number.to_bytes(8, "big")
