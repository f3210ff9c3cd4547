"""The server: listens, tells HTTP/2 from HTTP/1.1, and goes through the stages of a life: listen, drain, close."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Final, Self

from prism.wire.address import Address, bind_tcp, bind_unix, remove_socket
from prism.wire.config import ServerConfig
from prism.wire.grpc.fields import Fields
from prism.wire.http.message import HttpHandler, MessageBodies, RawBodies
from prism.wire.http2.settings import server_opening
from prism.wire.peer import Peer
from prism.wire.server.arrivals import Arrivals
from prism.wire.server.lifetime import Lifetime
from prism.wire.server.listener import Listener
from prism.wire.server.local_reply import LocalReplyFormatter, PlainFormatter
from prism.wire.server.preamble import Preamble
from prism.wire.server.shared import Lookup, Served, ServerShared
from prism.wire.server.terminations import Terminations
from prism.wire.timer import DeadlineWheel, Inspector
from prism.wire.transports import OpenTransports

_DEFAULTS: Final = ServerConfig()
_PLAIN: Final = PlainFormatter()


class Server:
    """Serves gRPC, and HTTP/JSON where an `http` handler is given, on any number of addresses.

    `lookup` finds the method for a path such as `/package.Service/Method`; None ends the call with UNIMPLEMENTED.
    It is asked for each call, so what it knows may change at any time. `admit` is asked for each connection, once
    it is known who it is; one that is not admitted is closed. `local_replies` words what the transport itself answers.
    `message_bodies` says which requests to `http` have bodies that are read as they come, message by message, and
    `raw_bodies` which are read so as bytes.
    """

    def __init__(
        self,
        lookup: Lookup,
        *,
        http: HttpHandler | None = None,
        message_bodies: MessageBodies | None = None,
        raw_bodies: RawBodies | None = None,
        admit: Callable[[Peer], bool] | None = None,
        local_replies: LocalReplyFormatter = _PLAIN,
        config: ServerConfig = _DEFAULTS,
    ) -> None:
        self._lookup = lookup
        self._http = http
        self._message_bodies = message_bodies
        self._raw_bodies = raw_bodies
        self._admit = admit
        self._local_replies = local_replies
        self._config = config
        self._shared: ServerShared | None = None
        self._listeners: list[Listener] = []
        self._unix_paths: list[str] = []
        self._inspector: Inspector | None = None
        self._open: set[Served] = set()
        self._emptied: asyncio.Future[None] | None = None
        self._transports = OpenTransports()
        self._terminations = Terminations()
        self._arrivals = Arrivals()
        self._lifetime = Lifetime.of(config)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._open)

    @property
    def calls(self) -> int:
        """How many calls are under way."""
        return sum(each.calls for each in self._open)

    @property
    def terminations(self) -> Mapping[str, int]:
        """How often a peer that misbehaves or is too slow had something ended, by kind."""
        return self._terminations.counts

    @property
    def shortages(self) -> Mapping[str, int]:
        """How often descriptors were lacking for connections: `refused`, `delayed`."""
        return self._arrivals.shortages

    async def listen(self, address: str, *, tls: ssl.SSLContext | None = None, hold: bool = False) -> str:
        """Listen on `host:port` (port 0: a free one) or `unix:/path`, and return the address bound.

        With `hold` the address is taken, and who connects waits until `accept`.

        Raises `ValueError` for what is not a valid address, `OSError` where it cannot be bound.
        """
        shared = self._share(asyncio.get_running_loop())
        where = Address.parse(address)
        if where.path:
            sockets = [bind_unix(where.path)]
            self._unix_paths.append(where.path)
        else:
            sockets = bind_tcp(where)
            where = Address(host=where.host, port=sockets[0].getsockname()[1])
        listeners = [Listener(sock, partial(Preamble, shared), shared, self._arrivals) for sock in sockets]
        self._listeners += listeners
        try:
            for each in listeners:
                each.begin(tls, accept=not hold)
        except BaseException:
            self._stop_listening_on(listeners, [where.path] if where.path else [])
            raise
        return str(where)

    def accept(self) -> None:
        """Takes the connections of the addresses that were held."""
        for each in self._listeners:
            each.accept()

    def reload_tls(self, tls: ssl.SSLContext) -> None:
        """Gives what connects from now on this context, where TLS is spoken; open connections keep theirs."""
        for each in self._listeners:
            if each.tls is not None:
                each.tls = tls

    def limit_age(self, max_age: float | None, grace: float) -> None:
        """Another longest life of connections, of those that are open too: `Lifetime`'s arguments."""
        self._lifetime.max_age, self._lifetime.grace = max_age, grace

    async def drain(self, grace: float) -> None:
        """Stop listening, let what is under way finish for `grace` seconds, then close.

        Clients learn by GOAWAY which of their calls were never begun, and repeat those elsewhere.
        """
        self._stop_listening()
        await self._arrivals.close()
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
        await self._arrivals.close()
        for each in tuple(self._open):
            each.cut()
        if self._open:
            await self._until_empty()
        await self._transports.close()
        if self._inspector is not None:
            self._inspector.stop()
        if self._shared is not None:
            self._shared.wheel.close()

    def _until_empty(self) -> "asyncio.Future[None]":
        if self._emptied is None or self._emptied.done():
            self._emptied = asyncio.get_running_loop().create_future()
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

    def _share(self, loop: asyncio.AbstractEventLoop) -> ServerShared:
        """What all connections are given; made when the server first listens, and thereby has a loop."""
        if self._shared is None:
            self._inspector = Inspector(loop, self._config.shortest_time(), lambda: list(self._open))
            self._shared = ServerShared(
                config=self._config,
                loop=loop,
                lookup=self._lookup,
                http=self._http,
                message_bodies=self._message_bodies,
                raw_bodies=self._raw_bodies,
                admit=self._admit,
                local_replies=self._local_replies,
                known_fields=Fields(),
                opening=server_opening(self._config),
                wheel=DeadlineWheel(loop),
                transports=self._transports,
                lifetime=self._lifetime,
                terminations=self._terminations,
                on_opened=self._on_opened,
                on_closed=self._on_closed,
            )
        return self._shared

    def _on_opened(self, connection: Served) -> None:
        self._open.add(connection)
        if self._inspector is not None:
            self._inspector.start()

    def _on_closed(self, connection: Served) -> None:
        self._open.discard(connection)
        if not self._open and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)
