"""Between the plugin and its store stands a proxy that delays, stops, and cuts answers in their middle."""

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
from prism.acceptance.suites.keyvalue.dsl import KeyValue
from prism.acceptance.suites.outage.write_ledger import DOCUMENTED
from prism.errors import BackendUnavailable, Outcome, PrismError

PATIENCE = 30.0


class Between:
    """KeyValue of a backend in this process, and the proxy between it and the store."""

    def __init__(self, proxy: Proxy, kv: KeyValue) -> None:
        self.proxy = proxy
        self.kv = kv

    async def put(self, number: int, told: dict[int, Outcome | None]) -> None:
        """Puts record `number` and notes how that ended: None where it was acknowledged."""
        try:
            await self.kv.put(f"r{number}", {b"k": b"%d" % number})
        except PrismError as error:
            if error.code.name not in DOCUMENTED or error.outcome is None:
                raise AssertionError(f"{error.code.name}, outcome {error.outcome}: {error.message}") from error
            told[number] = error.outcome
        else:
            told[number] = None

    async def read(self, number: int) -> dict[bytes, bytes]:
        """What record `number` holds; a read may be repeated where a connection turns out to have been cut."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    return await self.kv.values(f"r{number}", b"k")
                except BackendUnavailable:
                    await asyncio.sleep(0)

    async def recovered(self) -> None:
        """Waits until a put succeeds, without anybody's help."""
        async with asyncio.timeout(PATIENCE):
            told: dict[int, Outcome | None] = {0: Outcome.UNKNOWN}
            while told[0] is not None:
                await self.put(0, told)
                await asyncio.sleep(0)


@pytest_asyncio.fixture(loop_scope="session")
async def between(rig: Rig) -> AsyncIterator[Between]:
    """A backend whose way to the store a test may disturb."""
    store = rig.store
    if not isinstance(store, Networked):
        not_applicable("the store is not reached by TCP: no proxy fits between")
    if rig.harness.placement != "in_process":
        not_applicable("what lies between plugin and store is the same in every placement")
    async with Proxy(*store.address) as proxy:
        subject = await rig.subject("connections")
        config = {**await store.connection_through(proxy.port, "connections"), **rig.harness.config}
        subject = replace(subject, config=config)
        async with open_binding(subject, Namespaces("keyvalue")) as caller:
            yield Between(proxy, KeyValue(caller))


async def test_a_slow_store_is_waited_for(between: Between) -> None:
    """CONTRACT, errors: a store that is slow and within the deadline fails nothing."""
    between.proxy.delay = 0.05
    await asyncio.gather(*(between.kv.put(f"r{number}", {b"k": b"v"}) for number in range(20)))
    assert await between.kv.values("r7", b"k") == {b"k": b"v"}


@pytest.mark.parametrize("after", [1, 30, 200, 1500])
async def test_an_answer_cut_in_its_middle_is_told_honestly(between: Between, after: int) -> None:
    """CONTRACT, outcome: an answer cut in its middle: UNKNOWN or NOT_APPLIED as it was, and all goes on."""
    await between.recovered()
    told: dict[int, Outcome | None] = {}
    between.proxy.cut_in_answer(after)
    await asyncio.gather(*(between.put(number, told) for number in range(1, 65)))
    await between.proxy.cut()
    await between.recovered()
    for number, outcome in told.items():
        found = await between.read(number)
        if outcome is None:
            assert found == {b"k": b"%d" % number}
        if outcome is Outcome.NOT_APPLIED:
            assert found == {}


async def test_a_store_that_cannot_be_reached_and_can_again(between: Between) -> None:
    """CONTRACT, errors: while nothing listens calls are UNAVAILABLE; afterwards they succeed by themselves."""
    await between.recovered()
    await between.proxy.stop()
    told: dict[int, Outcome | None] = {}
    await asyncio.gather(*(between.put(number, told) for number in range(1, 9)))
    assert None not in told.values()
    await between.proxy.start()
    await between.recovered()
