"""One listening socket, and who accepts on it now: another TLS context takes over without a refused connection."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable

from prism.wire.config import ServerConfig

ACCEPTED_AT_ONCE = 16
"""Connections taken in one turn of the loop. uvloop takes one for each of its servers: while the loop is busy, whoever
connects, a health check too, would wait for as many turns as there are others before."""


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
        self._servers: list[tuple[asyncio.Server, int]] = []
        self._closed = False
        self.secured = False

    async def begin(self, tls: ssl.SSLContext | None) -> None:
        """Accepts with this context from now on; whoever accepted before does so no more.

        Both are on one queue of connections, which is the socket's and not its descriptor's, so that none is lost.
        """
        loop = asyncio.get_running_loop()
        servers: list[tuple[asyncio.Server, int]] = []
        try:
            while len(servers) < ACCEPTED_AT_ONCE:
                servers.append(await self._serve(loop, tls))
        except BaseException:
            _close(servers)
            raise
        before, self._servers = self._servers, servers
        self.secured = tls is not None
        if before:
            # asyncio accepts in one turn and makes the connection in the next, for which it needs the server open.
            for _, number in before:
                loop.remove_reader(number)
            await asyncio.sleep(0)
            _close(before)
        if self._closed:
            _close(servers)

    async def _serve(self, loop: asyncio.AbstractEventLoop, tls: ssl.SSLContext | None) -> tuple[asyncio.Server, int]:
        serve = loop.create_unix_server if self._sock.family == socket.AF_UNIX else loop.create_server
        timeout = self._config.handshake_timeout if tls is not None else None
        sock, backlog = self._sock.dup(), self._config.backlog
        try:
            server = await serve(self._protocol, sock=sock, ssl=tls, backlog=backlog, ssl_handshake_timeout=timeout)
        except BaseException:
            sock.close()
            raise
        return server, sock.fileno()

    def close(self) -> None:
        """Accepts no more; what is open stays so."""
        self._closed = True
        self._sock.close()
        _close(self._servers)


def _close(servers: Iterable[tuple[asyncio.Server, int]]) -> None:
    for server, _ in servers:
        server.close()
