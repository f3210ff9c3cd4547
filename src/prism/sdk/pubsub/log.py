"""What a store implements to serve PubSub that persists: one log for each namespace.

A *place* is a point between two messages of a log, in bytes that sort as the messages do: the number of the message
before it, big-endian, or what the store has for one. A reader that begins behind a place and goes on from where a page
ends misses nothing: a store must not let a message appear before one that could be read already (docs/contract.md,
"PubSub that persists", 2), so numbers are given in the order in which publishers commit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from prism.context import Context
from prism.interfaces.pubsub import PublishRequest
from prism.sdk.wakeups import Wakeups

NO_TOPIC = ""
"""In place of a topic in `MessageLog.wakeups`: a namespace has one log."""


@dataclass(frozen=True, slots=True)
class Logged:
    """A message in a log.

    Attributes:
        place: behind it.
        published_at: microseconds since 1970 by the store's clock.
    """

    place: bytes
    topic: str
    payload: bytes
    attributes: Mapping[str, str]
    message_id: str
    published_at: int

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        noted = sum(len(name) + len(value) for name, value in self.attributes.items())
        return len(self.payload) + len(self.topic) + noted + 200


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a log begins and ends.

    Attributes:
        identity: of the log, at most 32 bytes; another where what a place says of it would be wrong: it was made anew.
        floor: behind the last message that is kept no longer; where none was removed, before the first.
        end: behind the last message.
    """

    identity: bytes
    floor: bytes
    end: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """What was read.

    Attributes:
        bounds: of the log when it was read.
        messages: in their order.
        end: up to where it was read; `bounds.end` where there was no more.
    """

    bounds: Bounds
    messages: Sequence[Logged]
    end: bytes


class ReadableLog(Protocol):
    """A log that is read.

    Attributes:
        wakeups: told of every message that was appended, by this process or another, under the namespace and a topic.
    """

    @property
    def wakeups(self) -> Wakeups: ...

    async def bounds(self, context: Context) -> Bounds: ...

    async def read(self, context: Context, after: bytes, limit: int, max_bytes: int) -> Page:
        """The messages behind a place, at most so many, and bytes but for the first; from the floor on where the place
        is before it."""
        ...


class MessageLog(Protocol):
    """The logs of a store, one for the namespace that the context names; empty where nothing was published.

    Attributes:
        wakeups: told of every message that was appended, by this process or another, under `(namespace, NO_TOPIC)`.
    """

    wakeups: Wakeups

    async def append(self, context: Context, request: PublishRequest, message_id: str) -> None:
        """Appends a message; returns when it is as durable as the store makes it, and has woken its readers."""
        ...

    async def bounds(self, context: Context) -> Bounds: ...

    async def before(self, context: Context, time: int) -> bytes:
        """The place before the first message published at that time or later; the end where there is none."""
        ...

    async def read(self, context: Context, after: bytes, limit: int, max_bytes: int) -> Page:
        """The messages behind a place, at most so many, and bytes but for the first; from the floor on where the place
        is before it."""
        ...
