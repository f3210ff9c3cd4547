"""The open sockets of a server's or a channel's connections, so that what is closed has none open any more.

A closed connection's socket stays open while its peer has not read all, or has not answered TLS's goodbye; when the
loop ended first, only the garbage collector would find it.
"""

import asyncio
from typing import Final, cast

CLOSE_TIMEOUT: Final = 1.0  # seconds for the last bytes, and for TLS to say goodbye


class OpenTransports:
    """Those whose `connection_lost` has not been called, by their protocols."""

    __slots__ = ("_all_lost", "_open")

    def __init__(self) -> None:
        self._open: dict[asyncio.BaseProtocol, asyncio.Transport] = {}
        self._all_lost: asyncio.Future[None] | None = None

    def made(self, protocol: asyncio.BaseProtocol, transport: asyncio.BaseTransport) -> None:
        """A connection has a socket."""
        self._open[protocol] = cast("asyncio.Transport", transport)

    def switched(self, before: asyncio.BaseProtocol, after: asyncio.BaseProtocol) -> None:
        """Another protocol has taken over the socket."""
        self._open[after] = self._open.pop(before)

    def lost(self, protocol: asyncio.BaseProtocol) -> None:
        """A connection's socket is closed."""
        self._open.pop(protocol, None)
        if self._all_lost is not None and not self._open and not self._all_lost.done():
            self._all_lost.set_result(None)

    async def close(self) -> None:
        """Wait until all are closed. What a peer does not read in time is dropped."""
        if not self._open:
            return
        lost = self._all_lost = self._all_lost or asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait((lost,), timeout=CLOSE_TIMEOUT)
        finally:
            for transport in tuple(self._open.values()):
                transport.abort()
        await lost
