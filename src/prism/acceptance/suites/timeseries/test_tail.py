"""Rule 11: what was there and then what arrives, each event once."""

import asyncio
from typing import Any

import pytest

from prism.acceptance.callers.caller import UNTYPED
from prism.acceptance.suites.timeseries.dsl import Series, asked, at, event, fields, raw
from prism.client.filters import field
from prism.errors import InvalidArgument, StreamNotFound
from prism.interfaces import timeseries as t


async def test_history_and_then_what_arrives(series: Series) -> None:
    """CONTRACT, TimeSeries 11: `ready`, what was there in the order of time, then what arrives in that of arrival."""
    series.needs("tail")
    await series.create()
    await series.append(event(5, "5"), event(3, "3"), event(4, "4"))
    async with series.tailing() as tail:
        assert await tail.until(3) == ["3", "4", "5"]
        for second in (9, 1, 7):
            await series.append(event(second, f"late{second}"))
        assert (await tail.until(6))[3:] == ["late9", "late1", "late7"]


async def test_no_seam(series: Series) -> None:
    """CONTRACT, TimeSeries 11: each event once, while others append through every gateway."""
    series.needs("tail")
    await series.create()
    count, writers = 20, 4

    async def write(writer: int) -> None:
        for number in range(count):
            await series.append(*(event(number, f"{writer}-{number}-{part}") for part in range(5)), via=writer)

    await write(99)
    tasks = [asyncio.create_task(write(writer)) for writer in range(writers)]
    total = (writers + 1) * count * 5
    async with series.tailing(via=0) as one, series.tailing(via=1) as other:
        await asyncio.gather(*tasks)
        for tail in (one, other):
            ids = await tail.until(total)
            assert len(ids) == len({*ids}) == total


async def test_it_goes_on_behind_a_position(series: Series) -> None:
    """CONTRACT, TimeSeries 11: each event once, also where the next Tail goes on behind a position, at any gateway."""
    series.needs("tail")
    await series.create()
    await series.append(*(raw(at(number / 1000), f"h{number}") for number in range(2500)))
    ids: list[str] = []
    position = b""
    for turn in range(12):
        async with series.tailing(via=turn, after=position) as tail:
            if turn > 4:
                await series.append(event(turn, f"l{turn}"))
            await tail.next()
            position = tail.position
            ids += tail.ids
        await series.append(event(-turn, f"between{turn}"))
    async with series.tailing(after=position) as tail:
        ids += await tail.until(2500 + 12 + 7 - len(ids))
    assert len(ids) == len({*ids}) == 2500 + 12 + 7
    history = [each for each in ids if each[0] == "h"]
    assert history == [f"h{number}" for number in range(2500)]


async def test_only_what_arrives(series: Series) -> None:
    """proto, TailRequest: `new_only` gives what arrives from now on; `from` and the filter hold for all."""
    series.needs("tail")
    await series.create()
    await series.append(event(1, "old"), event(50, "fifty", n=1))
    async with series.tailing(new_only=True) as new, series.tailing(
        since=at(10), filter=field("n").ge(1)
    ) as some:  # fmt: skip
        await series.append(event(2, "a", n=5), event(20, "b", n=0), event(21, "c", n=2))
        await series.append(event(30, "d", n=3))
        assert await new.until(4) == ["a", "b", "c", "d"]
        assert await some.until(3) == ["fifty", "c", "d"]


async def test_a_field_that_is_declared_while_events_come(series: Series) -> None:
    """CONTRACT, TimeSeries 4 and 11: an attribute that came before its field was declared matches no filter, of a Tail
    or of a Query; what comes behind it does, also where the reader of other tails began before."""
    series.needs("tail")
    await series.create(kinds={"n": "int64"})
    late = field("late").eq(1)
    done = asyncio.Event()

    async def write(writer: int) -> None:
        number = 0
        while not done.is_set():
            await series.append(event(number, f"{writer}-{number}", late=1), via=writer)
            number += 1

    async with series.tailing(via=0) as other:
        writing = [asyncio.create_task(write(writer)) for writer in range(2)]
        await other.until(4)
        declared = t.UpdateStreamRequest(stream="s", fields=fields({"late": "int64"}))
        await series.call("UpdateStream", declared, via=1)
        async with series.tailing(via=0, filter=late) as tail:
            await other.until(len(other.ids) + 4)
            done.set()
            await asyncio.gather(*writing)
            await series.append(event(0, "last", late=1))
            while "last" not in tail.ids:
                await tail.next()
    found = await series.ids(filter=late)
    assert sorted(tail.ids) == sorted(found)
    assert 0 < len(found) < len(await series.ids())


async def test_it_says_where_it_stands(series: Series) -> None:
    """proto, TailEvents: a position comes though there is nothing to send."""
    series.needs("tail")
    await series.create()
    async with series.tailing(filter=field("n").eq(1)) as tail:
        await series.append(event(1, "other", n=2))
        while not (await tail.next()).HasField("events"):
            pass
        position = tail.position
        assert tail.ids == []
    await series.append(event(2, "mine", n=1))
    async with series.tailing(filter=field("n").eq(1), after=position) as tail:
        assert await tail.until(1) == ["mine"]


async def test_what_retention_has_passed(series: Series) -> None:
    """CONTRACT, TimeSeries 11: where events behind a position are kept no longer `gap` says so, and it goes on."""
    series.needs("tail")
    await series.create()
    await series.append(event(0, "a"), event(1, "b"))
    async with series.tailing() as tail:
        await tail.until(2)
        await series.append(event(100, "c"))
        await tail.until(3)
        position = tail.position
    await series.append(event(-1800, "lost"), event(200, "kept"))
    request = t.UpdateStreamRequest(stream="s")
    request.retention.FromMicroseconds(4500 * 1_000_000)
    await series.call("UpdateStream", request)
    async with series.tailing(after=position) as tail:
        assert (await tail.until(1))[0] == "kept"
        assert tail.gaps == 1


@UNTYPED
async def test_whose_a_position_is(series: Series) -> None:
    """proto, TailRequest: a position is of a stream, `from` and filter; another or a forged one is refused."""
    series.needs("tail")
    await series.create()
    await series.create("other")
    async with series.tailing() as tail:
        position = tail.position
    wrongs: list[dict[str, Any]] = [
        {"stream": "other", "after": position},
        {"stream": "s", "after": position, "since": 5},
        {"stream": "s", "after": position, "filter": field("n").eq(1)},
        {"stream": "s", "after": position[:-1] + b"x"},
        {"stream": "s", "after": b"x"},
        {"stream": "s", "after": position, "new_only": True},
    ]
    for wrong in wrongs:
        await series.refused(InvalidArgument, "Tail", asked(t.TailRequest, **wrong))


async def test_a_deleted_stream_ends_its_tails(series: Series) -> None:
    """CONTRACT, TimeSeries 13: the tails of a deleted stream end; a position of it is a gap in one made anew."""
    series.needs("tail")
    await series.create()
    await series.append(event(1, "a"))
    async with series.tailing(via=0) as tail:
        await tail.until(1)
        position = tail.position
        await series.call("DeleteStream", t.DeleteStreamRequest(stream="s"), via=1)
        with pytest.raises(StreamNotFound):
            await tail.until(1000)
    await series.create()
    await series.append(event(2, "anew"))
    async with series.tailing(after=position) as tail:
        assert await tail.until(1) == ["anew"]
        assert tail.gaps == 1
