"""The client's end fed anything at all while calls of every kind are under way."""

import asyncio
import dataclasses
from typing import Any, Final

from prism.wire import Channel, ChannelConfig, Deadline, Metadata, StatusError
from prism.wire.client.connection import ClientConnection
from wire.fuzz.script import Script
from wire.fuzz.stage import Finding, Pipe, Stage
from wire.fuzz.target_server import check_held
from wire.fuzz.wellformed import Transcript, Windows
from wire.raw_peer import RawPeer

CONFIG: Final = ChannelConfig(
    max_message_size=20_000,
    max_header_list_size=2048,
    max_stream_window=200_000,
    connection_window=65_535,
    receive_budget=100_000,
    write_budget=100_000,
    flood_allowance=60,
    flood_refill=10.0,
    keepalive_interval=30.0,
    keepalive_timeout=5.0,
    connect_timeout=2.0,
)
# The same with windows so small that most messages need some of the budget.
NARROW: Final = dataclasses.replace(CONFIG, initial_stream_window=1000, receive_budget=30_000, write_budget=20_000)
ECHO: Final = b"the client still hears"


class StagedChannel(Channel):
    """A channel whose first connection is a pipe, and whose later ones are refused."""

    def __init__(self, stage: Stage, config: ChannelConfig = CONFIG) -> None:
        super().__init__("test:1", config=config)
        self._stage = stage
        self.pipe: Pipe | None = None

    async def _open_connection(self) -> ClientConnection:
        if self.pipe is not None:
            raise ConnectionRefusedError("refused")
        self.pipe = Pipe(self._stage)
        connection = ClientConnection(self._share(self._stage.loop))
        self.pipe.set_protocol(connection)
        connection.connection_made(self.pipe)
        self._add(connection)
        return connection


class ClientTarget:
    """Plays one input against a fresh channel."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        peer = RawPeer.recorded()
        peer.send(4, 0, 0)
        self._settings = peer.said()
        peer.reply(1, ECHO)
        self._afterwards = peer.said()

    def __call__(self, data: bytes) -> None:
        """Raises `Finding`."""
        stage, script = self._stage, Script(data)
        channel = StagedChannel(stage, NARROW if script.options & 16 else CONFIG)
        tasks = self._call(channel, script)
        stage.turn()
        stage.turn()
        pipe = channel.pipe
        assert pipe is not None
        sent = b""
        if not script.options & 1:
            sent = self._settings
            pipe.feed(sent)
            stage.settle()
        for piece in script.pieces():
            sent += piece
            pipe.feed(piece)
            if pipe.gone:
                break
            self._look(pipe)
            script.between(stage, pipe)
            self._look(pipe)
            if not pipe.reading:
                pipe.drain()
                stage.turn()
        stage.settle()
        self._end(script, pipe, tasks)
        self._ended(pipe, tasks)
        windows = Windows()
        windows.grant(sent)
        Transcript(bytes(pipe.written), windows, client=True).check()
        stage.start(channel.close())
        stage.settle()
        if channel._all:
            raise Finding("the channel keeps a connection that is gone")
        stage.advance(200)
        stage.check_rest()
        self._check_afterwards()

    def _look(self, pipe: Pipe) -> None:
        """Between two pieces."""
        check_held(pipe.protocol)

    def _call(self, channel: Channel, script: Script) -> list["asyncio.Task[Any]"]:
        if script.options & 32:
            # Whose answers may come in a row.
            plain = [self._unary(channel, b"x" * size, 3.0 if size & 1 else None) for size in range(12)]
            return [self._stage.start(each) for each in plain]
        kinds = [
            self._unary(channel, b"x", None),
            self._chat(channel, None),
            self._unary(channel, b"y" * (100_000 if script.options & 2 else 10), 3.0),
            self._chat(channel, 5.0, compression="gzip"),
            self._cancelled(channel),
            self._headers(channel),
        ]
        return [self._stage.start(each) for each in kinds]

    async def _unary(self, channel: Channel, message: bytes, seconds: float | None) -> object:
        deadline = None if seconds is None else Deadline(self._stage.clock() + seconds)
        try:
            answer = await channel.unary("/test.Test/Echo", message, deadline=deadline)
        except StatusError as error:
            return error
        if not isinstance(answer, bytes):
            raise Finding(f"the answer is {answer!r}")
        return answer

    async def _chat(self, channel: Channel, seconds: float | None, compression: str | None = None) -> object:
        deadline = None if seconds is None else Deadline(self._stage.clock() + seconds)
        metadata = Metadata([("name", "fuzz"), ("raw-bin", b"\0\xff")])
        received = []
        try:
            async with channel.open(
                "/test.Test/Chat", metadata=metadata, deadline=deadline, compression=compression
            ) as call:
                await call.send(b"one")
                await call.send(b"two" * 100)
                answer = await call.receive()
                await call.end()
                while answer is not None:
                    received.append(answer)
                    if len(answer) > CONFIG.max_message_size:
                        raise Finding(f"a message of {len(answer)} bytes")
                    answer = await call.receive()
        except StatusError as error:
            return received, error
        return received

    async def _cancelled(self, channel: Channel) -> object:
        try:
            call = channel.open("/test.Test/Chat")
            await call.send(b"z" * 1000)
            await asyncio.sleep(0)
            call.cancel()
            return await call.receive()
        except StatusError as error:
            return error

    async def _headers(self, channel: Channel) -> object:
        try:
            async with channel.open("/test.Test/Repeat") as call:
                await call.send(b"once")
                await call.end()
                head = await call.headers()
                received = [message async for message in call]
                if not isinstance(call.trailing, Metadata):
                    raise Finding(f"trailing is {call.trailing!r}")
        except StatusError as error:
            return error
        return head, received, call.trailing

    def _ended(self, pipe: Pipe, tasks: list["asyncio.Task[Any]"]) -> None:
        """All calls are over."""

    def _end(self, script: Script, pipe: Pipe, tasks: list["asyncio.Task[Any]"]) -> None:
        stage = self._stage
        if script.options & 4:
            for _ in range(20):
                stage.advance(3.0)
        pipe.drain()
        stage.settle()
        pipe.hang_up(ConnectionResetError("gone") if script.options & 8 else None)
        stage.settle()
        for _ in range(4):
            # Calls that are tried again wait for the back-off.
            stage.advance(5.0)
            stage.settle()
        for task in tasks:
            if not task.done():
                raise Finding(f"a call has not ended with its connection: {task}")
            failure = task.exception()
            if failure is not None:
                raise Finding(f"a call raised {failure!r}") from failure
        stage.check_rest()

    def _check_afterwards(self) -> None:
        stage = self._stage
        channel = StagedChannel(stage)
        task = stage.start(channel.unary("/test.Test/Echo", b"x"))
        stage.turn()
        stage.turn()
        assert channel.pipe is not None
        channel.pipe.feed(self._settings)
        stage.settle()
        channel.pipe.feed(self._afterwards[len(self._settings) :])
        stage.settle()
        if not task.done() or task.result() != ECHO:
            raise Finding("a new channel is not answered")
        stage.start(channel.close())
        stage.settle()
