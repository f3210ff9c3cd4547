"""Rule 8: windows of one length, and of a calendar over changes of the clock."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from prism.acceptance.suites.timeseries.dsl import SECOND, Series, asked, calendar, every, function, raw
from prism.errors import InvalidArgument
from prism.interfaces import timeseries as t

pytestmark = pytest.mark.ways("binding", "grpc")  # windows are made in the plugin

_HOUR = 3600 * SECOND


def instant(text: str) -> int:
    """An instant, from its text in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def local(start: int | None, zone: str) -> str:
    """An instant as clocks of a zone had it."""
    assert start is not None
    return f"{datetime.fromtimestamp(start // SECOND, ZoneInfo(zone)):%Y-%m-%d %H:%M}"


async def hourly(series: Series, begin: int, end: int, step: int = _HOUR) -> None:
    """An event each hour."""
    await series.create()
    await series.append(*(raw(each) for each in range(begin, end, step)))


async def test_windows_of_one_length(series: Series) -> None:
    """CONTRACT, TimeSeries 8: a window begins at `origin`, and windows lie before it as well; the range cuts them."""
    series.needs("aggregate")
    await series.create()
    seconds = range(-25, 25)
    await series.append(*(raw(second * SECOND) for second in seconds))
    for origin in (0, 3, -7, 1_000_003):
        begin, end = -24, 23
        found = await series.buckets(
            function("count"), window=every(10, origin * SECOND), since=begin * SECOND, to=end * SECOND
        )
        edges = [begin, *(each for each in range(begin + 1, end) if (each - origin) % 10 == 0), end]
        assert [(start, stop, values) for start, stop, _, values in found] == [
            (low * SECOND, high * SECOND, [high - low]) for low, high in pairwise(edges)
        ]


@pytest.mark.parametrize(
    ("zone", "begin", "end", "starts", "hours"),
    [
        ("Europe/Berlin", "2025-03-28T23:00", "2025-03-31T22:00",
         ["2025-03-29 00:00", "2025-03-30 00:00", "2025-03-31 00:00"], [24, 23, 24]),
        ("Europe/Berlin", "2025-10-24T22:00", "2025-10-27T23:00",
         ["2025-10-25 00:00", "2025-10-26 00:00", "2025-10-27 00:00"], [24, 25, 24]),
        # Clocks there went from 00:01 back to 23:01 of the day before, and forward from 00:01 to 01:01.
        ("America/St_Johns", "2010-11-06T02:30", "2010-11-09T03:30",
         ["2010-11-06 00:00", "2010-11-07 00:00", "2010-11-08 00:00"], [24, 25, 24]),
        ("America/St_Johns", "2010-03-13T03:30", "2010-03-16T02:30",
         ["2010-03-13 00:00", "2010-03-14 00:00", "2010-03-15 00:00"], [24, 23, 24]),
        # A midnight that is missing: clocks went from 00:00 to 01:00.
        ("America/Sao_Paulo", "2018-11-03T03:00", "2018-11-06T02:00",
         ["2018-11-03 00:00", "2018-11-04 01:00", "2018-11-05 00:00"], [24, 23, 24]),
        # Two midnights: clocks went from 01:00 back to 00:00.
        ("America/Havana", "2025-11-01T04:00", "2025-11-04T05:00",
         ["2025-11-01 00:00", "2025-11-02 00:00", "2025-11-03 00:00"], [24, 25, 24]),
        # A day that never was: from the 29th at midnight to the 31st.
        ("Pacific/Apia", "2011-12-28T10:00", "2012-01-01T10:00",
         ["2011-12-28 00:00", "2011-12-29 00:00", "2011-12-31 00:00", "2012-01-01 00:00"], [24, 24, 24, 24]),
    ],
)  # fmt: skip
async def test_days_over_changes_of_the_clock(
    series: Series, zone: str, begin: str, end: str, starts: list[str], hours: list[int]
) -> None:
    """CONTRACT, TimeSeries 8: a day begins with its first instant, so there are days of 23 and 25 hours."""
    series.needs("aggregate")
    low, high = instant(begin), instant(end)
    await hourly(series, low, high)
    found = await series.buckets(function("count"), window=calendar("day", zone), since=low, to=high)
    assert [local(start, zone) for start, _, _, _ in found] == starts
    assert [values for _, _, _, values in found] == [[each] for each in hours]
    assert [stop for _, stop, _, _ in found] == [*(start for start, _, _, _ in found[1:]), high]


async def test_longer_windows(series: Series) -> None:
    """CONTRACT, TimeSeries 8: weeks begin on Monday; months, quarters and years with their first day."""
    series.needs("aggregate")
    low, high = instant("2024-11-15T12:00"), instant("2026-02-03T00:00")
    await hourly(series, low, high, 24 * _HOUR)
    for unit, first, count in (("week", "2024-11-18", 65), ("month", "2024-12-01", 16), ("quarter", "2025-01-01", 6),
                               ("year", "2025-01-01", 3)):  # fmt: skip
        found = await series.buckets(function("count"), window=calendar(unit, "Europe/Berlin"), since=low, to=high)
        assert found[0][0] == low
        assert local(found[1][0], "Europe/Berlin") == f"{first} 00:00"
        assert len(found) == count, unit
        assert found[-1][1] == high
        assert sum(values[0] for _, _, _, values in found) == (high - low) // (24 * _HOUR) + 1


async def test_windows_that_are_refused(series: Series) -> None:
    """CONTRACT, TimeSeries 8: at most 10,000 windows, each to 28 days, in a zone of the tz database."""
    series.needs("aggregate")
    await series.create()
    whole: dict[str, Any] = {"since": 0, "to": 10_000 * SECOND}
    most = await series.call(
        "Aggregate", asked(t.AggregateRequest, stream="s", functions=[function("count")], window=every(1), **whole)
    )
    assert not most.buckets
    for window, more in (
        (every(0.999), whole),
        (every(28 * 86400.0 + 1), whole),
        (calendar("day", "Europe/Nowhere"), whole),
        (calendar("day", "../../etc/passwd"), whole),
        (calendar("day"), {"since": 0, "to": instant("2020-01-01T00:00")}),
        (every(1), {"since": 0}),
    ):
        request = asked(
            t.AggregateRequest, **{"stream": "s", "functions": [function("count")], "window": window, **more}
        )
        await series.refused(InvalidArgument, "Aggregate", request)


async def test_windows_of_an_empty_range(series: Series) -> None:
    """CONTRACT, TimeSeries 3: a range [from, from) is empty, with windows too."""
    series.needs("aggregate")
    await series.create()
    await series.append(raw(5))
    assert await series.buckets(function("count"), window=every(timedelta(days=1).total_seconds()), since=5, to=5) == []
