"""What a channel gives to each of its connections: they know nothing else of it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from prism.wire.client.request_heads import RequestHeads, TimeoutFields
from prism.wire.config import ChannelConfig
from prism.wire.grpc.fields import Fields
from prism.wire.timer import DeadlineWheel
from prism.wire.transports import OpenTransports


class Managed(Protocol):
    """A connection as its channel watches over it."""

    def inspect(self, now: float) -> None:
        """Act upon what time alone shows; `now` is of `time.monotonic()`."""

    def close(self, reason: str) -> None:
        """Close; calls that are left end with the reason."""

    def let_go(self) -> None:
        """Let go of the socket, without the loop and without a word."""


@dataclass(frozen=True, slots=True)
class ChannelShared:
    """Handed down from the channel to connections.

    Attributes:
        config: the channel's settings.
        loop: the one that the channel is used on.
        known_fields: header fields that have been read before.
        request_heads: by path, what all requests of a method begin with.
        timeout_fields: the `grpc-timeout` of calls.
        opening: the preface and the frames that a connection begins with.
        wheel: the deadlines of all calls.
        transports: the open sockets of all connections.
        on_leaving: a connection takes no new calls.
        on_closed: a connection is of no more use; its socket may be open until all is written.
    """

    config: ChannelConfig
    loop: asyncio.AbstractEventLoop
    known_fields: Fields
    request_heads: RequestHeads
    timeout_fields: TimeoutFields
    opening: bytes
    wheel: DeadlineWheel
    transports: OpenTransports
    on_leaving: Callable[[Managed], None]
    on_closed: Callable[[Managed], None]
