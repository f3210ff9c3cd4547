"""Listening sockets, and what accepts on them now: another TLS context takes over without a refused connection."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence

from prism.wire.config import ServerConfig

ACCEPTED_AT_ONCE = 16
"""Connections taken in one turn of the loop. uvloop takes one for each of its servers: while the loop is busy,
a client that connects, a health check too, would wait for as many turns as there are others before it."""

Acceptors = list[tuple[asyncio.Server, int]]
"""The loop's servers on one socket, each with its descriptor."""


class Listener:
    """Accepts the connections of one socket.

    Attributes:
        secured: they are TLS.

    Args:
        sock: bound; owned from now on.
        protocol: makes one for each connection.
        config: of the server.
    """

    __slots__ = ("_closed", "_config", "_protocol", "_servers", "_sock", "secured")

    def __init__(self, sock: socket.socket, protocol: Callable[[], asyncio.Protocol], config: ServerConfig) -> None:
        self._sock = sock
        self._protocol = protocol
        self._config = config
        self._servers: Acceptors = []
        self._closed = False
        self.secured = False

    async def prepare(self, tls: ssl.SSLContext | None) -> Acceptors:
        """What could accept with this context; it does not yet."""
        loop = asyncio.get_running_loop()
        servers: Acceptors = []
        try:
            while len(servers) < ACCEPTED_AT_ONCE:
                servers.append(await self._serve(loop, tls))
        except BaseException:
            _close(servers)
            raise
        return servers

    def replace(self, servers: Acceptors, *, secured: bool) -> Acceptors:
        """Makes them those that accept; returns those that are to be closed now."""
        if self._closed:
            return servers
        before, self._servers = self._servers, servers
        self.secured = secured
        return before

    async def _serve(self, loop: asyncio.AbstractEventLoop, tls: ssl.SSLContext | None) -> tuple[asyncio.Server, int]:
        serve = loop.create_unix_server if self._sock.family == socket.AF_UNIX else loop.create_server
        timeout = self._config.handshake_timeout if tls is not None else None
        sock, backlog = self._sock.dup(), self._config.backlog
        try:
            server = await serve(
                self._protocol,
                sock=sock,
                ssl=tls,
                backlog=backlog,
                ssl_handshake_timeout=timeout,
                start_serving=False,
            )
        except BaseException:
            sock.close()
            raise
        return server, sock.fileno()

    def close(self) -> None:
        """Accepts no more; what is open stays so."""
        self._closed = True
        self._sock.close()
        _close(self._servers)


async def begin(listeners: Sequence[Listener], tls: ssl.SSLContext | None) -> None:
    """All accept with this context from now on, and what accepted before does so no more; or else nothing changes.

    Both are on one queue of connections, which is the socket's and not its descriptor's, so that none is lost.
    """
    made: list[Acceptors] = []
    try:
        for listener in listeners:
            made.append(await listener.prepare(tls))  # noqa: PERF401 - those before a failure are closed
        for servers in made:
            for server, _ in servers:
                await server.start_serving()
    except BaseException:
        await _retire([each for servers in made for each in servers])
        raise
    before: Acceptors = []
    for listener, servers in zip(listeners, made, strict=True):
        before += listener.replace(servers, secured=tls is not None)
    await _retire(before)


async def _retire(servers: Acceptors) -> None:
    """asyncio accepts in one turn and makes the connection in the next, for which it needs the server open."""
    loop = asyncio.get_running_loop()
    for _, number in servers:
        loop.remove_reader(number)
    try:
        if servers:
            await asyncio.sleep(0)
    finally:
        # A cancelled task goes on in the next turn, too.
        _close(servers)


def _close(servers: Acceptors) -> None:
    for server, _ in servers:
        server.close()
