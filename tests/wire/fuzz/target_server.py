"""The server fed anything at all: HTTP/2, HTTP/1.1 and what is neither."""

import asyncio
import dataclasses
from typing import Final

import h11

from prism.wire import Server, ServerConfig
from prism.wire.http2 import frames
from prism.wire.http2.connection import Connection
from prism.wire.server.connection import ServerConnection
from prism.wire.server.preamble import Preamble
from wire.fuzz.script import Script
from wire.fuzz.service import Methods
from wire.fuzz.stage import Finding, Pipe, Stage, opening
from wire.fuzz.wellformed import Transcript, Windows
from wire.raw_peer import RawPeer

# Small, so that inputs of some KB reach every limit.
CONFIG: Final = ServerConfig(
    max_message_size=20_000,
    max_header_list_size=2048,
    max_concurrent_streams=8,
    max_stream_window=200_000,
    connection_window=65_535,
    receive_budget=100_000,
    write_budget=100_000,
    flood_allowance=60,
    flood_refill=10.0,
    keepalive_interval=30.0,
    keepalive_timeout=5.0,
    idle_timeout=50.0,
)
# The same with windows so small that most messages need some of the budget.
NARROW: Final = dataclasses.replace(CONFIG, initial_stream_window=1000, receive_budget=30_000, write_budget=20_000)
# What one connection may hold of what it received, by that configuration: the budget, one whole message more, and
# every stream's first window.
_MAX_RECEIVED: Final = 100_000 + 65_535 + 9 * 65_535
# What may wait to be sent: the budget, what was gathered in the turn that crossed it, and what streams accepted.
_MAX_WAITING: Final = 100_000 + 9 * (64 * 1024 + 40_000) + 300_000

ECHO: Final = b"the server still answers"


def check_held(connection: object) -> None:
    """Raise `Finding` where a connection holds more than its limits say."""
    if not isinstance(connection, Connection):
        return
    if len(connection._unparsed) > CONFIG.max_frame_size + 9:
        raise Finding(f"holds {len(connection._unparsed)} bytes of an unfinished frame")
    block = connection._unfinished
    if block is not None and block.size > 4 * CONFIG.max_header_list_size + CONFIG.max_frame_size:
        raise Finding(f"holds {block.size} bytes of a header block")
    streams = list(connection._streams.values())
    received = sum(stream.receiver.stored() for stream in streams if stream.receiver is not None)
    if received > _MAX_RECEIVED:
        raise Finding(f"holds {received} bytes received")
    waiting = sum(stream.outbox.size for stream in streams if stream.outbox is not None)
    waiting += sum(map(len, connection.output.gathered))
    if waiting > _MAX_WAITING:
        raise Finding(f"holds {waiting} bytes to be sent")
    if isinstance(connection, ServerConnection):
        if connection.calls > CONFIG.max_concurrent_streams:
            raise Finding(f"{connection.calls} calls at once")
        if len(connection._closed_streams) > 1000:
            raise Finding("remembers too many streams")


