"""Turns at what is scarce: one of each that waits, in a round."""

import asyncio

from prism.sdk.turns import Turns


async def test_who_asks_for_much_has_one_turn_in_each_round() -> None:
    """One that comes last waits for one turn of each other, not for all that those have asked for."""
    turns, order = Turns(1), []
    await turns.take("a")

    async def wait(who: str) -> None:
        await turns.take(who)
        order.append(who)
        turns.give_back()

    async with asyncio.TaskGroup() as group:
        for who in ("a", "a", "a", "b", "b", "c"):
            group.create_task(wait(who))
        await asyncio.sleep(0)
        turns.give_back()
    assert order == ["a", "b", "c", "a", "b", "a"]


async def test_so_many_at_once_and_none_is_lost() -> None:
    """Whether a caller leaves while it waits, or when it has just been given its turn."""
    turns = Turns(2)
    await turns.take("a")
    await turns.take("a")
    waiting = [asyncio.create_task(turns.take(who)) for who in ("a", "b", "c")]
    await asyncio.sleep(0)
    waiting[0].cancel()  # while it waits
    turns.give_back()
    waiting[1].cancel()  # its turn has just come
    await asyncio.wait(waiting[:2])
    await asyncio.wait_for(waiting[2], 5)
    turns.give_back()
    turns.give_back()
    async with asyncio.timeout(5):
        await turns.take("d")
        await turns.take("d")
    third = asyncio.create_task(turns.take("d"))
    await asyncio.sleep(0)
    assert not third.done()
    third.cancel()
