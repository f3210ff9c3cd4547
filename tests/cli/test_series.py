"""`prism series` against a real server."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cli.command import Done, prism
from client.upstream import Upstream
from prism.cli.series import spark
from series import keeping_series

CSV = """time,flight,delay,carrier
2013-01-01T05:00:00Z,1,2.5,UA
2013-01-01T06:00:00Z,2,,AA
2013-01-02T05:00:00+00:00,3,-1,UA
"""


@pytest.fixture
async def upstream(tmp_path: Path) -> AsyncIterator[Upstream]:
    """A server that keeps streams."""
    async with keeping_series(tmp_path) as upstream:
        yield upstream


async def series(upstream: Upstream, command: str, *arguments: str) -> Done:
    """A command that ends well."""
    done = await prism("series", command, "default", *arguments, endpoint=upstream.address)
    assert done.code == 0, done.err
    return done


async def test_in_and_out(upstream: Upstream, tmp_path: Path) -> None:
    """CSV and JSON Lines in; a table, CSV and JSON Lines out; the same file twice stores nothing new."""
    await series(upstream, "create", "flights", "delay:double", "carrier:string", "flight:int64", "--dedup")
    flights = tmp_path / "flights.csv"
    flights.write_text(CSV)
    told = await series(upstream, "append", "flights", str(flights), "--time", "time", "--id", "flight")
    assert "3 events appended, 0 duplicates" in told.err
    told = await series(upstream, "append", "flights", str(flights), "--time", "time", "--id", "flight")
    assert "0 events appended, 3 duplicates" in told.err
    lines = (await series(upstream, "query", "flights", "-f", "jsonl", "-w", "carrier=UA")).out.splitlines()
    assert [json.loads(line)["delay"] for line in lines] == [2.5, -1.0]
    again = tmp_path / "again.jsonl"
    again.write_text("\n".join(lines))
    await series(upstream, "create", "again", "delay:double")
    await series(upstream, "append", "again", str(again))
    out = (await series(upstream, "query", "again", "-f", "csv", "--descending", "--limit", "1")).out
    assert out.splitlines() == ["timestamp,event_id,delay", "2013-01-02T05:00:00.000000Z,3,-1.0"]


async def test_functions(upstream: Upstream, tmp_path: Path) -> None:
    """By windows of a calendar and by groups."""
    flights = tmp_path / "flights.csv"
    flights.write_text(CSV)
    await series(upstream, "create", "flights", "delay:double", "carrier:string")
    await series(upstream, "append", "flights", str(flights), "--time", "time", "--id", "flight")
    out = (
        await series(upstream, "query", "flights", "-a", "count", "-a", "avg:delay", "--calendar", "day", "-f", "csv")
    ).out
    assert out.splitlines() == [
        "start,count,avg_delay", "2013-01-01T05:00:00.000000Z,2,2.5", "2013-01-02T00:00:00.000000Z,1,-1.0",
    ]  # fmt: skip
    out = (await series(upstream, "query", "flights", "-a", "count", "-g", "carrier", "-f", "csv")).out
    assert out.splitlines() == ["start,carrier,count", ",AA,1", ",UA,2"]


async def test_what_there_is(upstream: Upstream, tmp_path: Path) -> None:
    """Streams, what one is, its tail, and its end."""
    lines = tmp_path / "a.jsonl"
    lines.write_text('{"timestamp": 1000, "event_id": "x", "n": 1}\n')
    await series(upstream, "append", "s", str(lines))
    assert (await series(upstream, "streams")).out == "STREAM\ns\n"
    assert "1970-01-01T00:16:40" in (await series(upstream, "describe", "s")).out
    tailed = await series(upstream, "tail", "s", "--limit", "1")
    assert json.loads(tailed.out) == {"timestamp": "1970-01-01T00:16:40.000000Z", "event_id": "x", "n": 1}
    await series(upstream, "delete", "s")
    assert (await prism("series", "delete", "default", "s", endpoint=upstream.address)).code == 1


async def test_refusals(upstream: Upstream, tmp_path: Path) -> None:
    """A row that cannot be read says which, and why."""
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("timestamp,n\nnever,1\n")
    done = await prism("series", "append", "default", "s", str(wrong), endpoint=upstream.address)
    assert done.code == 2
    assert "row 1 of" in done.err


async def test_values_are_those_of_the_file(upstream: Upstream, tmp_path: Path) -> None:
    """Or none: a value that its field cannot hold is refused with its row, and never made to fit."""
    await series(upstream, "create", "s", "n:int64", "price:decimal", "ok:bool")
    lines = tmp_path / "a.jsonl"
    lines.write_text('{"timestamp": 1, "n": 7, "price": 0.1, "ok": "no"}\n{"timestamp": 2, "n": null, "ok": true}\n')
    await series(upstream, "append", "s", str(lines))
    first, second = (await series(upstream, "query", "s", "-f", "jsonl")).out.splitlines()
    assert (json.loads(first)["price"], json.loads(first)["n"], json.loads(first)["ok"]) == ("0.1", 7, False)
    assert json.loads(second)["ok"] is True
    for wrong in ('"n": 7.9', '"n": [1]', '"ok": "maybe"', '"price": {}'):
        lines.write_text(f'{{"timestamp": 3, {wrong}}}\n')
        done = await prism("series", "append", "default", "s", str(lines), endpoint=upstream.address)
        assert done.code == 2, wrong
        assert "row 1 of" in done.err
    lines.write_text('{"timestamp": null}\n')
    assert (await prism("series", "append", "default", "s", str(lines), endpoint=upstream.address)).code == 2


def test_a_course() -> None:
    """The lowest value is the lowest bar; many values share one."""
    assert spark([0, 1, 2, 3]) == "▁▃▆█"
    assert spark([5.0, 5.0]) == "▁▁"
    assert len(spark([float(n) for n in range(1000)])) <= 60
