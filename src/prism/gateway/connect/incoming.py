"""A request over HTTP, as the gateway's hops see every request: metadata, deadline, peer."""

import re
from dataclasses import dataclass

from prism.errors import InvalidArgument, LimitExceeded, Unimplemented
from prism.wire import Deadline, HttpRequest, Metadata, Peer
from prism.wire.grpc.compression import GZIP, TooLarge, decompress

_MILLISECONDS = re.compile(r"[0-9]{1,10}", re.ASCII)
IDENTITY = "identity"


@dataclass(frozen=True, slots=True)
class Incoming:
    """What arrived, besides the message.

    Attributes:
        metadata: the request's headers, in lower case.
        deadline: by `Connect-Timeout-Ms`, from when the request's head had come; None where the caller waits for ever.
        peer: who is at the other end.
    """

    metadata: Metadata
    deadline: Deadline | None
    peer: Peer

    @classmethod
    def of(cls, request: HttpRequest) -> "Incoming":
        """What `request` says.

        Raises:
            InvalidArgument: a header of the Connect protocol is malformed.
        """
        protocol = header(request, "connect-protocol-version")
        if protocol not in ("", "1"):
            raise InvalidArgument(f"Connect-Protocol-Version is {protocol[:20]!r}; only 1 is supported")
        return cls(request.headers, _deadline(request), request.peer)


def header(request: HttpRequest, name: str) -> str:
    """The first header of that name; empty where there is none."""
    value = request.headers.get(name, "")
    return value if isinstance(value, str) else ""


def check_encoding(encoding: str) -> None:
    """Passes an encoding that is known, also where no message has it.

    Raises:
        Unimplemented: it is not.
    """
    if encoding not in ("", IDENTITY, GZIP):
        raise Unimplemented(f"the encoding {encoding[:20]!r} is not supported; send {GZIP} or {IDENTITY}")


def decompressed(message: bytes, encoding: str, limit: int) -> bytes:
    """The message without its compression, of at most `limit` bytes.

    Raises:
        Unimplemented: the encoding is not known.
        InvalidArgument: the message is not of that encoding.
        LimitExceeded: it is longer than the limit.
    """
    check_encoding(encoding)
    if not message or encoding != GZIP:
        return message
    try:
        return decompress(message, limit)
    except TooLarge as error:
        raise LimitExceeded(f"the message is longer than {limit} bytes without its compression; send less") from error
    except ValueError as error:
        raise InvalidArgument(f"the message is {error}") from error


def _deadline(request: HttpRequest) -> Deadline | None:
    milliseconds = header(request, "connect-timeout-ms")
    if not milliseconds:
        return None
    if not _MILLISECONDS.fullmatch(milliseconds):
        raise InvalidArgument(f"Connect-Timeout-Ms is {milliseconds[:20]!r}; give one to ten digits")
    return Deadline(request.begun + int(milliseconds) / 1000)
