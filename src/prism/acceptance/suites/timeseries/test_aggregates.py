"""Rules 6, 7, 9, 10: functions, groups, empty buckets, pages. Windows: test_windows.py."""

import math
from decimal import Decimal
from typing import Any

import pytest

from prism.acceptance.suites.timeseries.dsl import Series, asked, at, event, every, fill, function
from prism.client.filters import field
from prism.errors import InvalidArgument, LimitExceeded
from prism.interfaces import timeseries as t

_two_ways = pytest.mark.ways("binding", "grpc")  # what a store answers; the first test goes by every way
_ALL = ("sum", "min", "max", "avg", "stddev", "p50", "p90", "p95", "p99")


def close(found: object, expected: float) -> bool:
    """Whether a double agrees to 1e-9."""
    return isinstance(found, float) and math.isclose(found, expected, rel_tol=1e-9)


async def test_every_function(series: Series) -> None:
    """CONTRACT, TimeSeries 6: each function, over the events that have the field."""
    series.needs("aggregate")
    await series.create()
    values = [5, 3, 8, 1, 9, 2, 7]
    await series.append(*(event(second, n=value) for second, value in enumerate(values)), event(0.5), event(99, x=1.0))
    names = ("count", "first", "last", *_ALL)
    count, first, last, total, low, high, mean, deviation, *percentiles = await series.values(
        *(function(name, "n") for name in names)
    )
    assert (count, first, last, total, low, high) == (7, 5, 7, Decimal(35), 1, 9)
    assert close(mean, 5.0)
    assert close(deviation, math.sqrt(58 / 6))
    assert percentiles == [5, 9, 9, 9]
    assert await series.values(function("count"), function("count", "x")) == [9, 1]


@_two_ways
async def test_percentiles_are_values(series: Series) -> None:
    """CONTRACT, TimeSeries 6: a percentile is the smallest value with at least that share at or below it."""
    series.needs("aggregate")
    await series.create()
    for count in (1, 2, 10, 20, 100, 200):
        begin = count * 10
        await series.append(*(event(begin + number / 100, n=number + 1) for number in range(count)))
        found = await series.values(
            *(function(name, "n") for name in ("p50", "p90", "p95", "p99")), since=at(begin), to=at(begin + 9)
        )
        assert found == [math.ceil(count * share / 100) for share in (50, 90, 95, 99)], count


@_two_ways
async def test_sums_do_not_overflow(series: Series) -> None:
    """CONTRACT, TimeSeries 6: the sum of int64 and decimal is a decimal, exact."""
    series.needs("aggregate")
    await series.create()
    huge = 2**63 - 1
    await series.append(*(event(second, n=huge) for second in range(5)), event(6, n=-(2**63)))
    await series.append(event(7, price=Decimal("0.10")), event(8, price=Decimal("123456789012345678901234567890.25")))
    total, prices, high, price = await series.values(
        function("sum", "n"), function("sum", "price"), function("avg", "n"), function("max", "price")
    )
    assert total == Decimal(5 * huge - 2**63)
    assert isinstance(total, Decimal)
    assert prices == Decimal("123456789012345678901234567890.35")
    assert close(high, (5 * huge - 2**63) / 6)
    assert price == Decimal("123456789012345678901234567890.25")


@_two_ways
async def test_the_deviation_is_the_samples(series: Series) -> None:
    """CONTRACT, TimeSeries 6: stddev is the sample's, null below two values; exact far from zero too."""
    series.needs("aggregate")
    await series.create()
    await series.append(event(1, x=1e9 + 1, n=1, price=Decimal("10.5")))
    assert await series.values(function("stddev", "x"), function("stddev", "n")) == [None, None]
    await series.append(event(2, x=1e9 + 2, n=10**15, price=Decimal("11.5")), event(3, x=1e9 + 3, n=10**15 + 1))
    x, n, price = await series.values(*(function("stddev", name) for name in ("x", "n", "price")))
    assert close(x, 1.0)
    assert close(price, math.sqrt(0.5))
    values = [1, 10**15, 10**15 + 1]
    mean = sum(values) / 3
    assert close(n, math.sqrt(sum((each - mean) ** 2 for each in values) / 2))


