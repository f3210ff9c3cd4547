"""Deadlines: an instant of the monotonic clock, made once where a call enters, and passed on as it is.

Source: gRPC PROTOCOL-HTTP2.md, "Timeout": at most eight digits and a unit.
"""

from dataclasses import dataclass
from time import monotonic

_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_MAX_VALUE = 99_999_999


@dataclass(frozen=True, slots=True, order=True)
class Deadline:
    """When a call must have ended: `instant` in seconds of `time.monotonic()`."""

    instant: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """The deadline that lies `seconds` from now."""
        return cls(monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds left; zero or less once it has passed."""
        return self.instant - monotonic()

    def expired(self) -> bool:
        """Whether it has passed."""
        return self.instant <= monotonic()


def parse_timeout(value: str) -> float:
    """Read `grpc-timeout` as seconds. Raises `ValueError` where it is malformed."""
    digits, unit = value[:-1], _UNITS.get(value[-1:])
    if unit is None or not (digits.isdigit() and digits.isascii()) or len(digits) > 8:
        raise ValueError(
            f"grpc-timeout is {value[:20]!r}: give one to eight digits and a unit (H, M, S, m, u or n), such as 500m"
        )
    return int(digits) * unit


def format_timeout(seconds: float) -> bytes:
    """Write `grpc-timeout`, rounded up to whole milliseconds so that few spellings exist for peers to index."""
    milliseconds = max(1, -int(-seconds * 1000 // 1))
    if milliseconds <= _MAX_VALUE:
        return b"%dm" % milliseconds
    if seconds <= _MAX_VALUE:
        return b"%dS" % seconds
    return b"%dH" % min(seconds // 3600, _MAX_VALUE)
