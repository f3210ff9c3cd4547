"""The sweeper: again at once while there is more, patient otherwise, undisturbed by a store that fails."""

import asyncio
import logging

import pytest

from prism.errors import BackendUnavailable
from prism.sdk import Sweeper


class Batches:
    """Takes batches by a script: True is more, False is none, an error fails; sets `finished` at its end."""

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


async def finished(batches: Batches, sweeper: Sweeper) -> None:
    sweeper.start()
    sweeper.start()
    async with asyncio.timeout(20):
        await batches.finished.wait()
    await sweeper.stop()
    await sweeper.stop()


async def test_bites_follow_one_another_while_there_is_more() -> None:
    """An interval is waited before the first batch only: a thousand of them would take longer than the test waits."""
    batches = Batches(*[True] * 1000, False)
    await finished(batches, Sweeper(batches, 0.1))


async def test_a_failing_store_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """A failure is logged and does not end the sweeping."""
    caplog.set_level(logging.WARNING)
    batches = Batches(BackendUnavailable("the store is away"), True, False)
    await finished(batches, Sweeper(batches, 0.001))
    assert "the store is away" in caplog.text


async def test_a_defect_ends_no_sweeping(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged with its traceback, and the next batch is taken all the same."""
    batches = Batches(ValueError("a driver's own"), True, False)
    await finished(batches, Sweeper(batches, 0.001))
    (record,) = caplog.records
    assert record.exc_info is not None


async def test_stopping_before_starting() -> None:
    """It does nothing."""
    await Sweeper(Batches(), 1).stop()
