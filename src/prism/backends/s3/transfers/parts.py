"""How an object is cut into parts: as small as may be, and as large as 10,000 of them require."""

from dataclasses import dataclass
from typing import Final

from prism.errors import InvalidArgument, Outcome, Violation

MIB: Final = 1 << 20
MAX_PARTS: Final = 10_000
MAX_PART: Final = 5 << 30
"""Bytes of a part in S3."""

MAX_OBJECT: Final = 5 << 40
MAX_BUFFERED: Final = 16 * MIB
"""Bytes of the largest part that is kept in memory until S3 has it, so that it can be sent again. With the next one,
which is filled meanwhile, it makes the 32 MiB of a transfer."""

_GROWS_AFTER: Final = 1000
"""Parts of an object of unknown size, after which they are as large as can be kept."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Into what parts one object is cut.

    Attributes:
        size: of the object; None where it is not known.
        least: bytes of the first part, unless the object is smaller.
    """

    size: int | None
    least: int

    @property
    def streamed(self) -> bool:
        """Whether parts are too large to be kept."""
        return self.part(1) > MAX_BUFFERED

    def part(self, number: int) -> int:
        """Bytes of a part, from 1 on, unless it is the last one.

        Raises:
            InvalidArgument: the object is of unknown size, and too large for parts that can be kept.
        """
        if self.size is not None:
            needed = -(-self.size // MAX_PARTS)
            return max(self.least, -(-needed // MIB) * MIB)
        if number > MAX_PARTS:
            most = self.least * _GROWS_AFTER + MAX_BUFFERED * (MAX_PARTS - _GROWS_AFTER)
            violation = Violation("head.size", "unset", f"an object of more than {most} bytes needs it")
            raise InvalidArgument(str(violation), violations=[violation], outcome=Outcome.NOT_APPLIED)
        return self.least if number <= _GROWS_AFTER else MAX_BUFFERED
