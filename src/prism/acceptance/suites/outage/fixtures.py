"""What the tests of outages ask for: a store of their own to break, and callers who go on through it all."""

from collections.abc import AsyncIterator

import pytest_asyncio

from prism.acceptance.run.environment import Rig, Rigs
from prism.acceptance.suites.outage.breakable_entries import FrailEntries
from prism.acceptance.suites.outage.breakable_items import FrailItems
from prism.acceptance.suites.outage.breakable_topics import FrailTopics

__all__ = ["frail", "frail_entries", "frail_topics"]


@pytest_asyncio.fixture(loop_scope="session")
async def frail(rig: Rig, rigs: Rigs) -> AsyncIterator[FrailItems]:
    """A store to break behind a gateway; both are well again for the next test."""
    broken = await rigs.frail(rig.harness)
    async with broken.open("grpc", "keyvalue") as caller:
        yield FrailItems(broken, caller)


@pytest_asyncio.fixture(loop_scope="session")
async def frail_entries(rig: Rig, rigs: Rigs) -> AsyncIterator[FrailEntries]:
    """The same for Cache."""
    broken = await rigs.frail(rig.harness)
    async with broken.open("grpc", "cache") as caller:
        yield FrailEntries(broken, caller)


@pytest_asyncio.fixture(loop_scope="session")
async def frail_topics(rig: Rig, rigs: Rigs) -> AsyncIterator[FrailTopics]:
    """The same for PubSub."""
    broken = await rigs.frail(rig.harness)
    async with broken.open("grpc", "pubsub") as caller:
        yield FrailTopics(broken, caller)
