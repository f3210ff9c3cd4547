"""A relay between a client and its gateway that can begin to swallow: it closes nothing, and passes nothing on."""

import asyncio
from contextlib import suppress
from typing import Self

_BITE = 1 << 16


class Relay:
    """An async context manager.

    Attributes:
        address: where it listens.
        accepted: connections so far.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self.address = ""
        self.accepted = 0
        self._target = (host, int(port))
        self._swallowed = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    def swallow(self) -> None:
        """From now on nothing goes through the connections that there are; new ones work."""
        self._swallowed = self.accepted

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        number = self.accepted
        there, back = await asyncio.open_connection(*self._target)
        self._writers += (writer, back)
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pass(number, source, sink))
            self._tasks.add(task)

    async def _pass(self, number: int, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while bite := await source.read(_BITE):
                if number > self._swallowed:
                    sink.write(bite)
        if number > self._swallowed:
            sink.close()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)
