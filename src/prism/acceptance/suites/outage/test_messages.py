"""The store is killed, frozen and cut off while many publish and listen: nobody is left to believe what is not so."""

from prism.acceptance.suites.outage.breakable_topics import FrailTopics, Heard
from prism.acceptance.suites.outage.write_ledger import Figure


def check(heard: Heard, figure: Figure) -> None:
    """What every outage must leave behind."""
    heard.record(figure)
    assert heard.faults() == []


async def test_a_killed_store_is_told_to_all(frail_topics: FrailTopics, figure: Figure) -> None:
    """CONTRACT, PubSub: what a crash of the store may have dropped is a GAP; what is NOT_APPLIED reaches nobody."""
    frail_topics.needs("kill")
    heard = await frail_topics.publish_through(frail_topics.killed_twice)
    assert heard.told.failed, "no publisher noticed that the store was killed"
    assert heard.gaps, "no subscriber was told that the store was killed"
    check(heard, figure)


async def test_a_frozen_store_holds_no_publisher(frail_topics: FrailTopics, figure: Figure) -> None:
    """CONTRACT, errors and PubSub: a store that is frozen for 5 s: every call ends, all goes on, no silent loss."""
    frail_topics.needs("pause")
    heard = await frail_topics.publish_through(frail_topics.frozen)
    assert heard.told.failed, "nobody noticed that the store was frozen"
    check(heard, figure)


async def test_connections_cut_in_the_midst_are_gaps(frail_topics: FrailTopics, figure: Figure) -> None:
    """CONTRACT, PubSub: connections that the store ends under load, again and again: a GAP each time, or no loss."""
    frail_topics.needs("disconnect")
    check(await frail_topics.publish_through(frail_topics.cut_off), figure)
