"""What a server gives to each of its connections: they know nothing else of it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from prism.wire.config import ServerConfig
from prism.wire.grpc.fields import Fields
from prism.wire.http.message import HttpHandler, MessageBodies, RawBodies
from prism.wire.peer import Peer
from prism.wire.server.lifetime import Lifetime
from prism.wire.server.local_reply import LocalReplyFormatter
from prism.wire.server.method import Method
from prism.wire.server.terminations import Terminations
from prism.wire.timer import DeadlineWheel
from prism.wire.transports import OpenTransports

Lookup = Callable[[str], Method | None]


class Served(Protocol):
    """A connection as its server sees it, whatever it speaks."""

    @property
    def calls(self) -> int:
        """How many calls are under way."""

    def inspect(self, now: float) -> None:
        """Act upon what time alone shows; `now` is of `time.monotonic()`."""

    def drain(self) -> None:
        """Finish what is under way, take nothing new, and close."""

    def cut(self) -> None:
        """End what is under way, and close."""


@dataclass(frozen=True, slots=True)
class ServerShared:
    """Handed down from the server to connections, and from those to their calls.

    Attributes:
        config: the server's settings.
        loop: the one that the server listens on.
        lookup: finds the method for a path; None where there is none.
        http: answers plain HTTP requests; None where the server takes none.
        message_bodies: which of those requests have bodies of messages that are read as they come; None: none has.
        raw_bodies: which have bodies that are read as they come, as bytes; None: none has.
        admit: whether a peer may stay; None admits every one.
        local_replies: puts what the transport itself answers into the form that clients expect.
        known_fields: header fields that have been read before, on whichever connection.
        opening: the frames that an HTTP/2 connection begins with.
        wheel: the deadlines of all calls.
        transports: the open sockets of all connections.
        lifetime: how long connections may live, which may change.
        terminations: what was ended because a peer misbehaves or is too slow.
        on_opened: there is a connection, or it is known now what it speaks.
        on_closed: a connection is gone, with its handlers, or has become another; its socket may be open until all is
            written.
    """

    config: ServerConfig
    loop: asyncio.AbstractEventLoop
    lookup: Lookup
    http: HttpHandler | None
    message_bodies: MessageBodies | None
    raw_bodies: RawBodies | None
    admit: Callable[[Peer], bool] | None
    local_replies: LocalReplyFormatter
    known_fields: Fields
    opening: bytes
    wheel: DeadlineWheel
    transports: OpenTransports
    lifetime: Lifetime
    terminations: Terminations
    on_opened: Callable[[Served], None]
    on_closed: Callable[[Served], None]
