"""Rules 1 to 5: events as they come in and as they come back."""

import asyncio
import math
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from prism.acceptance.callers.caller import UNTYPED
from prism.acceptance.suites.timeseries.dsl import BY_ID, SECOND, T0, Series, asked, at, event, raw, sent
from prism.client.filters import all_of, any_of, field, negated
from prism.client.values import to_value
from prism.errors import AlreadyExists, InvalidArgument, Unimplemented
from prism.interfaces import timeseries as t
from prism.interfaces.value import Value

_DESCENDING = t.Order.TIME_SERIES_ORDER_DESCENDING


async def test_they_come_back_as_they_were_given(series: Series) -> None:
    """CONTRACT, TimeSeries 4: attributes that are not declared come back, and so does every kind, equal."""
    await series.create()
    kinds = series.capabilities.value_kinds
    given = {
        "null": None, "bool": True, "int64": 2**53 + 1, "double": 0.1, "decimal": Decimal("1.500"), "string": "ä",
        "bytes": b"\0\xff", "list": [1, None, "x"], "map": {"a": {"b": 1}},
    }  # fmt: skip
    attributes: dict[str, Value] = {name: to_value(value) for name, value in given.items() if name in kinds}
    if "timestamp" in kinds:
        attributes["when"] = Value(timestamp=at(5))
    if "negative_zero" in kinds:
        attributes["zero"] = Value(double=-0.0)
    one = t.Event(timestamp=at(1), event_id="a", attributes=attributes | {"n": Value(int64=7)}, payload=b"\0p")
    await series.append(one)
    (found,) = await series.events()
    assert found == one
    if "zero" in attributes:
        assert math.copysign(1, found.attributes["zero"].double) == -1


async def test_what_a_backend_does_not_keep(series: Series) -> None:
    """CONTRACT, Values 2.3: NaN and infinities are kept where `value_kinds` names them; else refused, never changed."""
    await series.create()
    one = event(1, "a", x=math.nan, y=math.inf)
    if "non_finite" in series.capabilities.value_kinds:
        await series.append(one)
        (found,) = await series.events()
        assert math.isnan(found.attributes["x"].double)
        assert found.attributes["y"].double == math.inf
    else:
        await series.refused(Unimplemented, "Append", t.AppendRequest(stream="s", events=[event(2, "b"), one]))
        assert await series.ids() == []


async def test_an_event_without_an_id_is_given_one(series: Series) -> None:
    """CONTRACT, TimeSeries 1: an event without `event_id` is given one, a UUID of version 7."""
    await series.create()
    assert await series.append(event(1), event(1), event(2, "own")) == (3, 0, 0)
    *made, own = await series.ids()
    assert own == "own"
    assert [UUID(each).version for each in made] == [7, 7]
    assert len({*made}) == 2


async def test_the_order_of_time_is_total(series: Series) -> None:
    """CONTRACT, TimeSeries 1: the order of time is (timestamp, event_id by its bytes)."""
    await series.create()
    ids = ["b", "a", "B", "é", "z", "a!", "a0", "aa", "\U0001f600", "\uffff"]
    events = [event(second, each) for second in (2, 1) for each in ids]
    await series.append(*events)
    expected = sent(events)
    assert await series.ids(limit=3) == expected
    assert await series.ids(limit=3, order=_DESCENDING) == expected[::-1]
    found, end = await series.streamed(order=_DESCENDING)
    assert [each.event_id for each in found] == expected[::-1]
    assert end.complete


async def test_equal_keys_page_without_a_skip(series: Series) -> None:
    """CONTRACT, TimeSeries 1: events that are equal in both have an order that stays."""
    await series.create()
    await series.append(*(event(1, "same", b"%d" % number) for number in range(20)))
    for order in (t.Order.TIME_SERIES_ORDER_ASCENDING, _DESCENDING):
        found = await series.events(limit=3, order=order)
        assert sorted(int(each.payload) for each in found) == list(range(20))


async def test_one_event_stays_one(series: Series) -> None:
    """CONTRACT, TimeSeries 2: with `dedup` timestamp and event_id are one event; the first stays, others count."""
    series.needs("dedup")
    await series.create(dedup=BY_ID)
    assert await series.append(event(1, "a", b"first"), event(1, "a", b"again"), event(2, "a")) == (2, 1, 0)
    assert await series.append(event(1, "a", b"later"), event(1, "b")) == (1, 1, 0)
    found = await series.events()
    assert [(each.timestamp, each.event_id) for each in found] == [(at(1), "a"), (at(1), "b"), (at(2), "a")]
    assert found[0].payload == b"first"


