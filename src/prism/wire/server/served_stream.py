"""What a gRPC call and a plain HTTP exchange have in common at the server: one task that answers."""

import asyncio
from abc import abstractmethod
from typing import Final, Protocol

from prism.wire.grpc.status import Status
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


_HELD: Final = 0.02  # seconds: who resets calls only after so long can have no more of them than may be open at once
_EXPIRED: Final = 0.001  # seconds: the same for calls whose deadline has passed, which are reset for that
CLOCK_SKEW: Final = 0.02  # seconds by which a client's clock may run ahead of ours on the same deadline


class ServedStream(Stream):
    """A stream whose handler runs in `task`, once there is enough of the request to start it; `opened` is when."""

    __slots__ = ("connection", "opened", "task")

    connection: ServingConnection
    opened: float
    path: str
    task: "asyncio.Task[None] | None"

    def on_sent(self) -> None:
        """The response is complete."""
        self.connection.on_sent(self)

    def was_held(self, now: float) -> bool:
        """Whether it was open for a while, or its deadline has passed: to reset it then is not a rapid reset."""
        age = now - self.opened
        return age >= _HELD or (age >= _EXPIRED and self.expires <= now + CLOCK_SKEW)

    @abstractmethod
    def give_up(self, status: Status) -> None:
        """Say how it ends, as far as that can be said at once: its connection is about to be ended."""

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
