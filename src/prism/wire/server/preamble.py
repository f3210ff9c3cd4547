"""A connection before it is known what it speaks: HTTP/2 by its preface, anything else is taken for HTTP/1.1."""

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, cast

from prism.wire.http2.frames import PREFACE, ErrorCode, goaway
from prism.wire.peer import describe_peer

if TYPE_CHECKING:
    from prism.wire.server.server import Server


class Preamble(asyncio.Protocol):
    """Hands the transport on to the protocol that its first bytes name."""

    __slots__ = ("_buffer", "_server", "_since", "_transport")

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._buffer = b""
        self._since = monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._server.on_opened(self, self._transport)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer = (self._buffer + data).lstrip(b"\r\n")
        if buffer.startswith(PREFACE):
            self._hand_on(buffer[len(PREFACE) :], http2=True)
        elif PREFACE.startswith(buffer):
            return
        elif not self._may_be_http1(buffer):
            # It would not understand an answer in HTTP/1.1.
            self._transport.write(goaway(0, ErrorCode.PROTOCOL_ERROR, "this is no HTTP"))
            self._transport.close()
        elif b"\n" in buffer:
            self._hand_on(buffer, http2=False)

    def _may_be_http1(self, buffer: bytes) -> bool:
        secured = self._transport.get_extra_info("ssl_object")
        if secured is not None and secured.selected_alpn_protocol() == "h2":
            return False
        line, end, _ = buffer.partition(b"\n")
        if end:
            return b" HTTP/1." in line
        return line[:1].isalpha() and len(line) <= self._server.config.max_header_list_size

    def _hand_on(self, rest: bytes, *, http2: bool) -> None:
        transport = self._transport
        server = self._server
        peer = describe_peer(transport)
        if server.admit is not None and not server.admit(peer):
            transport.abort()
            return
        protocol = server.protocol_for(self, peer, http2=http2)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if rest:
            protocol.data_received(rest)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._server.on_lost(self)
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