@_two_ways
async def test_nan_is_no_number(series: Series) -> None:
    """CONTRACT, TimeSeries 6: a NaN counts for COUNT, FIRST and LAST only."""
    series.needs("aggregate")
    if "non_finite" not in series.capabilities.value_kinds:
        pytest.skip("not here: the backend keeps no NaN")
    await series.create()
    await series.append(event(1, x=math.nan), event(2, x=2.0), event(3, x=4.0), event(4, x=math.nan))
    found = await series.values(*(function(name, "x") for name in ("count", "sum", "min", "max", "avg", "p99")))
    assert found == [4, 6.0, 2.0, 4.0, 3.0, 4.0]
    first, last = await series.values(function("first", "x"), function("last", "x"))
    assert math.isnan(first)
    assert math.isnan(last)
    await series.append(event(5, x=math.inf))
    assert await series.values(function("sum", "x"), function("max", "x")) == [math.inf, math.inf]


@_two_ways
async def test_first_and_last_go_by_time(series: Series) -> None:
    """CONTRACT, TimeSeries 6: first and last go by (timestamp, event_id), not by arrival."""
    series.needs("aggregate")
    await series.create()
    await series.append(event(2, "b", place="second"), event(2, "a", place="first"))
    await series.append(event(1, "z"), event(3, "a!", place="last but one"), event(3, "a0", place="last"))
    assert await series.values(function("first", "place"), function("last", "place")) == ["first", "last"]
    text = await series.values(function("min", "place"), function("max", "place"), function("count", "place"))
    assert text == ["first", "second", 4]


@_two_ways
async def test_functions_fit_their_fields(series: Series) -> None:
    """CONTRACT, TimeSeries 4: what a function cannot be of is refused, with the field."""
    series.needs("aggregate")
    await series.create()
    for wrong in (function("sum", "place"), function("avg", "missing"), function("min"), t.Function()):
        request = t.AggregateRequest(stream="s", functions=[function("count"), wrong])
        error = await series.refused(InvalidArgument, "Aggregate", request)
        assert error.violations[0].field.startswith("functions[1]")
    twice = t.AggregateRequest(stream="s", functions=[function("count"), function("sum", "n", "count")])
    await series.refused(InvalidArgument, "Aggregate", twice)
    named = t.AggregateRequest(stream="s", functions=[function("sum", "n"), function("count", "", "all")])
    assert list((await series.call("Aggregate", named)).names) == ["sum_n", "all"]
    grouped = t.AggregateRequest(stream="s", functions=[function("count")], group_by=["x"])
    await series.refused(InvalidArgument, "Aggregate", grouped)


@_two_ways
async def test_filtered(series: Series) -> None:
    """CONTRACT, TimeSeries 6: functions are over what the range and the filter leave."""
    series.needs("aggregate")
    await series.create()
    await series.append(*(event(second, n=second, place="ab"[second % 2]) for second in range(10)))
    found = await series.values(function("sum", "n"), filter=field("place").eq("b"), since=at(2), to=at(8))
    assert found == [Decimal(3 + 5 + 7)]
    assert await series.buckets(function("count"), filter=field("place").eq("c")) == []


@_two_ways
async def test_groups_in_their_order(series: Series) -> None:
    """CONTRACT, TimeSeries 10: buckets come by (start, group), null before every value, without a skip at a page."""
    series.needs("aggregate")
    await series.create()
    places = ["b", "a", "B", "é", None, "aa", "\U0001f600", "\uffff"]
    await series.append(
        *(event(second + number / 100, place=each, n=number % 3 - 1)
          for second in (1, 11) for number, each in enumerate(places))
    )  # fmt: skip
    window: dict[str, Any] = {"window": every(10, at(0)), "since": at(0), "to": at(20)}
    expected = [
        (at(begin), at(begin + 10), [place], [1])
        for begin in (0, 10)
        for place in [None, *sorted((each for each in places if each), key=str.encode)]
    ]
    for limit in (0, 1, 3):
        assert await series.buckets(function("count"), group_by=["place"], limit=limit, **window) == expected
    two = await series.buckets(function("count"), group_by=["n", "place"], limit=2)
    pairs = [(number % 3 - 1, each) for number, each in enumerate(places)]
    pairs.sort(key=lambda pair: (pair[0], pair[1] is not None, (pair[1] or "").encode()))
    assert [tuple(group) for _, _, group, _ in two] == pairs


