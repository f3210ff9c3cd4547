"""Where servers of ours listen, and what to do where one cannot."""

import errno
import socket
import ssl

from prism.wire import Server


async def listen(
    server: Server, address: str, option: str, tls: ssl.SSLContext | None = None, *, hold: bool = False
) -> str:
    """Where the server listens now.

    Args:
        server: is to listen.
        address: where.
        option: where it is configured, for the error message.
        tls: what is spoken there; None for clear text.
        hold: who connects waits until `Server.accept`.

    Raises:
        OSError: it cannot; says what to do, as the server's own error cannot.
    """
    try:
        return await server.listen(address, tls=tls, hold=hold)
    except OSError as error:
        reason = error.strerror or str(error)
        if address not in reason:
            reason = f"cannot listen on {address}: {reason}"
        advice = _advice(error, address)
        raise OSError(error.errno, f"{reason}; {advice}, or choose another address ({option})") from error


def _advice(error: OSError, address: str) -> str:
    """What helps where the address cannot be used."""
    if isinstance(error, socket.gaierror):
        return "this machine cannot resolve that name: correct it"
    match error.errno:
        case errno.EADDRINUSE:
            return "another process listens there: stop it"
        case errno.EADDRNOTAVAIL:
            return "it is not an address of this machine: use one that is, or 0.0.0.0 for all, [::] for IPv6 too"
        case errno.ENOENT | errno.ENOTDIR:
            return "the folder does not exist: create it"
        case errno.EACCES | errno.EPERM if not address.startswith("unix:"):
            return "ports below 1024 need a privilege (CAP_NET_BIND_SERVICE): grant it"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return "this user may not write to the folder: allow it"
    return "see the system's message"
