"""What a gRPC call and a plain HTTP exchange have in common at the server: one task that answers."""

import asyncio
from typing import TYPE_CHECKING

from prism.wire.http2.stream import Stream

if TYPE_CHECKING:
    from prism.wire.server.connection import ServerConnection


class ServedStream(Stream):
    """A stream whose handler runs in `task`, once there is enough of the request to start it."""

    __slots__ = ("connection", "task")

    connection: "ServerConnection"
    task: "asyncio.Task[None] | None"

    def cancel_handler(self) -> None:
        """Nobody waits for the handler any more; it counts as under way until it has really ended."""
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
