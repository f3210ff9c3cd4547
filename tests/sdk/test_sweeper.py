"""The sweeper: again at once while there is more, patient otherwise, undisturbed by a store that fails."""

import asyncio
import logging

import pytest

from prism.errors import BackendUnavailable
from prism.sdk import Sweeper


class Bites:
    """Takes bites by a script: True is more, False is none, an error fails; sets `finished` at its end."""

    def __init__(self, *script: bool | Exception) -> None:
        self._script = list(script)
        self.finished = asyncio.Event()

    async def __call__(self) -> bool:
        if len(self._script) == 1:
            self.finished.set()
        step = self._script.pop(0) if self._script else False
        if isinstance(step, Exception):
            raise step
        return step


async def finished(bites: Bites, sweeper: Sweeper) -> None:
    sweeper.start()
    sweeper.start()
    async with asyncio.timeout(20):
        await bites.finished.wait()
    await sweeper.stop()
    await sweeper.stop()


async def test_bites_follow_one_another_while_there_is_more() -> None:
    """An interval is waited before the first bite only: a thousand of them would outlast the patience of the test."""
    bites = Bites(*[True] * 1000, False)
    await finished(bites, Sweeper(bites, 0.1))


async def test_a_failing_store_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """A failure is logged and does not end the sweeping."""
    caplog.set_level(logging.WARNING)
    bites = Bites(BackendUnavailable("the store is away"), True, False)
    await finished(bites, Sweeper(bites, 0.001))
    assert "the store is away" in caplog.text


async def test_a_defect_ends_no_sweeping(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged with its traceback, and the next bite is taken all the same."""
    bites = Bites(ValueError("a driver's own"), True, False)
    await finished(bites, Sweeper(bites, 0.001))
    (record,) = caplog.records
    assert record.exc_info is not None


async def test_stopping_before_starting() -> None:
    """It does nothing."""
    await Sweeper(Bites(), 1).stop()
