"""Windows of time (rule 8): of one length from an origin, or of a calendar in a zone."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from prism.interfaces import timeseries as t
from prism.interfaces.value import MAX_TIMESTAMP, MIN_TIMESTAMP
from prism.sdk.timeseries import tz
from prism.sdk.timeseries.refusals import refusal

MAX_EVERY: Final = 28 * 86_400_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MONTHS: Final[Mapping[int, int]] = {
    t.Calendar.TIME_SERIES_CALENDAR_MONTH: 1,
    t.Calendar.TIME_SERIES_CALENDAR_QUARTER: 3,
    t.Calendar.TIME_SERIES_CALENDAR_YEAR: 12,
}


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of a range, cut by it: the range begins with the first one and ends with the last one.

    Attributes:
        bounds: where each window begins, and where the last one ends; one more than there are windows.
        origin: of windows of one length: where the first one would begin if the range did not cut it.
        every: their length; 0 for those of a calendar.
    """

    bounds: Sequence[int]
    origin: int = 0
    every: int = 0

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def of(self, timestamp: int) -> int:
        """The number of the window that an instant of the range is in."""
        return bisect_right(self.bounds, timestamp) - 1


def windows_of(window: t.Window, begin: int, end: int) -> Windows:
    """The windows of a range that is not empty.

    Raises:
        InvalidArgument: they are not valid, or too many.
    """
    if window.WhichOneof("length") == "every":
        return _fixed(window, begin, end)
    return Windows(_cut(_calendar(window, begin, end), begin, end))


def _fixed(window: t.Window, begin: int, end: int) -> Windows:
    every = window.every.ToMicroseconds()
    if every > MAX_EVERY:
        raise refusal("window.every", f"{window.every.ToSeconds()} s", "at most 28 days; longer ones are of a calendar")
    if window.zone:
        raise refusal("window.zone", repr(window.zone), "it is of `calendar`; `every` has an `origin`")
    if not MIN_TIMESTAMP <= window.origin <= MAX_TIMESTAMP:
        raise refusal(
            "window.origin", f"{window.origin} us since 1970", "an instant in the years 1 to 9999 is expected"
        )
    first = begin - (begin - window.origin) % every
    count = -(-(end - first) // every)
    if count > t.MAX_WINDOWS:
        raise _too_many(str(count))
    bounds = [begin, *(first + number * every for number in range(1, count)), end]
    return Windows(bounds, first, every)


def _too_many(count: str) -> Exception:
    return refusal("window", f"{count} windows", f"at most {t.MAX_WINDOWS} are allowed; ask for a shorter range")


def _cut(starts: Iterator[int], begin: int, end: int) -> list[int]:
    bounds = [begin]
    for start in starts:
        if start >= end:
            break
        if start > bounds[-1]:
            bounds.append(start)
        if len(bounds) > t.MAX_WINDOWS:
            raise _too_many(f"more than {t.MAX_WINDOWS}")
    bounds.append(end)
    return bounds


def _calendar(window: t.Window, begin: int, end: int) -> Iterator[int]:
    """Where windows begin, from the one that has the begin of the range on."""
    zone = tz.zone(window.zone or "UTC")
    if zone is None:
        raise refusal("window.zone", repr(window.zone[:40]), f"the tz database {tz.version()} has no such zone")
    if window.origin:
        raise refusal("window.origin", str(window.origin), "it is of `every`; windows of a calendar begin with a day")
    if window.calendar == t.Calendar.TIME_SERIES_CALENDAR_UNSPECIFIED:
        raise refusal("window.calendar", "nothing", "one of DAY, WEEK, MONTH, QUARTER, YEAR is required")
    try:
        day = _first_day(window.calendar, _instant(begin).astimezone(zone).date())
        _instant(end).astimezone(zone)
        # The first instant of a day can be after one of the day before that is later: a double midnight.
        day = _before(window.calendar, day)
        while True:
            yield start_of(day, zone)
            day = _next(window.calendar, day)
    except OverflowError as error:
        raise refusal("from, to", "years 1 or 9999", "windows of a calendar need a year on either side") from error


def _instant(timestamp: int) -> datetime:
    return _EPOCH + timestamp * _MICROSECOND


def _first_day(calendar: int, day: date) -> date:
    """The first day of the window that a day is in."""
    if calendar == t.Calendar.TIME_SERIES_CALENDAR_DAY:
        return day
    if calendar == t.Calendar.TIME_SERIES_CALENDAR_WEEK:
        return day - timedelta(days=day.weekday())
    months = _MONTHS[calendar]
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def _next(calendar: int, day: date) -> date:
    """The first day of the window behind one that begins with a day."""
    if calendar == t.Calendar.TIME_SERIES_CALENDAR_DAY:
        return day + timedelta(days=1)
    if calendar == t.Calendar.TIME_SERIES_CALENDAR_WEEK:
        return day + timedelta(days=7)
    months = day.year * 12 + day.month - 1 + _MONTHS[calendar]
    if months >= 120_000:
        raise OverflowError("behind the year 9999")
    return date(months // 12, months % 12 + 1, 1)


def _before(calendar: int, day: date) -> date:
    return _first_day(calendar, day - timedelta(days=1))


def start_of(day: date, zone: tzinfo) -> int:
    """The first instant of a local day: where midnight is missing it is later, of two midnights it is the first."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    early, late = (_timestamp(midnight.replace(fold=fold)) for fold in (1, 0))
    if early >= late:  # one midnight, or two: the first one has fold 0
        return late
    # The clock is put forward over midnight. Between the two is the instant at which that happens.
    before = _offset(early - 1_000_000, zone)
    low, high = early // 1_000_000, late // 1_000_000
    while low < high:
        middle = (low + high) // 2
        if _offset(middle * 1_000_000, zone) == before:
            low = middle + 1
        else:
            high = middle
    return low * 1_000_000


def _timestamp(instant: datetime) -> int:
    return (instant.astimezone(UTC) - _EPOCH) // _MICROSECOND


def _offset(timestamp: int, zone: tzinfo) -> timedelta | None:
    return _instant(timestamp).astimezone(zone).utcoffset()
