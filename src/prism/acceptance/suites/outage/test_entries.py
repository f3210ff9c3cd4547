"""The store is killed and cut off under load: a cache may lose what it holds, and never says what is not so."""

from prism.acceptance.suites.outage.breakable_entries import FrailEntries
from prism.acceptance.suites.outage.write_ledger import Figure, Told


async def check(frail: FrailEntries, told: Told, figure: Figure) -> None:
    """What every outage must leave behind. What is gone is a figure: an acknowledged Set may be evicted."""
    told.record(figure)
    assert told.dishonest == []
    await frail.recovered()
    kept = await frail.found(told.acknowledged)
    figure("acknowledged and gone", len(told.acknowledged - kept))
    assert await frail.found(told.not_applied) == set()
    for number in told.acknowledged - kept:
        assert await frail.read(number) is None, "an entry holds what was never set"


async def test_a_killed_store_is_told_to_the_callers_of_a_cache(frail_entries: FrailEntries, figure: Figure) -> None:
    """CONTRACT, errors and outcome: a crash of the store: nothing that is NOT_APPLIED is there, no value is wrong."""
    frail_entries.needs("kill")
    told = await frail_entries.write_through(frail_entries.killed_twice)
    assert told.failed, "nobody noticed that the store was killed"
    await check(frail_entries, told, figure)


async def test_connections_cut_in_the_midst_misreport_no_set(frail_entries: FrailEntries, figure: Figure) -> None:
    """CONTRACT, outcome: connections that the store ends in mid-answer, again and again: no Set is misreported."""
    frail_entries.needs("disconnect")
    await check(frail_entries, await frail_entries.write_through(frail_entries.cut_off), figure)
