"""What the tests of errors ask for: an abstraction to misuse, and a store of their own to break."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from prism.acceptance.caller import Caller
from prism.acceptance.rig import Rig, Rigs
from prism.acceptance.suites.keyvalue.face import KeyValue
from prism.acceptance.suites.outage.frail import Frail
from prism.acceptance.suites.outage.frail_topics import FrailTopics
from prism.acceptance.suites.pubsub.face import PubSub

__all__ = ["frail", "frail_topics", "kv", "ps"]


@pytest.fixture
def kv(caller: Caller) -> KeyValue:
    """KeyValue in a namespace of the test's own."""
    return KeyValue(caller)


@pytest.fixture
def ps(caller: Caller) -> PubSub:
    """PubSub in a namespace of the test's own."""
    return PubSub(caller)


@pytest_asyncio.fixture(loop_scope="session")
async def frail(rig: Rig, rigs: Rigs) -> AsyncIterator[Frail]:
    """A store to break behind a gateway; both are well again for the next test."""
    broken = await rigs.frail(rig.harness)
    async with broken.open("grpc", "keyvalue") as caller:
        yield Frail(broken, caller)


@pytest_asyncio.fixture(loop_scope="session")
async def frail_topics(rig: Rig, rigs: Rigs) -> AsyncIterator[FrailTopics]:
    """The same for PubSub."""
    broken = await rigs.frail(rig.harness)
    async with broken.open("grpc", "pubsub") as caller:
        yield FrailTopics(broken, caller)
