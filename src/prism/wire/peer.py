"""Who is at the other end of a connection: what the gateway's authenticate hop may rely on."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_UCRED = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class UnixCredentials:
    """The process at the other end of a unix socket, as the kernel recorded it at connect (SO_PEERCRED)."""

    pid: int
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate that a peer proved by mutual TLS: DER, and the fields as `ssl.SSLSocket.getpeercert()`."""

    der: bytes
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection.

    `address` is `host:port`, or `unix:` for a unix socket. `credentials` are set on unix sockets only, and
    `certificate` only where the peer presented one that was verified.
    """

    address: str
    credentials: UnixCredentials | None = None
    certificate: Certificate | None = None
    tls: bool = False


def describe_peer(transport: asyncio.BaseTransport, address: str = "") -> Peer:
    """Read what the transport knows of the other end; `address` is what a proxy said of it."""
    tls = transport.get_extra_info("ssl_object")
    return Peer(
        address=address or written_address(transport.get_extra_info("peername")),
        credentials=_credentials(transport.get_extra_info("socket")),
        certificate=None if tls is None else _certificate(tls),
        tls=tls is not None,
    )


def written_address(name: object) -> str:
    """A socket's name of the other end, as `Peer.address` has it."""
    if not isinstance(name, tuple):
        return "unix:"
    host, port = name[0], name[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _credentials(sock: socket.socket | None) -> UnixCredentials | None:
    if sock is None or sock.family != socket.AF_UNIX or not hasattr(socket, "SO_PEERCRED"):
        return None
    return UnixCredentials(*_UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)))


def _certificate(tls: ssl.SSLObject) -> Certificate | None:
    der = tls.getpeercert(binary_form=True)
    fields = tls.getpeercert()
    # Without verification `fields` is empty: an unproven certificate says nothing of its bearer.
    return Certificate(der, fields) if der and fields else None
