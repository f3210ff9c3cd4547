"""A connection before it is known what it speaks: HTTP/2 by its preface, anything else is taken for HTTP/1.1."""

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, cast

from prism.wire.frames import PREFACE
from prism.wire.peer import describe_peer

if TYPE_CHECKING:
    from prism.wire.server import Server


class Preamble(asyncio.Protocol):
    """Hands the transport on to the protocol that its first bytes name."""

    __slots__ = ("_buffer", "_server", "_since", "_transport")

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._buffer = b""
        self._since = monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._server.on_opened(self)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer = self._buffer + data
        if len(buffer) < len(PREFACE) and PREFACE.startswith(buffer):
            return
        http2 = buffer.startswith(PREFACE)
        if http2:
            buffer = buffer[len(PREFACE) :]
        self._server.on_closed(self)
        transport = self._transport
        protocol = self._server.protocol_for(describe_peer(transport), http2=http2)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if buffer:
            protocol.data_received(buffer)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._server.on_closed(self)

    def inspect(self, now: float) -> None:
        """Give up on a peer that takes too long to say what it wants."""
        if now - self._since >= self._server.config.handshake_timeout:
            self._transport.abort()

    def drain(self) -> None:
        """It has asked for nothing yet."""
        self._transport.abort()

    cut = drain

    @property
    def calls(self) -> int:
        """None can be under way."""
        return 0
