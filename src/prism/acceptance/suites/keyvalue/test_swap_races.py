"""Compare-and-swap under races: of N callers exactly one wins, and the others are shown that."""

import asyncio
from typing import Any

import pytest

from prism.acceptance.suites.keyvalue.dsl import KeyValue
from prism.interfaces.keyvalue import CompareAndSwapResponse

RACERS = 64


@pytest.fixture(autouse=True)
def compare_and_swap_declared(kv: KeyValue) -> None:
    """These tests are about backends that declare `compare_and_swap`."""
    kv.needs("compare_and_swap")


@pytest.mark.parametrize("expected", ["absent", "value", "version"])
async def test_of_racing_callers_one_wins(kv: KeyValue, expected: str) -> None:
    """CONTRACT, CompareAndSwap: of 64 racing callers exactly one wins, and every loser is shown the winner's item."""
    expectation: dict[str, Any] = {"expected_absent": True}
    if expected != "absent":
        (version,) = await kv.put("r", {b"k": b"start"})
        expectation = {"expected_value": b"start"} if expected == "value" else {"expected_version": version}
    answers: list[CompareAndSwapResponse] = await asyncio.gather(
        *(kv.swap("r", b"k", new_value=b"racer %d" % number, **expectation) for number in range(RACERS))
    )
    winners = [number for number, answer in enumerate(answers) if answer.swapped]
    assert len(winners) == 1
    item = await kv.item("r", b"k")
    assert item.value == b"racer %d" % winners[0]
    assert all(answer.current == item for answer in answers)


async def test_of_racing_deletes_one_wins(kv: KeyValue) -> None:
    """CONTRACT, CompareAndSwap: of 64 callers that delete one item exactly one did."""
    await kv.put("r", {b"k": b"v"})
    answers = await asyncio.gather(*(kv.swap("r", b"k", expected_value=b"v", delete=True) for _ in range(RACERS)))
    assert sum(answer.swapped for answer in answers) == 1
    assert not any(answer.HasField("current") for answer in answers)
    assert await kv.exists("r", b"k") == []


async def test_races_on_different_items_do_not_meet(kv: KeyValue) -> None:
    """CONTRACT, CompareAndSwap: a race is about one item: each of eight has a winner of its own."""
    swaps = [
        kv.swap(f"r{number % 2}", b"k%d" % (number % 8), expected_absent=True, new_value=b"%d" % number)
        for number in range(RACERS)
    ]
    answers: list[CompareAndSwapResponse] = await asyncio.gather(*swaps)
    for place in range(8):
        assert sum(answer.swapped for answer in answers[place::8]) == 1


async def test_no_increment_is_lost(kv: KeyValue) -> None:
    """CONTRACT, CompareAndSwap: callers that read, add one and swap count exactly, amid coalesced reads and writes."""
    await kv.put("r", {b"count": b"0"})

    async def add(times: int) -> None:
        expected = b"0"
        while times:
            answer = await kv.swap("r", b"count", expected_value=expected, new_value=b"%d" % (int(expected) + 1))
            expected = answer.current.value
            times -= answer.swapped

    async def disturb() -> None:
        for number in range(20):
            await kv.put("r", {b"other": b"%d" % number})
            await kv.get("r", b"count", b"other")

    await asyncio.gather(*(add(5) for _ in range(8)), disturb(), disturb())
    assert await kv.values("r", b"count") == {b"count": b"40"}