async def test_racing_repetitions_are_one(series: Series) -> None:
    """CONTRACT, TimeSeries 2: repeating an Append is safe, through several gateways at once too."""
    series.needs("dedup")
    await series.create(dedup=BY_ID)
    events = [event(number, f"e{number}") for number in range(10)]
    done = await asyncio.gather(*(series.append(*events) for _ in range(8)))
    counted = sum(appended for appended, _, _ in done)
    if series.capabilities.transactions or series.caller.gateways == 1:
        assert counted == 10
    assert counted >= 10
    assert all(appended + duplicates == 10 for appended, duplicates, _ in done)
    assert await series.ids() == sent(events)


async def test_a_range_is_half_open(series: Series) -> None:
    """CONTRACT, TimeSeries 3: a range is [from, to), whatever the order of arrival."""
    await series.create()
    for second in (3, 1, 4, 2):
        await series.append(event(second, f"e{second}"))
    assert await series.ids(since=at(2), to=at(4)) == ["e2", "e3"]
    assert await series.ids(since=at(2), to=at(2)) == []
    assert await series.ids(to=at(2)) == ["e1"]
    assert await series.ids(since=at(3) + 1) == ["e4"]
    backwards = asked(t.QueryPageRequest, stream="s", since=at(2), to=at(1))
    error = await series.refused(InvalidArgument, "QueryPage", backwards)
    assert error.violations[0].field == "to"


async def test_what_arrives_behind_a_cursor(series: Series) -> None:
    """CONTRACT, TimeSeries 3: what arrives behind a cursor is not seen by those who have passed it; the rest is."""
    await series.create()
    await series.append(*(event(second, f"e{second}") for second in (2, 4, 6)))
    first = await series.page(limit=2)
    await series.append(event(1, "behind"), event(5, "before"))
    rest = await series.page(limit=10, cursor=first.next_cursor)
    assert [each.event_id for each in (*first.events, *rest.events)] == ["e2", "e4", "before", "e6"]


@UNTYPED
async def test_whose_a_cursor_is(series: Series) -> None:
    """CONTRACT, TimeSeries 3: a cursor belongs to its namespace, stream, range, filter and order."""
    await series.create()
    await series.create("other")
    await series.append(*(event(second) for second in range(4)))
    cursor = (await series.page(limit=1)).next_cursor
    elsewhere = series.elsewhere()
    await elsewhere.create()
    await elsewhere.refused(InvalidArgument, "QueryPage", t.QueryPageRequest(stream="s", cursor=cursor))
    for changed in ({"stream": "other"}, {"since": 1}, {"order": _DESCENDING}, {"filter": field("n").eq(1)}):
        request = asked(t.QueryPageRequest, **{"stream": "s", "cursor": cursor, **changed})
        await series.refused(InvalidArgument, "QueryPage", request)
    await series.refused(InvalidArgument, "QueryPage", t.QueryPageRequest(stream="s", cursor=cursor[:-1]))
    found, _ = await series.streamed(cursor=cursor)
    assert len(found) == 3


async def test_a_field_has_its_kind(series: Series) -> None:
    """CONTRACT, TimeSeries 4: a field of another kind than the stream declares refuses the whole call."""
    await series.create()
    request = t.AppendRequest(stream="s", events=[event(1, "a", n=1), event(2, "b", n="one")])
    error = await series.refused(InvalidArgument, "Append", request)
    assert error.violations[0].field.startswith("events[1].attributes")
    assert await series.ids() == []
    await series.append(event(3, "c", n=None))
    assert await series.ids(filter=negated(field("n").exists())) == ["c"]


async def test_filters(series: Series) -> None:
    """CONTRACT, Values 3: every test is true or false; a missing field makes every test false but NE."""
    await series.create()
    rows: dict[str, dict[str, Any]] = {
        "a": {"place": "Oslo", "n": 1, "x": 0.5, "price": Decimal("1.50")},
        "b": {"place": "Øre", "n": 2**53 + 1, "x": 2.5, "price": Decimal(-3)},
        "c": {"place": "oslo", "n": -4},
        "d": {},
    }
    await series.append(*(event(second, name, **row) for second, (name, row) in enumerate(rows.items())))
    for condition, expected in (
        (field("place").eq("Oslo"), "a"),
        (field("place").ne("Oslo"), "bcd"),
        (field("place").starts_with("o"), "c"),
        (field("n").lt(1.5), "ac"),
        (field("n").ge(2**53), "b"),
        (field("n").is_in([1, -4, 9]), "ac"),
        (field("x").gt(Decimal("0.5")), "b"),
        (field("price").le(1.5), "ab"),
        (field("n").exists(), "abc"),
        (negated(field("n").exists()), "d"),
        (any_of(field("n").eq(1), field("place").eq("Øre")), "ab"),
        (all_of(field("n").gt(0), negated(field("place").starts_with("O"))), "b"),
        (all_of(), "abcd"),
        (any_of(), ""),
    ):
        assert "".join(await series.ids(filter=condition, limit=2)) == expected, condition


