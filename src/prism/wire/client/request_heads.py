"""What a client says before it knows of a call: the head of each method's requests, and the time-outs of calls."""

from typing import Final

from prism.wire.grpc.compression import ACCEPTED
from prism.wire.grpc.deadline import format_timeout
from prism.wire.grpc.status import Code, Status, StatusError
from prism.wire.hpack.encoder import encode, encode_literal

_MAX_HEADS: Final = 1024
_MAX_TIMEOUTS: Final = 20_000
_MAX_FINE: Final = 10_000  # above this many milliseconds, tenths of a second will do
_COARSE: Final = 100
_TOO_LATE: Final = Status(Code.DEADLINE_EXCEEDED, "the deadline passed before the call could be sent")


class RequestHeads(dict[str, bytes]):
    """By path, the fields that all requests of a method begin with, made once. When full it starts over."""

    def __init__(self, scheme: str, authority: str, user_agent: str) -> None:
        self._before = ((b":method", b"POST"), (b":scheme", scheme.encode("ascii")))
        self._behind = (
            (b":authority", authority.encode("ascii")),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc"),
            (b"user-agent", user_agent.encode("ascii")),
            (b"grpc-accept-encoding", ACCEPTED),
        )

    def __missing__(self, path: str) -> bytes:
        block = encode((*self._before, (b":path", path.encode("ascii")), *self._behind))
        if len(self) >= _MAX_HEADS:
            self.clear()
        self[path] = block
        return block


class TimeoutFields:
    """The `grpc-timeout` fields that a channel sends: one for each whole millisecond, each made once.

    Rounding up to milliseconds keeps them few, for the server's memory of header fields too.
    """

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[int, bytes] = {}

    def field(self, seconds: float) -> bytes:
        """The header field for this much time. Raises `StatusError` where none is left."""
        if seconds <= 0:
            raise StatusError(_TOO_LATE, unprocessed=True)
        milliseconds = int(seconds * 1000) + 1
        if milliseconds > _MAX_FINE:
            milliseconds += _COARSE - milliseconds % _COARSE
        field = self._kept.get(milliseconds)
        if field is None:
            if len(self._kept) >= _MAX_TIMEOUTS:
                self._kept.clear()
            field = self._kept[milliseconds] = encode_literal(b"grpc-timeout", format_timeout(milliseconds / 1000))
        return field
