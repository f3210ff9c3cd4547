"""Random events and questions, answered by the store and by plain Python alike."""

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from prism.acceptance.suites.timeseries.dsl import (
    BY_ID,
    FIELDS,
    SECOND,
    Series,
    calendar,
    every,
    function,
    raw,
)
from prism.acceptance.suites.timeseries.model import Happened, Model, days, fixed
from prism.client.filters import all_of, any_of, field, negated
from prism.interfaces import timeseries as t
from prism.interfaces.filter import Filter

pytestmark = pytest.mark.ways("binding")  # what stores answer; the ways in have tests of their own

_EVENTS = 240
_FUNCTIONS = [
    ("count", ""), ("count", "x"), ("sum", "n"), ("sum", "x"), ("sum", "price"), ("min", "place"), ("max", "price"),
    ("avg", "n"), ("avg", "price"), ("first", "place"), ("last", "n"), ("stddev", "x"), ("stddev", "n"), ("p50", "n"),
    ("p95", "x"), ("p99", "price"),
]  # fmt: skip
_FILTERS: list[tuple[Filter, Callable[[dict[str, Any]], bool]]] = [
    (all_of(), lambda _: True),
    (field("place").eq("b"), lambda row: row.get("place") == "b"),
    (field("n").gt(2.5), lambda row: row.get("n") is not None and row["n"] > 2.5),
    (negated(field("n").gt(2.5)), lambda row: row.get("n") is None or row["n"] <= 2.5),
    (any_of(field("x").le(0), field("price").exists()), lambda row: row.get("x", 1) <= 0 or "price" in row),
    (field("place").is_in(["a", "é"]), lambda row: row.get("place") in {"a", "é"}),
]


def _day(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


_CHANGES = [
    ("Europe/Berlin", _day("2025-03-29T10:30")),
    ("Europe/Berlin", _day("2025-10-25T10:30")),
    ("America/St_Johns", _day("2010-03-13T10:30")),
    ("America/St_Johns", _day("2010-11-06T10:30")),
]


def _happened(chance: random.Random, begin: int, span: int) -> Happened:
    """An event; many are of one instant, some of them have one id too."""
    timestamp = begin + chance.choice(
        [chance.randrange(span), chance.randrange(span // 3600 // SECOND) * 3600 * SECOND]
    )
    values: dict[str, Any] = {
        "place": chance.choice(["a", "b", "B", "é", ""]),
        "n": chance.choice([chance.randrange(-5, 6), 2**53 + 1, -(2**62)]),
        "x": chance.choice([0.5, -2.25, 1e6, chance.random()]),
        "price": Decimal(chance.randrange(-500, 500)) / 100,
    }
    attributes = {name: value for name, value in values.items() if chance.random() < 0.8}
    return Happened(timestamp, f"id{chance.randrange(30)}", attributes)


_MOST = {"n": 2.0**62, "x": 1e6, "price": 5.0}
"""The largest values."""


def _alike(found: Any, expected: Any, of: str) -> bool:
    if isinstance(expected, float) and isinstance(found, float):
        return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9 * _MOST[of])
    return bool(found == expected and type(found) is type(expected))


@pytest.mark.parametrize(("zone", "begin"), _CHANGES)
@pytest.mark.parametrize("dedup", [True, False])
async def test_a_store_answers_as_plain_python(series: Series, zone: str, begin: int, dedup: bool) -> None:
    """CONTRACT, TimeSeries 1 to 10: random events and questions have the answers that the rules give."""
    if dedup:
        series.needs("dedup")
    chance = random.Random(f"{zone} {begin} {dedup}")
    model, span = Model(dedup=dedup), 3 * 24 * 3600 * SECOND
    await series.create(kinds=FIELDS, dedup=BY_ID if dedup else t.Dedup.TIME_SERIES_DEDUP_NONE)
    left = _EVENTS
    while left:
        batch = [_happened(chance, begin, span) for _ in range(min(left, chance.choice([1, 7, 60])))]
        left -= len(batch)
        done = await series.append(*(raw(each.timestamp, each.event_id, **each.attributes) for each in batch))
        assert done == (*model.append(batch), 0)
    for condition, holds in _FILTERS:
        low, high = sorted(begin + chance.randrange(span) for _ in range(2))
        expected = model.query(low, high, holds)
        limit = chance.choice([0, 7, 50])
        found = await series.events(since=low, to=high, filter=condition, limit=limit)
        assert [(each.timestamp, each.event_id) for each in found] == [
            (each.timestamp, each.event_id) for each in expected
        ]
        if not series.capabilities.aggregate:
            continue
        if low == high:
            continue
        length, origin = chance.choice([3600, 5400, 86400]), chance.choice([0, 1234])
        for window, bounds in (
            (every(length, origin * SECOND), fixed_seconds(low, high, length, origin)),
            (calendar("day", zone), days_between(begin, low, high, zone)),
        ):
            await _same_buckets(series, model, expected, window, bounds, condition, dedup=dedup)


async def _same_buckets(
    series: Series, model: Model, events: list[Happened], window: t.Window, bounds: list[int], condition: Filter,
    *, dedup: bool,
) -> None:  # fmt: skip
    by_group = model.aggregate(events, bounds, "place", _FUNCTIONS)
    found = await series.buckets(
        *(function(name, of, str(number)) for number, (name, of) in enumerate(_FUNCTIONS)),
        window=window, since=bounds[0], to=bounds[-1], filter=condition, group_by=["place"], limit=5,
    )  # fmt: skip
    assert [(start, group[0]) for start, _, group, _ in found] == [(start, group) for start, group, _ in by_group]
    for (_, _, _, values), (_, _, expected) in zip(found, by_group, strict=True):
        for name, one, other in zip(_FUNCTIONS, values, expected, strict=True):
            # Without dedup any of those that are equal in instant and id may be the first one.
            assert _alike(one, other, name[1]) or (not dedup and name[0] in {"first", "last"}), (name, one, other)


def fixed_seconds(low: int, high: int, length: int, origin: int) -> list[int]:
    """The bounds of windows, looked for at whole seconds."""
    first = -(-low // SECOND)
    whole = fixed(first, high // SECOND + 1, length, origin)
    inner = [each * SECOND for each in whole[1:-1]]
    if (first - origin) % length == 0 and first * SECOND > low:
        inner.insert(0, first * SECOND)
    return [low, *(each for each in inner if low < each < high), high]


def days_between(begin: int, low: int, high: int, zone: str) -> list[int]:
    """The days that begin within a range."""
    return [low, *(each for each in days(begin, high, zone)[1:-1] if low < each < high), high]
