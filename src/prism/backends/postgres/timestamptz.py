"""The codec of `timestamptz`: microseconds since 1970 for the years 1 to 9999, PostgreSQL's own text for all else.

The driver's codec ends with the year 9999, and takes the infinities for instants of it.
"""

import re
import struct
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg

from prism.interfaces.value import MAX_TIMESTAMP, MIN_TIMESTAMP

INFINITY: Final = "infinity"
NEGATIVE_INFINITY: Final = "-infinity"

_WIRE: Final = struct.Struct("!q")
_OFFSET: Final = 946_684_800_000_000
"""2000-01-01 in microseconds since 1970: PostgreSQL counts from there."""
_INFINITIES: Final = {INFINITY: _WIRE.pack(2**63 - 1), NEGATIVE_INFINITY: _WIRE.pack(-(2**63))}
_BY_WIRE: Final = {wire: text for text, wire in _INFINITIES.items()}

_FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)
_CYCLE_YEARS: Final = 400
_CYCLE: Final = 146_097 * 86_400_000_000
"""Microseconds after which the calendar repeats itself, with another year."""
_TEXT: Final = re.compile(r"(\d+)(-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?)\+00( BC)?")


async def prepare(connection: asyncpg.Connection) -> None:
    """Gives the codec to a connection."""
    await connection.set_type_codec(
        "timestamptz", schema="pg_catalog", format="binary", encoder=to_wire, decoder=from_wire
    )


def to_wire(value: int | str) -> bytes:
    """An instant as it travels.

    Raises:
        ValueError: a text that `from_wire` does not give.
    """
    if isinstance(value, str):
        if (infinity := _INFINITIES.get(value)) is not None:
            return infinity
        value = _beyond(value)
    return _WIRE.pack(value - _OFFSET)


def from_wire(data: bytes) -> int | str:
    """What has travelled."""
    if (infinity := _BY_WIRE.get(data)) is not None:
        return infinity
    (microseconds,) = _WIRE.unpack(data)
    instant = int(microseconds) + _OFFSET
    return instant if MIN_TIMESTAMP <= instant <= MAX_TIMESTAMP else _beyond_text(instant)


def _beyond_text(instant: int) -> str:
    cycles, within = divmod(instant - MIN_TIMESTAMP, _CYCLE)
    alike = _FIRST + timedelta(microseconds=within)
    year = alike.year + cycles * _CYCLE_YEARS
    rest = alike.strftime("-%m-%d %H:%M:%S") + f".{alike.microsecond:06}".rstrip("0").rstrip(".")
    return f"{year:04}{rest}+00" if year > 0 else f"{1 - year:04}{rest}+00 BC"


def _beyond(text: str) -> int:
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a timestamptz in UTC, such as '10000-01-01 00:00:00+00'")
    year = 1 - int(found[1]) if found[3] else int(found[1])
    cycles, within = divmod(year - 1, _CYCLE_YEARS)
    alike = datetime.fromisoformat(f"{within + 1:04}{found[2]}").replace(tzinfo=UTC)
    return MIN_TIMESTAMP + cycles * _CYCLE + (alike - _FIRST) // timedelta(microseconds=1)
