"""A listening socket, and what accepts on it: one descriptor, and a TLS context that may change."""

import asyncio
import errno
import resource
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Final

from prism.wire.peer import Peer
from prism.wire.server.arrivals import Arrivals
from prism.wire.server.proxy_protocol import BadHeader, accept_header
from prism.wire.server.shared import ServerShared

ACCEPTED_AT_ONCE: Final = 16
"""Connections taken in one turn of the loop: while it is busy, a client that connects, a health check too, would wait
for as many turns as there are others before it. The loop's own servers take one each, so that there would have to be
as many of them on every socket, each with a descriptor and woken by every connection."""

_PAUSE: Final = 0.1
"""Seconds without accepting where the system has no descriptor, so that the loop does not spin."""

_SHORT: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Listener:
    """Accepts the connections of one socket, from `begin` to `close`.

    Attributes:
        tls: what those that come from now on speak; None for clear text.

    Args:
        sock: bound; owned from now on.
        protocol: makes one for each connection; it may be given the client's address.
        shared: of the server.
        arrivals: of the server.
    """

    __slots__ = ("_arrivals", "_config", "_loop", "_paused", "_protocol", "_sock", "_terminations", "tls")

    def __init__(
        self,
        sock: socket.socket,
        protocol: Callable[..., asyncio.Protocol],
        shared: ServerShared,
        arrivals: Arrivals,
    ) -> None:
        self._sock = sock
        self._protocol = protocol
        self._config = shared.config
        self._terminations = shared.terminations
        self._arrivals = arrivals
        self._loop = asyncio.get_running_loop()
        self._paused: asyncio.TimerHandle | None = None
        self.tls: ssl.SSLContext | None = None

    def begin(self, tls: ssl.SSLContext | None, *, accept: bool = True) -> None:
        """Accepts from now on, or from `accept`. Raises `OSError` where the address cannot be listened on."""
        self.tls = tls
        self._sock.listen(self._config.backlog)
        if accept:
            self.accept()

    def accept(self) -> None:
        """Accepts from now on."""
        self._loop.add_reader(self._sock, self._accept)

    def close(self) -> None:
        """Accepts no more; what is open stays so."""
        if self._paused is not None:
            self._paused.cancel()
        elif self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock)
        self._sock.close()

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                sock, _ = self._sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _SHORT:
                    self._pause(error)
                    return
                continue  # that client has gone (accept(2))
            if self._config.spare_descriptors and self._takes_the_last(sock):
                sock.close()
                continue
            sock.setblocking(False)
            self._arrivals.add(self._connect(sock))

    def _takes_the_last(self, sock: socket.socket) -> bool:
        """Whether it has one of the descriptors that are kept; the system gives the lowest number that is free."""
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        kept = self._config.spare_descriptors
        if limit == resource.RLIM_INFINITY or sock.fileno() < limit - kept:
            return False
        self._arrivals.refused(
            f"{limit - kept} of {limit} descriptors are in use, and the last {kept} are kept for stores and files: "
            f"new connections are closed at once; raise the limit of open files (ulimit -n, LimitNOFILE=)"
        )
        return True

    def _pause(self, error: OSError) -> None:
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._arrivals.delayed(
            f"no connection can be accepted ({error.strerror}; this process may have {limit} descriptors): "
            f"clients wait until others have closed; raise the limit of open files (ulimit -n, LimitNOFILE=)"
        )
        self._loop.remove_reader(self._sock)
        self._paused = self._loop.call_later(_PAUSE, self._resume)

    def _resume(self) -> None:
        self._paused = None
        self._loop.add_reader(self._sock, self._accept)

    async def _connect(self, sock: socket.socket) -> None:
        protocol = self._protocol
        if self._config.proxies is not None and (peer := _host(sock)) in self._config.proxies:
            try:
                async with asyncio.timeout(self._config.header_timeout):
                    protocol = partial(protocol, await accept_header(sock))
            except (BadHeader, TimeoutError) as error:
                sock.close()
                why = str(error) or "its PROXY header did not come in time"
                self._terminations.add("proxy_header", Peer(peer), f"a connection was closed: {why}")
                return
            except BaseException:
                sock.close()
                raise
        timeout = self._config.handshake_timeout if self.tls is not None else None
        await self._loop.connect_accepted_socket(protocol, sock, ssl=self.tls, ssl_handshake_timeout=timeout)


def _host(sock: socket.socket) -> str:
    """Where a connection comes from; empty for a unix socket, and for one that is gone."""
    try:
        name = sock.getpeername()
    except OSError:
        return ""
    return name[0] if isinstance(name, tuple) else ""
