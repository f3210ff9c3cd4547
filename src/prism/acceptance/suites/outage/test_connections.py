"""Between the plugin and its store stands a proxy that delays, stops, and cuts answers in their middle."""

import asyncio

import pytest

from prism.acceptance.suites.outage.proxied import Proxied
from prism.acceptance.workload import StoringWorkload, Workload
from prism.acceptance.write_ledger import WriteLedger

APPLIES_TO = Workload


async def test_a_slow_store_is_waited_for(proxied: Proxied) -> None:
    """CONTRACT, errors: a store that is slow and within the deadline fails nothing, and loses nothing."""
    proxied.proxy.delay = 0.03  # each way: several statements of a transaction are within the deadline too
    ledger = WriteLedger()
    async with proxied.workload.witness(ledger) as witness:
        written = await asyncio.gather(*(ledger.attempt(proxied.workload.write) for _ in range(20)))
        await witness.settle()
        assert all(written)
        assert [*ledger.dishonest, *witness.faults()] == []
    if isinstance(proxied.workload, StoringWorkload):
        assert await proxied.workload.found(ledger.acknowledged) == ledger.acknowledged


@pytest.mark.parametrize("after", [1, 30, 200, 1500])
async def test_an_answer_cut_in_its_middle_is_told_honestly(proxied: Proxied, after: int) -> None:
    """CONTRACT, outcome: an answer cut in its middle: UNKNOWN or NOT_APPLIED as it was, a GAP, and all goes on."""

    async def trouble() -> None:
        proxied.proxy.cut_in_answer(after)
        await proxied.recovered()
        await proxied.proxy.cut()
        await proxied.recovered()

    _, faults = await proxied.faults_through(trouble)
    assert faults == []


async def test_a_store_that_cannot_be_reached_and_can_again(proxied: Proxied) -> None:
    """CONTRACT, errors: while nothing listens calls are UNAVAILABLE; afterwards all goes on by itself."""

    async def trouble() -> None:
        await proxied.proxy.stop()
        await asyncio.sleep(0.2)  # callers meet a port where nothing listens
        await proxied.proxy.start()

    ledger, faults = await proxied.faults_through(trouble)
    assert ledger.failed, "no caller noticed that the store was out of reach"
    assert faults == []
