"""The PROXY protocol, versions 1 and 2: what a proxy says of a connection that it passes on, before all else.

Source: HAProxy's doc/proxy-protocol.txt. Exactly the header is read from the socket, so that TLS can begin behind it.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Final

SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_V1: Final = b"PROXY "
_SHORTEST: Final = len(b"PROXY UNKNOWN\r\n")
_LONGEST_V1: Final = 107
_LONGEST_V2: Final = 4096
"""Bytes behind the first 16: addresses, and what a proxy notes of TLS; a header may announce 64 KiB."""
_LOCAL, _PROXY = 0x20, 0x21
_SIZES: Final = {0x11: 12, 0x12: 12, 0x21: 36, 0x22: 36}  # TCP and UDP, over IPv4 and IPv6
_IPV6: Final = 0x21
_head = struct.Struct(">BBH")

Receive = Callable[[int], Awaitable[bytes]]
"""At least a byte and at most so many; none at the end."""


class BadHeader(Exception):
    """What came is not a header of the PROXY protocol; the message says what it is."""


async def accept_header(sock: socket.socket) -> str:
    """The address of the client, as `host:port`, once the header has come; empty where the proxy names none.

    Raises:
        BadHeader: there is none, or it is malformed.
        OSError: the connection broke.
    """
    loop = asyncio.get_running_loop()
    return await read_header(lambda size: loop.sock_recv(sock, size))


async def read_header(receive: Receive) -> str:
    """As `accept_header`; takes no byte behind the header."""
    start = b""
    while len(start) < _SHORTEST:
        start += await _more(receive, _SHORTEST - len(start))
        if not (SIGNATURE.startswith(start[: len(SIGNATURE)]) or _V1.startswith(start[: len(_V1)])):
            raise BadHeader("its first bytes are not a header of the PROXY protocol")
    return await (_read_v1(start, receive) if start.startswith(_V1) else _read_v2(start, receive))


async def _more(receive: Receive, size: int) -> bytes:
    piece = await receive(size)
    if not piece:
        raise BadHeader("it ended before its PROXY header was whole")
    return piece


async def _read_v1(line: bytes, receive: Receive) -> str:
    while not line.endswith(b"\r\n"):
        if len(line) >= _LONGEST_V1 or b"\n" in line:
            raise BadHeader(f"its PROXY header is not one line of at most {_LONGEST_V1} bytes")
        line += await _more(receive, 1)
    kind, *rest = line[len(_V1) : -2].decode("latin-1").split(" ")
    if kind == "UNKNOWN":
        return ""
    try:
        source, _, port, _ = rest
        if kind not in ("TCP4", "TCP6") or not (port.isascii() and port.isdecimal() and len(port) <= 5):
            raise ValueError(port)
        return _written(IPv4Address(source) if kind == "TCP4" else IPv6Address(source), int(port))
    except ValueError:
        raise BadHeader("its PROXY header is malformed") from None


async def _read_v2(start: bytes, receive: Receive) -> str:
    while len(start) < len(SIGNATURE) + _head.size:
        start += await _more(receive, len(SIGNATURE) + _head.size - len(start))
    command, family, size = _head.unpack_from(start, len(SIGNATURE))
    if command not in (_LOCAL, _PROXY):
        raise BadHeader(f"its PROXY header is of an unknown version or command ({command:#04x})")
    if size > _LONGEST_V2:
        raise BadHeader(f"its PROXY header announces {size} bytes, over the limit of {_LONGEST_V2}")
    block = b""
    while len(block) < size:
        block += await _more(receive, size - len(block))
    if command == _LOCAL or family not in _SIZES:
        return ""  # the proxy's own health check, or what has no IP address
    if size < _SIZES[family]:
        raise BadHeader(f"its PROXY header has {size} bytes, too few for its addresses")
    if family >= _IPV6:
        return _written(IPv6Address(block[:16]), int.from_bytes(block[32:34], "big"))
    return _written(IPv4Address(block[:4]), int.from_bytes(block[8:10], "big"))


def _written(address: IPv4Address | IPv6Address, port: int) -> str:
    if port > 65535:
        raise ValueError(port)
    return f"[{address}]:{port}" if isinstance(address, IPv6Address) else f"{address}:{port}"
