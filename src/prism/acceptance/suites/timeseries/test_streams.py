"""Streams: made, changed, listed, deleted; rules 12 and 13."""

import asyncio
import time

from prism.acceptance.suites.timeseries.dsl import BY_ID, FIELDS, SECOND, Series, at, event, fields, function, raw
from prism.client.filters import field
from prism.errors import AlreadyExists, InvalidArgument, StreamNotFound
from prism.interfaces import timeseries as t

_PATIENCE = 10.0


async def test_made_twice(series: Series) -> None:
    """proto, CreateStream: one that exists with this configuration is no error; with another one ALREADY_EXISTS."""
    first = await series.create(retention=3600.0)
    again = await series.create(retention=3600.0)
    assert (first.created, again.created) == (True, False)
    assert first.config == again.config
    assert [(each.name, each.kind) for each in first.config.fields] == [*FIELDS.items()]
    assert first.config.max_ahead.seconds == 3600
    other = t.CreateStreamRequest(stream="s", config=t.Config(fields=fields({"n": "int64"})))
    await series.refused(AlreadyExists, "CreateStream", other)
    twice = t.CreateStreamRequest(stream="t", config=t.Config(fields=fields({"n": "int64"}) * 2))
    await series.refused(InvalidArgument, "CreateStream", twice)
    unknown = t.CreateStreamRequest(stream="t", config=t.Config(fields=fields({"n": "number"})))
    await series.refused(InvalidArgument, "CreateStream", unknown)


async def test_a_stream_makes_itself(series: Series) -> None:
    """CONTRACT, TimeSeries, making: streams make themselves by Append; what else names a missing one is NOT_FOUND."""
    for method, request in (
        ("QueryPage", t.QueryPageRequest(stream="s")),
        ("DescribeStream", t.DescribeStreamRequest(stream="s")),
        ("UpdateStream", t.UpdateStreamRequest(stream="s")),
        ("Query", t.QueryRequest(stream="s")),
    ):
        await series.refused(StreamNotFound, method, request)
    await series.append(event(1, "a", anything=1))
    assert await series.ids() == ["a"]
    assert not (await series.describe()).config.fields


async def test_described(series: Series) -> None:
    """proto, DescribeStream: the configuration, the first and the last timestamp, the tz database."""
    await series.create()
    empty = await series.describe()
    assert not empty.HasField("first")
    assert not empty.HasField("last")
    assert empty.tzdata
    await series.append(event(5), event(2), event(9))
    found = await series.describe()
    assert (found.first, found.last) == (at(2), at(9))


async def test_fields_are_added(series: Series) -> None:
    """CONTRACT, TimeSeries, making: a field that is declared later is one of what is stored from then on."""
    await series.create(kinds={"n": "int64"})
    await series.append(event(1, "before", n=1, late="x"))
    request = t.UpdateStreamRequest(stream="s", fields=fields({"n": "int64", "late": "string"}))
    updated = await series.call("UpdateStream", request)
    assert [each.name for each in updated.config.fields] == ["n", "late"]
    for via in (0, 1):
        await series.append(event(2, f"after{via}", n=2, late="x"), via=via)
    assert await series.ids(filter=field("late").eq("x")) == ["after0", "after1"]
    assert await series.ids(filter=field("late").ne("x")) == ["before"]
    assert {each.attributes["late"].string for each in await series.events()} == {"x"}
    other = t.UpdateStreamRequest(stream="s", fields=fields({"n": "string"}))
    await series.refused(AlreadyExists, "UpdateStream", other)
    wrong = t.AppendRequest(stream="s", events=[event(3, late=1)])
    for via in (0, 1):
        await series.refused(InvalidArgument, "Append", wrong, via=via)


async def test_listed(series: Series) -> None:
    """proto, ListStreams: pages of names in byte order, those of the namespace alone."""
    names = ["a", "a.b", "B", "é", "z%", "z_", "zz"]
    for name in names:
        await series.create(name)
    found: list[str] = []
    cursor = b""
    while True:
        page = await series.call("ListStreams", t.ListStreamsRequest(limit=2, cursor=cursor))
        found += page.streams
        cursor = page.next_cursor
        if not cursor:
            break
    assert found == sorted(names, key=str.encode)
    some = await series.call("ListStreams", t.ListStreamsRequest(prefix="z_"))
    assert list(some.streams) == ["z_"]
    assert not (await series.elsewhere().call("ListStreams", t.ListStreamsRequest())).streams


