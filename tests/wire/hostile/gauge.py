"""Looks at what a server holds while it is attacked, and keeps the most that it saw."""

import asyncio
import tracemalloc
from collections.abc import Callable
from typing import Self

from prism.wire import Method, Server
from prism.wire.http.http1 import Http1Connection
from prism.wire.server.call import ServerCall
from prism.wire.server.connection import ServerConnection
from prism.wire.server.preamble import Preamble
from prism.wire.server.shared import Served
from wire.service import Service

_LOOK_EVERY = 64  # calls between two looks at all there is
_CROWD = 1000  # connections


class Gauge:
    """The peaks: connections, streams (calls under way), tasks of the whole loop, and bytes buffered by the server."""

    def __init__(self, service: Service) -> None:
        self.server: Server | None = None
        self.connections = 0
        self.streams = 0
        self.tasks = 0
        self.buffered = 0
        self.on_call: Callable[[], None] | None = None
        self._service = service
        self._looked_up = 0
        self._passed_over = 0

    def lookup(self, path: str) -> Method | None:
        """The server's own look-up: each call that begins is an occasion to look."""
        assert self.server is not None
        if self.on_call is not None:
            self.on_call()
        if self.server.connections <= _CROWD:
            self.streams = max(self.streams, self.server.calls)
        self._looked_up += 1
        if self._looked_up % _LOOK_EVERY == 0:
            self.look()
        return self._service.lookup(path)

    def look(self) -> None:
        """Look at everything; where that is very much, only now and then."""
        server = self.server
        assert server is not None
        if server.connections > _CROWD and self._passed_over < _LOOK_EVERY:
            self._passed_over += 1
            return
        self._passed_over = 0
        self.connections = max(self.connections, server.connections)
        self.streams = max(self.streams, server.calls)
        self.tasks = max(self.tasks, len(asyncio.all_tasks()))
        self.buffered = max(self.buffered, sum(map(_buffered, server._open)))


def _buffered(connection: Served) -> int:
    """The bytes that one connection holds, received and to be sent, and those of the calls that it serves."""
    if isinstance(connection, Preamble):
        return len(connection._buffer)
    if isinstance(connection, Http1Connection):
        return (
            _unwritten(connection._transport)
            + (connection._request.size if connection._request is not None else 0)
            + len(connection._h11.trailing_data[0])
        )
    assert isinstance(connection, ServerConnection)
    return _unwritten(connection.output.transport) + _buffered_frames(connection)


def _unwritten(transport: asyncio.Transport | None) -> int:
    return 0 if transport is None or transport.is_closing() else transport.get_write_buffer_size()


def _buffered_frames(connection: ServerConnection) -> int:
    size = len(connection._unparsed) + sum(map(len, connection.output.gathered))
    size += connection._unfinished.size if connection._unfinished is not None else 0
    for stream in (*connection._streams.values(), *connection.zombies):
        size += stream.outbox.size if stream.outbox is not None else 0
        size += stream.receiver.stored() if stream.receiver is not None else 0
        size += len(stream.message) if isinstance(stream, ServerCall) else 0
    return size


class Traced:
    """Traces what is allocated by lines of `prism.wire`, so that a test's own peers do not count."""

    def __enter__(self) -> Self:
        tracemalloc.start()
        return self

    def __exit__(self, *_: object) -> None:
        tracemalloc.stop()

    def allocated(self) -> int:
        """The bytes that are held now."""
        ours = tracemalloc.Filter(True, "*/prism/wire/*")
        statistics = tracemalloc.take_snapshot().filter_traces((ours,)).statistics("filename")
        return sum(each.size for each in statistics)

    def peak(self) -> int:
        """The most bytes that have been held at a time, by whomever."""
        return tracemalloc.get_traced_memory()[1]
