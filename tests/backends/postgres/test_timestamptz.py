"""Timestamps beyond what Python has: as PostgreSQL itself writes them, and back."""

import asyncpg
import pytest

from prism.backends.postgres import timestamptz
from prism.backends.postgres.values import decode
from prism.interfaces.value import Kind, OtherValue, Value

BEYOND = [
    "infinity",
    "-infinity",
    "10000-01-01 00:00:00+00",
    "294276-12-31 23:59:59.999999+00",
    "12024-02-29 12:30:00.5+00",
    "0001-12-31 23:59:59.999999+00 BC",
    "0044-03-15 00:00:00+00 BC",
    "0005-02-29 00:00:00+00 BC",
    "4713-01-01 00:00:00+00 BC",
]


async def test_what_python_does_not_have(postgres_url: str) -> None:
    """Each is PostgreSQL's own text, which it takes back; what Python has is microseconds."""
    connection = await asyncpg.connect(postgres_url, server_settings={"timezone": "UTC", "datestyle": "ISO"})
    await timestamptz.prepare(connection)
    try:
        for text in BEYOND:
            found = await connection.fetchval("SELECT $1::text::timestamptz", text)
            assert found == text
            assert await connection.fetchval("SELECT $1::timestamptz::text", found) == text
            assert decode(Kind.TIMESTAMP, found) == Value(other=OtherValue(type="timestamptz", text=text))
        for text, microseconds in {
            "0001-01-01 00:00:00+00": -62_135_596_800_000_000,
            "1970-01-01 00:00:01+00": 1_000_000,
        }.items():
            assert await connection.fetchval("SELECT $1::text::timestamptz", text) == microseconds
            assert await connection.fetchval("SELECT $1::timestamptz::text", microseconds) == text
        for text in ("NaN", "Infinity", "-Infinity"):
            found = await connection.fetchval("SELECT $1::text::numeric", text)
            assert decode(Kind.DECIMAL, found) == Value(other=OtherValue(type="numeric", text=text))
    finally:
        await connection.close()


def test_what_it_does_not_know() -> None:
    """A text of another form is refused, not guessed at."""
    with pytest.raises(ValueError, match="is not a timestamptz in UTC"):
        timestamptz.to_wire("10000-01-01")
