"""What methods of every abstraction take: lengths of time, and values that must not be None."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

Seconds = float | timedelta
"""A length of time: a number of seconds, or a timedelta."""

_MAX_DURATION: Final = 315_576_000_000
"""Seconds that a `Duration` holds: 10,000 years."""


def in_seconds(length: Seconds) -> float:
    """A length of time as a number of seconds."""
    return length.total_seconds() if isinstance(length, timedelta) else length


def duration(ttl: Seconds) -> Duration:
    """A time to live as it travels, to the microsecond; the gateway refuses what is not above zero.

    Raises:
        ValueError: it is infinite, not a number or over 10,000 years; leave it out for what does not expire.
    """
    return length("ttl", ttl, "leave it out for what does not expire")


def length(name: str, given: Seconds, advice: str = "give seconds or a timedelta") -> Duration:
    """A length of time as it travels, to the microsecond.

    Raises:
        ValueError: it is infinite, not a number or over 10,000 years; it names the argument, and gives the advice.
    """
    seconds = in_seconds(given)
    if not -_MAX_DURATION <= seconds <= _MAX_DURATION:  # so it is with nan
        raise ValueError(f"{name} is {seconds}; {advice}")
    whole, micros = divmod(round(seconds * 1_000_000), 1_000_000)
    return Duration(seconds=whole, nanos=micros * 1000)


def expiry(ttl: Seconds | None, expires_at: datetime | None) -> dict[str, Any]:
    """The field of a message that says when what is written expires; empty for never.

    Raises:
        ValueError: both are given, or `expires_at` has no offset from UTC.
    """
    if expires_at is None:
        return {} if ttl is None else {"ttl": duration(ttl)}
    if ttl is not None:
        raise ValueError("ttl and expires_at exclude each other; give one of the two")
    return {"expires_at": instant("expires_at", expires_at)}


def instant(name: str, time: datetime) -> Timestamp:
    """A point in time as it travels.

    Raises:
        ValueError: it has no offset from UTC; it names the argument.
    """
    if time.tzinfo is None:
        raise ValueError(f"{name} is {time} without a time zone; give a datetime with one, such as UTC")
    at = Timestamp()
    at.FromDatetime(time.astimezone(UTC))
    return at


def no_value(key: bytes) -> TypeError:
    """What is wrong with None as a value: a message would take it for a field that was left out, and store nothing."""
    return TypeError(f"the value of {key!r} is None; give bytes, b'' for an empty value, or delete the key")