@_two_ways
@pytest.mark.parametrize("limit", [0, 2])
async def test_empty_buckets(series: Series, limit: int) -> None:
    """CONTRACT, TimeSeries 9: empty buckets are absent unless `fill` says what they have."""
    series.needs("aggregate")
    await series.create()
    await series.append(event(1, place="a", n=1), event(31, place="a", n=3), event(31, place="b", n=5))
    range_: dict[str, Any] = {"window": every(10, at(0)), "since": at(0), "to": at(50), "limit": limit}
    functions = function("sum", "n"), function("count")

    async def found(**more: Any) -> list[list[object]]:
        buckets = await series.buckets(*functions, **range_, **more)
        return [[(start - at(0)) // 10_000_000, *group, *values] for start, _, group, values in buckets if start]

    one, three, five, eight = Decimal(1), Decimal(3), Decimal(5), Decimal(8)
    assert await found() == [[0, one, 1], [3, eight, 2]]
    assert await found(fill=fill("null")) == [[0, one, 1], [1, None, 0], [2, None, 0], [3, eight, 2], [4, None, 0]]
    assert await found(fill=fill("value", -1)) == [[0, one, 1], [1, -1, 0], [2, -1, 0], [3, eight, 2], [4, -1, 0]]
    assert await found(fill=fill("previous")) == [[0, one, 1], [1, one, 0], [2, one, 0], [3, eight, 2], [4, eight, 0]]
    assert await found(fill=fill("previous"), group_by=["place"]) == [
        [0, "a", one, 1], [0, "b", None, 0], [1, "a", one, 0], [1, "b", None, 0], [2, "a", one, 0], [2, "b", None, 0],
        [3, "a", three, 1], [3, "b", five, 1], [4, "a", three, 0], [4, "b", five, 0],
    ]  # fmt: skip
    nothing = await series.buckets(*functions, **range_, filter=field("n").eq(77), fill=fill("null"))
    assert [values for _, _, _, values in nothing] == [[None, 0]] * 5


@_two_ways
async def test_more_than_is_exact(series: Series) -> None:
    """CONTRACT, TimeSeries 7: percentiles of more than `exact_values` values are RESOURCE_EXHAUSTED."""
    series.needs("aggregate")
    await series.create()
    most = 2000
    await series.append(*(event(number / 1000, n=number) for number in range(most)))
    assert await series.values(function("p50", "n")) == [most // 2 - 1]
    await series.append(event(100, n=1))
    request = t.AggregateRequest(stream="s", functions=[function("p50", "n")])
    error = await series.refused(LimitExceeded, "Aggregate", request)
    assert "exact_values" in error.message
    assert await series.values(function("p50", "n"), to=at(100)) == [most // 2 - 1]
    assert await series.values(function("max", "n")) == [most - 1]


@_two_ways
async def test_too_many_groups(series: Series) -> None:
    """CONTRACT, TimeSeries 10: more than `max_groups` groups are RESOURCE_EXHAUSTED."""
    series.needs("aggregate")
    await series.create()
    most = 500
    await series.append(*(event(number / 1000, n=number) for number in range(most)))
    assert len(await series.buckets(function("count"), group_by=["n"])) == most
    await series.append(event(100, n=-1))
    request = t.AggregateRequest(stream="s", functions=[function("count")], group_by=["n"])
    error = await series.refused(LimitExceeded, "Aggregate", request)
    assert "max_groups" in error.message


@_two_ways
async def test_the_newest_of_each(series: Series) -> None:
    """proto, Latest: the newest event of each group, in the order of the groups; without groups the newest event."""
    series.needs("latest")
    await series.create()
    await series.append(event(5, "a5", place="a"), event(1, "b1", place="b"), event(3, "c3", n=3), event(5, "a4"))
    await series.append(event(2, "b2", place="b", n=1), event(2, "b0", place="b"))
    assert [each.event_id for each in await series.latest()] == ["a5"]
    for limit in (0, 1):
        assert [each.event_id for each in await series.latest(["place"], limit=limit)] == ["a4", "a5", "b2"]
    assert [each.event_id for each in await series.latest(["place"], since=at(4))] == ["a4", "a5"]
    some = await series.latest(["place"], filter=field("n").exists())
    assert [each.event_id for each in some] == ["c3", "b2"]


@_two_ways
async def test_deleted_events(series: Series) -> None:
    """proto, DeleteEvents: removes the events of a range that a filter names."""
    series.needs("delete_events")
    await series.create()
    await series.append(*(event(second, f"e{second}", n=second % 2) for second in range(8)))
    request = asked(t.DeleteEventsRequest, stream="s", since=at(2), to=at(6), filter=field("n").eq(1))
    assert (await series.call("DeleteEvents", request)).deleted == 2
    assert await series.ids() == ["e0", "e1", "e2", "e4", "e6", "e7"]
    assert (await series.call("DeleteEvents", t.DeleteEventsRequest(stream="s"))).deleted == 6
    assert await series.ids() == []
