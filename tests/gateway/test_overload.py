"""The event loop's lag: measured, exported, and past a bound new calls are refused."""

import asyncio
import time
import uuid

import pytest

from gateway.policed import EVERYTHING, Policed, policed
from prism.errors import GatewayUnavailable, Outcome
from prism.gateway.chain_state import ChainState
from prism.gateway.hops.overload import OverloadDetector


def test_one_pause_is_no_overload() -> None:
    """Two in a row are; one measurement in time ends it."""
    lag = OverloadDetector()
    lag.bound = 0.5
    seen = []
    for late in (0.6, 0.1, 0.6, 0.7, 0.8, 0.4, 0.6):
        lag.note(late)
        seen.append(lag.overloaded)
    assert seen == [False, False, False, True, True, False, False]
    values = {figure.name: dict(figure.values) for figure in lag.metrics()}
    assert values == {"prism_event_loop_lag_seconds": {(): 0.8}, "prism_overloaded": {(): False}}


async def test_a_loop_that_is_held_up_is_measured() -> None:
    """By what is due and comes late."""
    async with OverloadDetector(interval=0.001) as lag:
        while not lag.late > 0.02:
            time.sleep(0.03)  # noqa: ASYNC251  # holds the loop up, which is what is measured
            await asyncio.sleep(0)


async def test_an_overloaded_gateway_refuses_new_calls_only() -> None:
    """UNAVAILABLE, reason OVERLOADED, nothing applied, come again; calls pass when it keeps up again."""
    lag = OverloadDetector()
    lag.bound = 0.5
    async with policed() as world, ChainState(lag) as chain_state:
        sheds = Policed(world.gateway, chain_state, world.instance, world.names)
        sheds.configure(None, EVERYTHING)
        await sheds.ask("Put")
        lag.note(1.0)
        lag.note(1.0)
        with pytest.raises(GatewayUnavailable, match="overloaded") as caught:
            await sheds.ask("Put")
        assert (caught.value.reason, caught.value.outcome) == ("OVERLOADED", Outcome.NOT_APPLIED)
        assert caught.value.retry_after == 1.0
        lag.note(0.0)
        await sheds.ask("Put", namespace="default", x_request_id=uuid.uuid4().hex)


async def test_what_waits_behind_heavy_calls_is_refused_before_a_measurement_can_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Calls that are read in one turn are let in while the loop keeps up with them, and not all at once."""
    lag = OverloadDetector()
    lag.bound = 30.0
    async with policed() as world, lag, ChainState(lag) as chain_state:
        sheds = Policed(world.gateway, chain_state, world.instance, world.names)
        sheds.configure(None, EVERYTHING)
        await sheds.ask("Put")
        later = time.monotonic() + 31.0  # as if calls before this one, in the same turn, had taken as long
        with monkeypatch.context() as patch:
            patch.setattr("prism.gateway.hops.overload.monotonic", lambda: later)
            with pytest.raises(GatewayUnavailable, match="overloaded"):
                await sheds.ask("Put")
            assert not lag.overloaded
        await sheds.ask("Put")
