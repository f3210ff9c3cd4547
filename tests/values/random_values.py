"""Random values, with every edge among them."""

import random
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from prism.interfaces.value import (
    MAX_INT64,
    MAX_TIMESTAMP,
    MIN_INT64,
    MIN_TIMESTAMP,
    Kind,
    OtherValue,
    Value,
    ValueList,
    ValueMap,
)

EDGES: Final[Mapping[Kind, Sequence[Any]]] = {
    Kind.BOOL: [False, True],
    Kind.INT64: [0, 1, -1, 2, 3, 2**53, 2**53 + 1, -(2**53) - 1, MAX_INT64, MAX_INT64 - 1, MIN_INT64],
    Kind.DOUBLE: [
        *(0.0, -0.0, 1.0, 1.5, -2.5, 0.1, 2.0**53, 2.0**53 + 2, 2.0**63, -(2.0**63), 9223372036854774784.0, 1e22),
        *(5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, float("nan"), float("inf"), float("-inf")),
    ],
    Kind.DECIMAL: [
        *("0", "0.00", "1", "1.0", "1.00", "-1.50", "0.1", "0.10", "0.12", "0.123", "-0.12", "-0.123", "10", "100"),
        *("9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775809.5", "2.50"),
        "0.1000000000000000055511151231257827021181583404541015625",  # the double 0.1, exactly
        *("9" * 400, "-" + "9" * 400 + ".0", "0." + "0" * 399 + "1", "1" * 29 + "." + "0" * 31),
    ],
    Kind.STRING: [
        *("", "a", "A", "ab", "abc", "b", "\x01", "ä", "a\u0308", "\ud7ff", "\ue000", "\uffff", "\U0001f600"),
        *("a\U0010ffff", "\U0010ffff", "\U0010ffff\U0010ffff", "%", "a%", "_", "'", '"', "\\", "null", "1", "ß", "I"),
    ],
    Kind.BYTES: [b"", b"\0", b"a", b"ab", b"\xff", b"\xff\xff", b"\0\0"],
    Kind.TIMESTAMP: [MIN_TIMESTAMP, MAX_TIMESTAMP, 0, 1, -1, 946_684_800_000_000, 253_402_300_799_000_000],
    Kind.OTHER: [
        *(("date", "2026-11-30"), ("date", "0001-01-01"), ("date", "infinity"), ("time", "12:00:00.5")),
        *(
            ("time", "24:00:00"),
            ("timestamp", "9999-12-31 23:59:59.999999"),
            ("interval", "1 day"),
            ("json", "[1, 1.0]"),
        ),
        *(
            ("uuid", "00000000-0000-0000-0000-000000000001"),
            ("uuid", "not one"),
            ("timestamptz", "infinity"),
            ("x", ""),
        ),
    ],
}


class RandomValues:
    """Makes values; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._makers: Mapping[Kind, Callable[[], Any]] = {
            Kind.BOOL: lambda: self.random.random() < 0.5,
            Kind.INT64: lambda: self.random.getrandbits(64) - 2**63 >> self.random.randrange(64),
            Kind.DOUBLE: self._double,
            Kind.DECIMAL: self._decimal,
            Kind.STRING: self.text,
            Kind.BYTES: lambda: self.random.randbytes(self.random.randrange(12)),
            Kind.TIMESTAMP: lambda: self.random.randint(MIN_TIMESTAMP, MAX_TIMESTAMP),
            Kind.OTHER: lambda: (self.text() or "type", self.text()),
        }
        self._kinds = [Kind.NULL, *self._makers, Kind.LIST, Kind.MAP]

    def value(self, depth: int = 4) -> Value:
        """A value of any kind, at most so deep."""
        return self.of(self.random.choice(self._kinds), depth)

    def of(self, kind: Kind, depth: int = 2) -> Value:
        """A value of a kind."""
        if kind is Kind.NULL:
            return Value(null="NULL_VALUE")
        if kind in {Kind.LIST, Kind.MAP}:
            parts = [self.value(depth - 1) for _ in range(self.random.randrange(4) if depth > 1 else 0)]
            if kind is Kind.LIST:
                return Value(list=ValueList(values=parts))
            return Value(map=ValueMap(entries={self.text(): part for part in parts}))
        edge = self.random.random() < 0.5
        held = self.random.choice(EDGES[kind]) if edge else self._makers[kind]()
        return (
            Value(other=OtherValue(type=held[0], text=held[1])) if kind is Kind.OTHER else Value(**{kind.value: held})
        )

    def text(self) -> str:
        """Text without NUL, of many scripts; half of it is of few letters, so that texts have beginnings in common."""
        length = self.random.randrange(8)
        if self.random.random() < 0.5:
            return "".join(self.random.choices("abAB%ä", k=length))
        return "".join(filter(_is_text, (chr(self.random.randrange(1, 0x110000)) for _ in range(length))))

    def _double(self) -> float:
        if self.random.random() < 0.3:
            return round(self.random.uniform(-1000, 1000), self.random.randrange(3))
        (made,) = struct.unpack("<d", self.random.randbytes(8))
        return float("nan") if made != made else made

    def _decimal(self) -> str:
        digits = str(self.random.getrandbits(self.random.randrange(1, 130)))
        scale = self.random.randrange(min(len(digits), 20) + 3)
        if scale:
            digits = digits.zfill(scale + 1)
            digits = f"{digits[:-scale]}.{digits[-scale:]}"
        return digits if self.random.random() < 0.5 or not digits.strip("0.") else f"-{digits}"


def _is_text(character: str) -> bool:
    return not 0xD800 <= ord(character) < 0xE000
