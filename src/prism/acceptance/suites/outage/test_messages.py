"""The store is killed, frozen and cut off while many publish and listen: nobody is left to believe what is not so."""

import asyncio
from collections.abc import Callable

from prism.acceptance.suites.outage.frail import FROZEN_SECONDS
from prism.acceptance.suites.outage.frail_topics import FrailTopics, Heard

Figure = Callable[[str, float], None]
"""Records a count for the report."""


def check(heard: Heard, figure: Figure) -> None:
    """What every outage must leave behind."""
    heard.record(figure)
    assert heard.faults() == []


async def test_a_killed_store_is_told_to_all(frail_topics: FrailTopics, figure: Figure) -> None:
    """CONTRACT, PubSub: what a crash of the store may have dropped is a GAP; what is NOT_APPLIED reaches nobody."""
    frail_topics.needs("kill")

    async def trouble() -> None:
        for _ in range(2):
            await frail_topics.rig.store.kill()
            await asyncio.sleep(0.2)  # callers meet a store that is not there
            await frail_topics.rig.store.start()
            await frail_topics.recovered()

    heard = await frail_topics.publish_through(trouble)
    assert heard.told.failed, "no publisher noticed that the store was killed"
    assert heard.gaps, "no subscriber was told that the store was killed"
    check(heard, figure)


async def test_a_frozen_store_holds_no_publisher(frail_topics: FrailTopics, figure: Figure) -> None:
    """CONTRACT, errors and PubSub: a store that is frozen for 5 s: every call ends, all goes on, no silent loss."""
    frail_topics.needs("pause")

    async def trouble() -> None:
        await frail_topics.rig.store.pause()
        await asyncio.sleep(FROZEN_SECONDS)
        await frail_topics.rig.store.resume()

    heard = await frail_topics.publish_through(trouble)
    assert heard.told.failed, "nobody noticed that the store was frozen"
    check(heard, figure)


async def test_connections_cut_in_the_midst_are_gaps(frail_topics: FrailTopics, figure: Figure) -> None:
    """CONTRACT, PubSub: connections that the store ends under load, again and again: a GAP each time, or no loss."""
    frail_topics.needs("disconnect")

    async def trouble() -> None:
        for _ in range(5):
            await frail_topics.rig.store.disconnect()
            await asyncio.sleep(0.05)

    check(await frail_topics.publish_through(trouble), figure)
