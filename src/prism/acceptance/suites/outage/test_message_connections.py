"""PubSub by way of a proxy between the plugin and its store, which delays, stops, and cuts answers in their middle."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from prism.acceptance.callers.binding import open_binding
from prism.acceptance.namespaces import Namespaces
from prism.acceptance.run.environment import Rig
from prism.acceptance.skips import not_applicable
from prism.acceptance.store.backend import Networked
from prism.acceptance.store.proxy import Proxy
from prism.acceptance.suites.outage.breakable_topics import FrailTopics


class Between:
    """PubSub of backends in this process, and the proxy between them and the store."""

    def __init__(self, proxy: Proxy, topics: FrailTopics) -> None:
        self.proxy = proxy
        self.topics = topics


@pytest_asyncio.fixture(loop_scope="session")
async def between(rig: Rig) -> AsyncIterator[Between]:
    """A backend whose way to the store a test may disturb."""
    store = rig.store
    if not isinstance(store, Networked):
        not_applicable("the store is not reached by TCP: no proxy fits between")
    if rig.harness.placement != "in_process":
        not_applicable("what lies between plugin and store is the same in every placement")
    async with Proxy(*store.address) as proxy:
        subject = await rig.subject("message-connections")
        config = {**await store.connection_through(proxy.port, "message-connections"), **rig.harness.config}
        async with open_binding(replace(subject, config=config), Namespaces("pubsub")) as caller:
            yield Between(proxy, FrailTopics(rig, caller))


async def test_a_slow_store_loses_nothing(between: Between) -> None:
    """CONTRACT, PubSub: a store that is slow and within the deadline fails no publisher, and every message comes."""
    between.proxy.delay = 0.02
    sent = sorted(f"t.{number}" for number in range(20))
    async with between.topics.ps.listening("t.*") as messages:
        await asyncio.gather(*map(between.topics.ps.publish, sent))
        assert sorted([(await messages.next()).topic for _ in sent]) == sent


@pytest.mark.parametrize("after", [1, 30, 200, 1500])
async def test_an_answer_cut_in_its_middle_is_told_honestly(between: Between, after: int) -> None:
    """CONTRACT, PubSub and outcome: an answer cut in its middle: a GAP to listeners, an outcome to publishers."""

    async def trouble() -> None:
        between.proxy.cut_in_answer(after)
        await between.topics.recovered()

    heard = await between.topics.publish_through(trouble)
    assert heard.faults() == []


async def test_a_store_that_cannot_be_reached_and_can_again(between: Between) -> None:
    """CONTRACT, errors and PubSub: while nothing listens calls are UNAVAILABLE; afterwards all goes on by itself."""

    async def trouble() -> None:
        await between.proxy.stop()
        await asyncio.sleep(0.2)  # callers meet a port where nothing listens
        await between.proxy.start()

    heard = await between.topics.publish_through(trouble)
    assert heard.told.failed, "nobody noticed that the store was out of reach"
    assert heard.faults() == []
