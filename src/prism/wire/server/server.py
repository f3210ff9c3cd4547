"""The server: listens, tells HTTP/2 from HTTP/1.1, and goes through the stages of a life: listen, drain, close."""

import asyncio
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from prism.wire.address import Address, bind_tcp, bind_unix, remove_socket
from prism.wire.config import ServerConfig
from prism.wire.grpc.fields import Fields
from prism.wire.http.http1 import Http1Connection
from prism.wire.http.message import HttpHandler
from prism.wire.http2 import frames
from prism.wire.http2.frames import DEFAULT_WINDOW
from prism.wire.peer import Peer
from prism.wire.server.connection import ServerConnection
from prism.wire.server.listener import Listener, begin
from prism.wire.server.local_reply import Plain, Refusals
from prism.wire.server.method import Method
from prism.wire.server.preamble import Preamble
from prism.wire.timer import DeadlineWheel, Rounds

_DEFAULTS: Final = ServerConfig()
_PLAIN: Final = Plain()

_CLOSE_TIMEOUT: Final = 1.0  # seconds for the last bytes, and for TLS to say goodbye

Accepted = Preamble | ServerConnection | Http1Connection
Lookup = Callable[[str], Method | None]


class Server:
    """Serves gRPC, and HTTP/JSON where an `http` handler is given, on any number of addresses.

    `lookup` finds the method for a path such as `/package.Service/Method`; None ends the call with UNIMPLEMENTED.
    It is asked for each call, so what it knows may change at any time. `admit` is asked for each connection, once
    it is known who it is; one that is not admitted is closed. `refusals` words what the transport itself refuses.
    """

    def __init__(
        self,
        lookup: Lookup,
        *,
        http: HttpHandler | None = None,
        admit: Callable[[Peer], bool] | None = None,
        refusals: Refusals = _PLAIN,
        config: ServerConfig = _DEFAULTS,
    ) -> None:
        self.lookup = lookup
        self.http = http
        self.admit = admit
        self.refusals = refusals
        self.config = config
        self.known_fields = Fields()
        self.opening = _opening(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wheel: DeadlineWheel | None = None
        self._listeners: list[Listener] = []
        self._unix_paths: list[str] = []
        self._rounds: Rounds | None = None
        self._open: set[Accepted] = set()
        self._emptied: asyncio.Future[None] | None = None
        self._transports: dict[Accepted, asyncio.Transport] = {}  # those whose sockets are open
        self._all_lost: asyncio.Future[None] | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that the server listens on."""
        if self._loop is None:
            raise RuntimeError("the server has no loop before it listens: await listen() first")
        return self._loop

    @property
    def wheel(self) -> DeadlineWheel:
        """The deadlines of all calls."""
        if self._wheel is None:
            self._wheel = DeadlineWheel(self.loop)
        return self._wheel

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._open)

    @property
    def calls(self) -> int:
        """How many calls are under way."""
        return sum(each.calls for each in self._open)

    async def listen(self, address: str, *, tls: ssl.SSLContext | None = None) -> str:
        """Listen on `host:port` (port 0: a free one) or `unix:/path`, and return the address bound.

        Raises `ValueError` for what is no address, `OSError` where it cannot be had.
        """
        self._loop = asyncio.get_running_loop()
        where = Address.parse(address)
        if where.path:
            sockets = [bind_unix(where.path)]
            self._unix_paths.append(where.path)
        else:
            sockets = bind_tcp(where)
            where = Address(host=where.host, port=sockets[0].getsockname()[1])
        listeners = [Listener(sock, lambda: Preamble(self), self.config) for sock in sockets]
        self._listeners += listeners
        try:
            await begin(listeners, tls)
        except BaseException:
            self._stop_listening_on(listeners, [where.path] if where.path else [])
            raise
        return str(where)

    async def renew_tls(self, tls: ssl.SSLContext) -> None:
        """Gives what connects from now on this context, on the addresses that speak TLS; open connections keep theirs.

        No connection is lost by it. Raises `OSError` where it cannot be done; the context of before stays then, on
        every address.
        """
        await begin([each for each in self._listeners if each.secured], tls)

    async def drain(self, grace: float) -> None:
        """Stop listening, let what is under way finish for `grace` seconds, then close.

        Clients learn by GOAWAY which of their calls were never begun, and repeat those elsewhere.
        """
        self._stop_listening()
        for each in tuple(self._open):
            each.drain()
        if self._open:
            await asyncio.wait((self._until_empty(),), timeout=grace)
        await self.close()

    async def close(self) -> None:
        """Close at once: calls under way end with UNAVAILABLE.

        Returns when their handlers have ended and every socket is closed.
        """
        self._stop_listening()
        for each in tuple(self._open):
            each.cut()
        if self._open:
            await self._until_empty()
        await self._lose_transports()
        if self._rounds is not None:
            self._rounds.stop()
        if self._wheel is not None:
            self._wheel.close()

    async def _lose_transports(self) -> None:
        """Wait until the sockets are closed. What a peer does not read in time is dropped."""
        if not self._transports:
            return
        lost = self._all_lost = self._all_lost or self.loop.create_future()
        try:
            await asyncio.wait((lost,), timeout=_CLOSE_TIMEOUT)
        finally:
            for transport in tuple(self._transports.values()):
                transport.abort()
        await lost

    def _until_empty(self) -> "asyncio.Future[None]":
        if self._emptied is None or self._emptied.done():
            self._emptied = self.loop.create_future()
        return self._emptied

    def _stop_listening(self) -> None:
        self._stop_listening_on(self._listeners, self._unix_paths)

    def _stop_listening_on(self, listeners: list[Listener], unix_paths: list[str]) -> None:
        for listener in listeners:
            listener.close()
        self._listeners = [each for each in self._listeners if each not in listeners]
        for path in unix_paths:
            remove_socket(path)
        self._unix_paths = [each for each in self._unix_paths if each not in unix_paths]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # For its connections.

    def protocol_for(self, preamble: Preamble, peer: Peer, *, http2: bool) -> ServerConnection | Http1Connection:
        """The protocol that a connection turned out to speak; it has the preamble's place."""
        connection = ServerConnection(self, peer) if http2 else Http1Connection(self, peer)
        self._open.add(connection)
        self._open.discard(preamble)
        self._transports[connection] = self._transports.pop(preamble)
        return connection

    def on_opened(self, connection: Preamble, transport: asyncio.Transport) -> None:
        """A connection has been accepted."""
        self._open.add(connection)
        self._transports[connection] = transport
        if self._rounds is None:
            self._rounds = Rounds(self.loop, self.config.shortest_time(), lambda: list(self._open))
        self._rounds.start()

    def on_lost(self, connection: Accepted) -> None:
        """A connection's socket is closed."""
        self._transports.pop(connection, None)
        if self._all_lost is not None and not self._transports and not self._all_lost.done():
            self._all_lost.set_result(None)

    def on_closed(self, connection: Accepted) -> None:
        """A connection is gone; its socket may be open until all is written."""
        self._open.discard(connection)
        if not self._open and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)


def _opening(config: ServerConfig) -> bytes:
    """The frames that every connection begins with."""
    values = {
        frames.MAX_CONCURRENT_STREAMS: config.max_concurrent_streams,
        frames.MAX_HEADER_LIST_SIZE: config.max_header_list_size,
        frames.INITIAL_WINDOW_SIZE: config.initial_stream_window,
        frames.MAX_FRAME_SIZE: config.max_frame_size,
    }
    opening = frames.settings(values)
    if config.connection_window > DEFAULT_WINDOW:
        opening += frames.window_update(0, config.connection_window - DEFAULT_WINDOW)
    return opening