class ServerTarget:
    """Plays one input against a fresh server."""

    def __init__(self, stage: Stage, *, http1: bool = False) -> None:
        self._stage = stage
        self._http1 = http1
        peer = RawPeer.recorded()
        peer.call(1, payload=ECHO)
        self._afterwards = opening() + peer.said()

    def __call__(self, data: bytes) -> None:
        """Raises `Finding`."""
        stage, script = self._stage, Script(data)
        service, config = self._service(), NARROW if script.options & 32 else CONFIG
        server = Server(service.lookup, http=None if script.options & 1 else service.page, config=config)
        server._share(stage.loop)
        pipe = self._accept(server)
        sent = b"" if self._http1 or script.options & 2 else frames.PREFACE
        pipe.feed(sent)
        draining: asyncio.Task[None] | None = None
        for piece in script.pieces():
            sent += piece
            pipe.feed(piece)
            if pipe.gone:
                break
            self._look(pipe)
            if script.options & 64 and not draining:
                draining = stage.start(server.drain(1000.0))
            script.between(stage, pipe)
            self._look(pipe)
            if not pipe.reading:
                # A peer that is not read from cannot go on; let it read what it got.
                pipe.drain()
                stage.turn()
        stage.settle()
        self._end(script, server, pipe)
        if not pipe.aborted or not self._http1:
            self._check_output(script, service, pipe, sent)
        self._check_bystander(server)
        server._stop_listening()
        stage.start(server.close())
        stage.settle()
        stage.advance(200)
        stage.check_rest()

    def _service(self) -> Methods:
        return Methods()

    def _look(self, pipe: Pipe) -> None:
        """Between two pieces."""
        check_held(pipe.protocol)

    def _accept(self, server: Server) -> Pipe:
        pipe = Pipe(self._stage)
        protocol = Preamble(server._share(self._stage.loop))
        pipe.set_protocol(protocol)
        protocol.connection_made(pipe)
        return pipe

    def _end(self, script: Script, server: Server, pipe: Pipe) -> None:
        stage = self._stage
        manner = script.options >> 2 & 3
        if manner == 1:
            for _ in range(30):
                # Long enough for every time-out, with as many rounds as they take to notice.
                stage.advance(4.0)
        elif manner == 2:
            task = stage.start(server.drain(5.0))
            stage.settle()
            for _ in range(7):
                # The grace, then the second in which a peer that does not read may take the last bytes.
                stage.advance(1.0)
                stage.settle()
            if not task.done():
                raise Finding("drain does not end")
        pipe.drain()
        stage.settle()
        pipe.hang_up(ConnectionResetError("gone") if script.options & 16 else None)
        stage.settle()
        if server.connections or server.calls:
            raise Finding(f"left behind: {server.connections} connections, {server.calls} calls")
        stage.check_rest()

    def _check_output(self, script: Script, service: Methods, pipe: Pipe, sent: bytes) -> None:
        written = bytes(pipe.written)
        if sent.lstrip(b"\r\n").startswith(frames.PREFACE):
            windows = Windows()
            windows.grant(sent.lstrip(b"\r\n")[len(frames.PREFACE) :])
            Transcript(written, windows, client=False).check()
        elif written.startswith(b"HTTP/1.1"):
            # The answer to a HEAD that was refused looks like one cut short.
            if not pipe.aborted and b"HEAD" not in sent and b"CONNECT" not in sent:
                check_http1(written, service.requests)
        elif written:
            Transcript(written, Windows(), client=False)

    def _check_bystander(self, server: Server) -> None:
        stage, pipe = self._stage, self._accept(server)
        pipe.feed(self._afterwards)
        stage.settle()
        transcript = Transcript(bytes(pipe.written), Windows(), client=False)
        transcript.check()
        half = transcript.streams.get(1)
        if half is None or bytes(half.body[5:]) != ECHO or half.heads[-1].get(b"grpc-status") != b"0":
            raise Finding(f"a good client is not answered any more: {half}")
        pipe.hang_up()


def check_http1(written: bytes, methods: list[str]) -> None:
    """Read responses as a client would; `methods` are those of the requests that were handled."""
    for method in [*methods, "GET"]:
        client = h11.Connection(h11.CLIENT)
        request = h11.Request(method=method if method.isalpha() else "GET", target="/", headers=[("host", "test")])
        client.send(request)
        client.send(h11.EndOfMessage())
        client.receive_data(written)
        if not written:
            return
        try:
            event, begun = None, False
            while not isinstance(event, h11.EndOfMessage):
                event = client.next_event()
                begun = begun or isinstance(event, h11.Response)
                if event is h11.NEED_DATA and not begun and not client.trailing_data[0].strip():
                    # Asked to go on, the client went away.
                    return
                if event is h11.NEED_DATA:
                    # A body for an HTTP/1.0 client ends with its connection; h11 refuses any other that ends there.
                    client.receive_data(b"")
        except h11.RemoteProtocolError as error:
            raise Finding(f"no HTTP/1.1 response: {error}: {written[:200]!r}") from error
        written = bytes(client.trailing_data[0])
    if written:
        raise Finding(f"more responses than requests: {written[:200]!r}")
