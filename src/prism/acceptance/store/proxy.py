"""A TCP proxy between a plugin and its store, which a test stops, slows and cuts.

Source: psycopg's tests/fix_proxy.py has the idea.
"""

import asyncio
import struct
from contextlib import suppress
from socket import SO_LINGER, SOL_SOCKET
from typing import Self

from prism.acceptance.store.held_port import HeldPort

_BITE = 1 << 16
_CLOSE_TIMEOUT = 1.0
_ACCEPTING = 3
"""Turns of the loop from the accepting of a connection until its handler has it."""
_RESET = struct.pack("ii", 1, 0)
"""Linger of no time: closing sends a reset and drops what was not sent."""


class Proxy:
    """Passes bytes between its port and one address; a context manager.

    Attributes:
        port: where it listens on 127.0.0.1; the same from start to start.
        delay: seconds that each bite of an answer is held back.
        accepted: connections taken so far.
    """

    def __init__(self, host: str, port: int) -> None:
        """
        Args:
            host: where the store is.
            port: its port there.
        """
        self._port = HeldPort()
        self.port = self._port.number
        self.delay = 0.0
        self.accepted = 0
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._answers_left: int | None = None

    async def start(self) -> None:
        """Begins to listen."""
        self._answers_left = None
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Refuses new connections and cuts those that there are."""
        server, self._server = self._server, None
        if server is not None:
            for each in server.sockets:
                asyncio.get_running_loop().remove_reader(each.fileno())
            for _ in range(_ACCEPTING):  # what is being accepted when a server closes stays open, and has no owner
                await asyncio.sleep(0)
            server.close()
        await self.cut()

    async def cut(self) -> None:
        """Resets every connection, in the midst of whatever it carries."""
        tasks = list(self._connections)
        for task in tasks:
            _reset(self._connections[task])
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def cut_in_answer(self, after: int) -> None:
        """Resets the connection whose answer makes it `after` more bytes, in the middle of that answer; once."""
        self._answers_left = after

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A connection is there: it is known before anything of it has run, so that `cut` finds all of them."""
        self.accepted += 1
        if self._server is None:
            _reset(writer)
            return
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections[task] = writer
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._connections.pop(task).close()
        if not task.cancelled():  # it was cut
            task.result()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            there, back = await asyncio.open_connection(*self._target)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pass(reader, back, answers=False))
                    both.create_task(self._pass(there, writer, answers=True))
            except* (OSError, _Cut):
                _reset(writer)
                await _close(back)
            finally:
                back.transport.abort()

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool) -> None:
        while bite := await source.read(_BITE):
            if answers and self.delay:
                await asyncio.sleep(self.delay)
            if answers and self._answers_left is not None:
                if len(bite) > self._answers_left:
                    sink.write(bite[: self._answers_left])
                    self._answers_left = None
                    raise _Cut
                self._answers_left -= len(bite)
            sink.write(bite)
            await sink.drain()
        raise _Cut  # one side has ended: so does the other


class _Cut(Exception):
    """The connection is to be reset."""


async def _close(writer: asyncio.StreamWriter) -> None:
    """Closes it behind what is still to be written; what is not read in time is dropped."""
    writer.close()
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_CLOSE_TIMEOUT):
            await writer.wait_closed()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
    writer.transport.abort()
