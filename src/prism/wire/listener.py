"""One listening socket, and who accepts on it now: another TLS context takes over without a refused connection."""

import asyncio
import socket
import ssl
from collections.abc import Callable

from prism.wire.config import ServerConfig


class Listener:
    """Accepts the connections of one socket.

    Attributes:
        secured: they are TLS.

    Args:
        sock: bound; owned from now on.
        protocol: makes one for each connection.
        config: of the server.
    """

    __slots__ = ("_closed", "_config", "_protocol", "_server", "_sock", "secured")

    def __init__(self, sock: socket.socket, protocol: Callable[[], asyncio.Protocol], config: ServerConfig) -> None:
        self._sock = sock
        self._protocol = protocol
        self._config = config
        self._server: tuple[asyncio.Server, int] | None = None
        self._closed = False
        self.secured = False

    async def begin(self, tls: ssl.SSLContext | None) -> None:
        """Accepts with this context from now on; whoever accepted before does so no more.

        Both are on one queue of connections, which is the socket's and not its descriptor's, so that none is lost.
        """
        loop = asyncio.get_running_loop()
        serve = loop.create_unix_server if self._sock.family == socket.AF_UNIX else loop.create_server
        timeout = self._config.handshake_timeout if tls is not None else None
        sock, backlog = self._sock.dup(), self._config.backlog
        try:
            server = await serve(self._protocol, sock=sock, ssl=tls, backlog=backlog, ssl_handshake_timeout=timeout)
        except BaseException:
            sock.close()
            raise
        before, self._server = self._server, (server, sock.fileno())
        self.secured = tls is not None
        if before is not None:
            # asyncio accepts in one turn and makes the connection in the next, for which it needs the server open.
            loop.remove_reader(before[1])
            await asyncio.sleep(0)
            before[0].close()
        if self._closed:
            server.close()

    def close(self) -> None:
        """Accepts no more; what is open stays so."""
        self._closed = True
        self._sock.close()
        if self._server is not None:
            self._server[0].close()
