"""What a gRPC call and a plain HTTP exchange have in common at the server: one task that answers."""

import asyncio
from typing import Protocol

from prism.wire.http2.output import Output
from prism.wire.http2.receiving import Receiving
from prism.wire.http2.stream import Stream
from prism.wire.peer import Peer
from prism.wire.server.admission_queue import AdmissionQueue
from prism.wire.server.shared import ServerShared


class ServingConnection(Protocol):
    """The connection as a stream of it sees it.

    Attributes:
        zombies: cancelled streams whose handlers have not ended.
    """

    peer: Peer
    shared: ServerShared
    output: Output
    receiving: Receiving
    admission: AdmissionQueue
    zombies: "set[ServedStream]"

    @property
    def trailers_room(self) -> int:
        """The longest header list that the peer takes."""

    def on_sent(self, stream: "ServedStream") -> None:
        """The response is complete."""

    def abandon(self, stream: "ServedStream") -> None:
        """Drop a stream that we ended."""

    def on_handler_ended(self, stream: "ServedStream") -> None:
        """A cancelled handler has really ended."""


class ServedStream(Stream):
    """A stream whose handler runs in `task`, once there is enough of the request to start it."""

    __slots__ = ("connection", "task")

    connection: ServingConnection
    task: "asyncio.Task[None] | None"

    def on_sent(self) -> None:
        """The response is complete."""
        self.connection.on_sent(self)

    def cancel_handler(self) -> None:
        """The client has gone or given up; the handler counts as under way until it has really ended."""
        task = self.task
        if task is not None and not task.done():
            self.connection.zombies.add(self)
            # Not the handler's own last line: a task that is cancelled before its first step runs none.
            task.add_done_callback(self._on_handler_ended)
            task.cancel()

    def _on_handler_ended(self, _task: "asyncio.Task[None]") -> None:
        # Its exception holds the frames that held us: without this only the garbage collector would find us all.
        self.task = None
        self.connection.on_handler_ended(self)
