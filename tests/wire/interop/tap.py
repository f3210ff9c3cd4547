"""A tap on the wire between a client and a server: it passes bytes on and notes which messages are compressed.

Most stacks hide a message's compressed flag from the application, so the cases about compression look here.
"""

import asyncio
import struct
from collections import defaultdict
from types import TracebackType
from typing import Self

_PREFACE = 24
_FRAME = struct.Struct(">HBBBL")
_MESSAGE = struct.Struct(">BL")
_DATA = 0
_PADDED = 0x8


class Direction:
    """One direction of a connection: the compressed flags of its messages, by stream."""

    def __init__(self, skip: int) -> None:
        self._skip = skip
        self._bytes = b""
        self._data: dict[int, bytes] = defaultdict(bytes)
        self._flags: dict[int, list[int]] = defaultdict(list)

    @property
    def flags(self) -> list[list[int]]:
        """The flags of each stream that had messages, in the order of the streams."""
        return [self._flags[stream] for stream in sorted(self._flags)]

    def feed(self, data: bytes) -> None:
        """Look at bytes that pass."""
        self._bytes += data
        if self._skip:
            if len(self._bytes) < self._skip:
                return
            self._bytes, self._skip = self._bytes[self._skip :], 0
        while len(self._bytes) >= _FRAME.size:
            high, low, kind, flags, stream = _FRAME.unpack_from(self._bytes)
            end = _FRAME.size + (high << 8 | low)
            if len(self._bytes) < end:
                return
            if kind == _DATA:
                assert not flags & _PADDED, "padding: no stack at hand sends any"
                self._data[stream] += self._bytes[_FRAME.size : end]
                self._take(stream)
            self._bytes = self._bytes[end:]

    def _take(self, stream: int) -> None:
        data = self._data[stream]
        while len(data) >= _MESSAGE.size:
            flag, length = _MESSAGE.unpack_from(data)
            if len(data) < _MESSAGE.size + length:
                break
            self._flags[stream].append(flag)
            data = data[_MESSAGE.size + length :]
        self._data[stream] = data


class Tap:
    """Listens at `address` and passes everything on to `target`."""

    def __init__(self, target: str) -> None:
        self.requests = Direction(_PREFACE)
        self.responses = Direction(0)
        self.address = ""
        self._target = target
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        host, port = self._target.rsplit(":", 1)
        to_reader, to_writer = await asyncio.open_connection(host, int(port))
        self._writers += (writer, to_writer)
        await asyncio.gather(_pass_on(reader, to_writer, self.requests), _pass_on(to_reader, writer, self.responses))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction) -> None:
    try:
        while data := await reader.read(65536):
            direction.feed(data)
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # one end has gone: so shall the other
    writer.close()
