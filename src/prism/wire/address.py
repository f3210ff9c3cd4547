"""Where to listen or connect: `host:port`, `[v6]:port` or `unix:/path`, and the sockets for it."""

import errno
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_EVERYWHERE: Final = ("", "::")
_LACKING: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})
"""What a machine without IPv6, or without IPv4, answers."""
_ATTEMPTS: Final = 10


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed address: a unix path, or a host (empty: all interfaces) and a port."""

    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read an address. Raises `ValueError` that says what one looks like."""
        if text.startswith("unix:"):
            path = text.removeprefix("unix:").removeprefix("//") if text.startswith("unix:///") else text[5:]
            if not path:
                raise ValueError(
                    f"address {text!r} has no path: write the socket's path after unix:, such as unix:/run/prism.sock"
                )
            return cls(path=path)
        if "://" in text:
            raise ValueError(f"address {text!r} is a URL: write host:port alone, without {text.partition('://')[0]}://")
        host, colon, port = text.rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 65_535:
            raise ValueError(f"address {text!r} is not valid: write host:port, such as localhost:8980, or unix:/path")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ValueError(f"address {text!r} is ambiguous: write an IPv6 host in brackets, such as [::1]:8980")
        return cls(host=host, port=int(port))

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def bind_unix(path: str) -> socket.socket:
    """A unix socket at `path`, open to its owner only; a left-over one without a server is replaced.

    Raises `OSError` where a process is listening on it, or where something else is there.
    """
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The mask is the process's, but nothing else runs between these lines, and a later chmod would leave a gap.
    mask = os.umask(0o177)
    try:
        sock.bind(path)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"cannot listen on unix:{path}: {error.strerror or error}") from error
    finally:
        os.umask(mask)
    sock.setblocking(False)
    return sock


def _remove_stale(path: str) -> None:
    if not Path(path).exists():
        return
    if not Path(path).is_socket():
        raise OSError(f"cannot listen on unix:{path}: that file is not a socket; remove it or choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink(missing_ok=True)
            return
    raise OSError(f"cannot listen on unix:{path}: another process is listening there; stop it or choose another path")


def bind_tcp(address: Address) -> list[socket.socket]:
    """Sockets for every address that the host's name has, all on one port; `::` is all of IPv4 too. Raises `OSError`.

    A kind of address that this machine lacks is left out where another is there. One that is in use is not.
    """
    for _ in range(_ATTEMPTS):
        try:
            return _bind_all(address)
        except OSError as error:
            # A port that the system has chosen by one address may be in use at the next one.
            if address.port or error.errno != errno.EADDRINUSE:
                raise
    return _bind_all(address)


def _bind_all(address: Address) -> list[socket.socket]:
    host = None if address.host in _EVERYWHERE else address.host
    infos = socket.getaddrinfo(host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    port = address.port
    bound: list[socket.socket] = []
    lacking: OSError | None = None
    for family, kind, protocol, _, where in dict.fromkeys(infos):
        try:
            sock = _bind(family, kind, protocol, (where[0], port, *where[2:]))
        except OSError as error:
            if error.errno in _LACKING:
                lacking = error
                continue
            for each in bound:
                each.close()
            raise OSError(error.errno, f"cannot listen on {address}: {error}") from error
        port = sock.getsockname()[1]
        bound.append(sock)
    if not bound:
        number = lacking.errno if lacking is not None else 0
        raise OSError(number, f"cannot listen on {address}: {lacking}")
    return bound


def _bind(family: int, kind: int, protocol: int, where: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # IPv4 has a socket of its own, so that its callers have their own addresses, not mapped ones.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(where)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def remove_socket(path: str) -> None:
    """Remove a unix socket that we no longer serve."""
    Path(path).unlink(missing_ok=True)