async def test_only_fields_are_asked_for(series: Series) -> None:
    """CONTRACT, TimeSeries 4: filters, groups and functions refuse what the stream does not declare."""
    await series.create()
    await series.append(event(1, "a", other=1))
    request = t.QueryPageRequest(stream="s", filter=field("other").eq(1))
    await series.refused(InvalidArgument, "QueryPage", request)
    await series.refused(InvalidArgument, "QueryPage", t.QueryPageRequest(stream="s", filter=field("n").eq("one")))
    if series.capabilities.latest:
        await series.refused(InvalidArgument, "Latest", t.LatestRequest(stream="s", group_by=["other"]))


async def test_all_or_nothing(series: Series) -> None:
    """CONTRACT, TimeSeries 5: an Append is all or nothing, whatever is wrong with one of its events."""
    series.needs("transactions")
    await series.create()
    good = [event(second, f"e{second}") for second in range(5)]
    for bad in (event(1, n=1.5), raw(1 << 62), event(5 * 3600 * 24)):
        await series.refused(InvalidArgument, "Append", t.AppendRequest(stream="s", events=[*good, bad]))
    assert await series.ids() == []


async def test_gathered_calls_have_their_own_outcomes(series: Series) -> None:
    """CONTRACT, TimeSeries 5: calls are gathered, and one that is refused refuses no other."""
    await series.create()
    ahead = event(3600 * 24)

    async def one(number: int) -> None:
        if number % 5 == 0:
            request = t.AppendRequest(stream="s", events=[event(number, f"{number}a"), ahead])
            await series.refused(InvalidArgument, "Append", request)
        else:
            assert await series.append(event(number, f"{number}a"), event(number, f"{number}b")) == (2, 0, 0)

    await asyncio.gather(*map(one, range(40)))
    assert len(await series.ids()) == 64


async def test_repeated_with_its_key(series: Series) -> None:
    """CONTRACT, idempotency keys: the same request gives the first answer again, another one ALREADY_EXISTS."""
    series.needs("idempotency_window")
    await series.create()
    for _ in range(3):
        assert await series.append(event(1, "a"), event(2, "b"), idempotency_key="k") == (2, 0, 0)
    assert await series.ids() == ["a", "b"]
    other = t.AppendRequest(stream="s", events=[event(1, "c")], idempotency_key="k")
    await series.refused(AlreadyExists, "Append", other)
    assert await series.elsewhere().append(event(1), idempotency_key="k") == (1, 0, 0)


@pytest.mark.ways("binding", "grpc")
async def test_many_events(series: Series) -> None:
    """CONTRACT, TimeSeries 14: a call takes 10,000 events, and a stream of pages gives them all, with `end`."""
    await series.create()
    events = [raw(T0 + number * 1000, f"{number:05}", n=number) for number in range(10_000)]
    assert await series.append(*events) == (10_000, 0, 0)
    found, end = await series.streamed()
    assert [each.event_id for each in found] == [f"{number:05}" for number in range(10_000)]
    assert end.complete
    some, end = await series.streamed(limit=10)
    assert len(some) == 10
    assert end.complete
    rest, _ = await series.streamed(cursor=end.next_cursor)
    assert len(rest) == 9990
    over = t.AppendRequest(stream="s", events=[*events, events[0]])
    await series.refused(InvalidArgument, "Append", over)


@pytest.mark.parametrize("timestamp", [-62_135_596_800_000_000, -1, 0])
async def test_old_instants(series: Series, timestamp: int) -> None:
    """CONTRACT, TimeSeries: instants are in the years 1 to 9999, before 1970 too."""
    await series.create()
    await series.append(raw(timestamp, "a"), raw(timestamp + SECOND, "b"))
    assert await series.ids(since=timestamp, to=timestamp + 1) == ["a"]
    request = t.AppendRequest(stream="s", events=[raw(-62_135_596_800_000_001)])
    await series.refused(InvalidArgument, "Append", request)
