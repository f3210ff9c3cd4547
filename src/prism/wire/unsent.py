"""How much of an answer a client has not taken yet: by that a slow reader is told from one that has gone."""

import fcntl
import struct
import termios
from asyncio import Transport


def unsent(transport: Transport) -> int:
    """Bytes that the client has not acknowledged, those in the kernel's buffer too where the system can say it."""
    size = transport.get_write_buffer_size()
    sock = transport.get_extra_info("socket")
    try:
        (queued,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))
    except (AttributeError, OSError):
        return size
    return size + int(queued)
