"""Points in time as ClickHouse counts and writes them."""

from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from prism.sdk.tables import Misfit

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = date(1970, 1, 1)
_MICROSECOND: Final = timedelta(microseconds=1)
_SECOND: Final = 1_000_000


def day(number: int) -> str:
    """A Date or Date32: days since 1970."""
    return (_DAY + timedelta(days=number)).isoformat()


def ticks(number: int, digits: int) -> str:
    """An instant finer than a value's timestamp, in UTC: a DateTime64 of 7 to 9 digits."""
    seconds, rest = divmod(number, 10**digits)
    return f"{(_EPOCH + timedelta(seconds=seconds)).strftime('%Y-%m-%d %H:%M:%S')}.{rest:0{digits}d}"


def of_ticks(text: str, digits: int, called: str) -> str:
    """The parameter that a text of `ticks` is.

    Raises:
        Misfit: the text is not such an instant.
    """
    whole, _, rest = text.partition(".")
    try:
        seconds = int((datetime.fromisoformat(whole).replace(tzinfo=UTC) - _EPOCH).total_seconds())
        if len(rest) > digits or (rest and not rest.isdigit()):
            raise ValueError(rest)
    except ValueError as error:
        raise Misfit(f"the text {text[:40]!r}", f"{called} takes an instant in UTC: YYYY-MM-DD HH:MM:SS.N") from error
    if seconds < 0:
        raise Misfit("an instant before 1970", f"a parameter of {called} takes those after it")
    return f"{seconds}.{rest.ljust(digits, '0')}"


def clock(number: int, digits: int) -> str:
    """A Time or Time64: how far from midnight, of either sign."""
    sign, number = ("-", -number) if number < 0 else ("", number)
    seconds, rest = divmod(number, 10**digits)
    text = f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{text}.{rest:0{digits}d}" if digits else text


def local(microseconds: int, zone: str) -> str:
    """An instant in a zone; for instants that have no other form as a parameter."""
    return (_EPOCH + microseconds * _MICROSECOND).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S.%f")


def unix(microseconds: int, zone: str) -> str:
    """An instant as a parameter of a DateTime64: in seconds since 1970, which no zone makes ambiguous."""
    if -_SECOND < microseconds < 0:  # ClickHouse takes -0.5 for 0.5
        return local(microseconds, zone)
    sign, number = ("-", -microseconds) if microseconds < 0 else ("", microseconds)
    return f"{sign}{number // _SECOND}.{number % _SECOND:06d}"
