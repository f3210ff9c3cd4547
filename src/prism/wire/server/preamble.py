"""A connection before its protocol is known: HTTP/2 by its preface, anything else is taken for HTTP/1.1."""

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, cast

from prism.wire.http2.frames import PREFACE, ErrorCode, goaway
from prism.wire.peer import describe_peer
from prism.wire.server.connection import ServerConnection
from prism.wire.server.shared import ServerShared

if TYPE_CHECKING:
    from prism.wire.http.http1 import Http1Connection


class Preamble(asyncio.Protocol):
    """Hands the transport on to the protocol that its first bytes name."""

    __slots__ = ("_address", "_buffer", "_shared", "_since", "_transport")

    def __init__(self, shared: ServerShared, address: str = "") -> None:
        """`address` is the client's, where a proxy has said it."""
        self._shared = shared
        self._address = address
        self._buffer = b""
        self._since = monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._shared.transports.made(self, transport)
        self._shared.on_opened(self)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer = (self._buffer + data).lstrip(b"\r\n")
        if buffer.startswith(PREFACE):
            self._hand_on(buffer[len(PREFACE) :], http2=True)
        elif PREFACE.startswith(buffer):
            return
        elif not self._may_be_http1(buffer):
            # It would not understand an answer in HTTP/1.1.
            self._transport.write(goaway(0, ErrorCode.PROTOCOL_ERROR, "not HTTP"))
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
        return line[:1].isalpha() and len(line) <= self._shared.config.max_header_list_size

    def _hand_on(self, rest: bytes, *, http2: bool) -> None:
        transport = self._transport
        shared = self._shared
        peer = describe_peer(transport, self._address)
        if shared.admit is not None and not shared.admit(peer):
            transport.abort()
            return
        protocol = ServerConnection(shared, peer) if http2 else _http1()(shared, peer)
        shared.transports.switched(self, protocol)
        shared.on_opened(protocol)
        shared.on_closed(self)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if rest:
            protocol.data_received(rest)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._shared.transports.lost(self)
        self._shared.on_closed(self)

    def inspect(self, now: float) -> None:
        """Give up on a peer that takes too long to say what it wants."""
        if now - self._since >= self._shared.config.handshake_timeout:
            self._transport.abort()

    def drain(self) -> None:
        """It has asked for nothing yet."""
        self._transport.abort()

    cut = drain

    @property
    def calls(self) -> int:
        """None can be under way."""
        return 0


def _http1() -> "type[Http1Connection]":
    from prism.wire.http.http1 import Http1Connection  # with the first client that speaks it: many servers have none

    return Http1Connection
