"""The store is killed, frozen and cut off under load: what was acknowledged is there, what failed said so honestly."""

import asyncio

from prism.acceptance.skips import not_applicable
from prism.acceptance.suites.outage.breakable_items import FrailItems
from prism.acceptance.suites.outage.write_ledger import Figure, Told


async def check(frail: FrailItems, told: Told, figure: Figure) -> None:
    """What every outage must leave behind."""
    told.record(figure)
    assert told.dishonest == []
    await frail.recovered()
    assert await frail.found(told.acknowledged) == told.acknowledged
    assert await frail.found(told.not_applied) == set()


async def test_a_killed_store_loses_nothing_acknowledged(frail: FrailItems, figure: Figure) -> None:
    """CONTRACT, durability and outcome: after a crash of the store all acknowledged is there, no NOT_APPLIED is."""
    frail.needs("kill")
    told = await frail.write_through(frail.killed_twice)
    assert told.failed, "nobody noticed that the store was killed"
    await check(frail, told, figure)


async def test_a_frozen_store_holds_nobody_beyond_the_deadline(frail: FrailItems, figure: Figure) -> None:
    """CONTRACT, errors and outcome: a store that is frozen for 5 s: every call ends, and all goes on by itself."""
    frail.needs("pause")
    told = await frail.write_through(frail.frozen)
    assert told.failed, "nobody noticed that the store was frozen"
    await check(frail, told, figure)


async def test_connections_cut_in_the_midst_cost_no_write(frail: FrailItems, figure: Figure) -> None:
    """CONTRACT, outcome: connections that the store ends in mid-answer, again and again: no write is misreported."""
    frail.needs("disconnect")
    await check(frail, await frail.write_through(frail.cut_off), figure)


async def test_the_process_that_holds_the_store_is_killed(frail: FrailItems) -> None:
    """CONTRACT, durability: what is acknowledged survives a crash of the gateway, within what is declared."""
    if frail.rig.harness.placement != "in_process":
        not_applicable("the plugin runs in a process of its own, which tests of the supervisor kill")
    (*_, gateway) = frail.rig.gateways
    acknowledged = set(range(1, 101))
    await asyncio.gather(*(frail.put(number) for number in acknowledged))
    await asyncio.to_thread(gateway.kill)
    await asyncio.to_thread(gateway.start)
    await asyncio.to_thread(gateway.wait_until_served, frail.kv.namespace)
    async with frail.rig.open("grpc", "keyvalue") as caller:
        again = FrailItems(frail.rig, caller)
        again.kv.namespace = frail.kv.namespace
        await again.recovered()
        if frail.kv.capabilities.durability != "none":
            assert await again.found(acknowledged) == acknowledged
