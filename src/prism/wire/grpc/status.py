"""How a call ends: the canonical gRPC codes, the status that carries one, and the error that raises it.

Source: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md and PROTOCOL-HTTP2.md ("Responses").
"""

import enum
from dataclasses import dataclass, field

from prism.wire.grpc.metadata import EMPTY_METADATA, Metadata


class Code(enum.IntEnum):
    """The canonical gRPC status codes; the number is what `grpc-status` carries."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class LocalReply(enum.Enum):
    """Why the transport itself ended a call.

    The value says whether its handler may have begun; where it is false, that is so for methods that take one message.
    """

    METHOD_UNKNOWN = ("method unknown", False)
    HEADERS_TOO_LARGE = ("headers too large", False)
    MESSAGE_TOO_LARGE = ("message too large", False)
    MESSAGE_INCOMPLETE = ("message incomplete", False)
    MALFORMED_REQUEST = ("malformed request", False)
    ANSWERS_NOT_TAKEN = ("answers not taken", True)
    SHUTTING_DOWN = ("shutting down", True)
    HANDLER_FAILED = ("handler failed", True)
    CONNECTION_TOO_OLD = ("connection too old", True)
    CONNECTION_FLOODED = ("connection flooded", True)

    @property
    def begun(self) -> bool:
        """Whether the handler may have begun."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Status:
    """The end of a call.

    `details` is a serialised `google.rpc.Status` and travels as `grpc-status-details-bin`; empty means none.
    `local_reply` is set where the transport says it, and not a handler. `cut_off` is set where a client's transport
    made it up, because the call ended without the server's own status: what became of it is not known. Neither travels.
    """

    code: Code
    message: str = ""
    details: bytes = b""
    local_reply: LocalReply | None = field(default=None, compare=False, repr=False)
    cut_off: bool = field(default=False, compare=False, repr=False)


OK = Status(Code.OK)


class StatusError(Exception):
    """Ends a call with a status: raised by handlers to the server, and by a `Channel` to its callers.

    `trailing` is the trailing metadata beside the status. `unprocessed` is true where the peer certainly did
    not act on the request, so that any call may be repeated; false says nothing.
    """

    def __init__(self, status: Status, trailing: Metadata = EMPTY_METADATA, *, unprocessed: bool = False) -> None:
        super().__init__(status, trailing)
        self.status = status
        self.trailing = trailing
        self.unprocessed = unprocessed

    def __str__(self) -> str:
        return f"{self.status.code.name}: {self.status.message}"


_PLAIN = frozenset(range(0x20, 0x7F)) - {0x25}
_CODES = {str(code.value): code for code in Code}


def encode_message(message: str) -> bytes:
    """Percent-encode a status message for `grpc-message`: printable ASCII but `%` stays as it is."""
    raw = message.encode("utf-8", "surrogateescape")
    if message.isascii() and message.isprintable() and "%" not in message:
        return raw
    return b"".join(b"%c" % octet if octet in _PLAIN else b"%%%02X" % octet for octet in raw)


def decode_message(value: str) -> str:
    """Undo `encode_message`; what is not valid is kept as it stands, as the protocol asks."""
    raw = value.encode("latin-1")
    head, *parts = raw.split(b"%")
    out = [head]
    for part in parts:
        try:
            octet = bytes.fromhex(part[:2].decode("ascii"))
        except ValueError:
            octet = b""
        out.append(octet + part[2:] if octet else b"%" + part)
    return b"".join(out).decode("utf-8", "replace")


def parse_code(value: str) -> Code:
    """Read `grpc-status`; an unknown number is UNKNOWN."""
    return _CODES.get(value, Code.UNKNOWN)