async def test_namespaces_are_apart(series: Series) -> None:
    """CONTRACT, common rules: no write of one namespace changes another."""
    other = series.elsewhere()
    for each, name in ((series, "mine"), (other, "other")):
        await each.create()
        await each.append(event(1, name))
    assert (await series.ids(), await other.ids()) == (["mine"], ["other"])
    await series.call("DeleteStream", t.DeleteStreamRequest(stream="s"))
    assert await other.ids() == ["other"]


async def test_a_deleted_stream_is_gone(series: Series) -> None:
    """CONTRACT, TimeSeries 13: a deleted stream is gone at once; one made anew under its name is empty."""
    await series.create()
    await series.append(*(event(second) for second in range(5)))
    cursor = (await series.page(limit=2)).next_cursor
    deleted = await series.call("DeleteStream", t.DeleteStreamRequest(stream="s"))
    assert deleted.existed
    for via in (0, 1):
        await series.refused(StreamNotFound, "QueryPage", t.QueryPageRequest(stream="s"), via=via)
    assert not (await series.call("DeleteStream", t.DeleteStreamRequest(stream="s"))).existed
    await series.create(kinds={"other": "string"})
    for via in (0, 1):
        assert not (await series.page(via=via)).events
    for via in (0, 1):
        await series.append(event(7, f"new{via}", other="x"), via=via)
    assert await series.ids() == ["new0", "new1"]
    await series.refused(InvalidArgument, "QueryPage", t.QueryPageRequest(stream="s", cursor=cursor))


async def test_beyond_retention(series: Series) -> None:
    """CONTRACT, TimeSeries 12: what is beyond retention is in no answer at once; what comes so late is `expired`."""
    await series.create(retention=7200.0)
    assert await series.append(event(-3700, "old"), event(1, "new", n=1)) == (1, 0, 1)
    assert await series.ids() == ["new"]
    await series.call("UpdateStream", t.UpdateStreamRequest(stream="s", keep_for_ever=True))
    assert await series.append(event(-3700, "old", n=5)) == (1, 0, 0)
    request = t.UpdateStreamRequest(stream="s")
    request.retention.FromMicroseconds(7200 * SECOND)
    await series.call("UpdateStream", request)
    assert await series.ids() == ["new"]
    assert await series.ids(order=t.Order.TIME_SERIES_ORDER_DESCENDING) == ["new"]
    assert (await series.describe()).first == at(1)
    if series.capabilities.aggregate:
        assert await series.values(function("count"), function("min", "n")) == [1, 1]
    if series.capabilities.latest:
        assert [each.event_id for each in await series.latest(["n"])] == ["new"]


async def test_it_passes_while_one_looks(series: Series) -> None:
    """CONTRACT, TimeSeries 12: retention goes by the timestamp and the store's clock."""
    await series.create(retention=3602.0)
    await series.append(event(0, "a"), event(1800, "b"))
    async with asyncio.timeout(_PATIENCE + 10):
        while "a" in await series.ids():  # noqa: ASYNC110  # only the store's clock ends it
            await asyncio.sleep(0.1)
    assert await series.ids() == ["b"]


async def test_too_far_ahead(series: Series) -> None:
    """CONTRACT, TimeSeries 12: an event later than now and `max_ahead` refuses the whole call."""
    await series.create(max_ahead=60.0)
    now = int(time.time()) * SECOND
    ahead = t.AppendRequest(stream="s", events=[event(1), raw(now + 600 * SECOND)])
    error = await series.refused(InvalidArgument, "Append", ahead)
    assert error.violations[0].field == "events[1].timestamp"
    assert await series.append(raw(now - 60 * SECOND, "near")) == (1, 0, 0)
    await series.create("wide", max_ahead=1e9)
    assert await series.append(raw(at(9e8), "far"), stream="wide") == (1, 0, 0)


async def test_counts_add_up(series: Series) -> None:
    """proto, Append: appended, duplicates and expired add up to the events of the request."""
    series.needs("dedup")
    await series.create(dedup=BY_ID, retention=7200.0)
    events = [event(1, "a"), event(1, "a"), event(2, "b"), event(-4000, "c"), event(-4000, "c")]
    assert await series.append(*events) == (2, 1, 2)
