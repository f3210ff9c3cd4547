"""The `grpc-timeout` headers that a channel sends: one for each whole millisecond, each made once.

Rounding up to milliseconds keeps them few, for the server's memory of header fields too.
"""

from typing import Final

from prism.wire.grpc.deadline import format_timeout
from prism.wire.grpc.status import Code, Status, StatusError
from prism.wire.hpack.encoder import encode_literal

_MOST: Final = 10_000  # above this many milliseconds, tenths of a second will do
_COARSE: Final = 100
_KEPT: Final = 20_000
_TOO_LATE: Final = Status(Code.DEADLINE_EXCEEDED, "the deadline passed before the call could be sent")


class Timeouts:
    """Gives the header for a number of seconds."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[int, bytes] = {}

    def header(self, seconds: float) -> bytes:
        """The header field. Raises `StatusError` where no time is left."""
        if seconds <= 0:
            raise StatusError(_TOO_LATE, unprocessed=True)
        milliseconds = int(seconds * 1000) + 1
        if milliseconds > _MOST:
            milliseconds += _COARSE - milliseconds % _COARSE
        header = self._kept.get(milliseconds)
        if header is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            header = self._kept[milliseconds] = encode_literal(b"grpc-timeout", format_timeout(milliseconds / 1000))
        return header
