"""Time-outs of tasks on one timer: what `asyncio.timeout` does, for what is done often."""

import asyncio
from time import monotonic

import pytest

from prism.sdk.task_timeouts import TaskTimeouts


async def test_what_takes_longer_ends() -> None:
    """With `TimeoutError`, not early, and the task goes on."""
    began = monotonic()
    with pytest.raises(TimeoutError), TaskTimeouts().within(0.05):
        await asyncio.Event().wait()
    assert monotonic() - began >= 0.05
    await asyncio.sleep(0)


async def test_what_ends_in_time_is_left_alone() -> None:
    """The time passes without anything, and the next one counts from its own beginning."""
    timeouts = TaskTimeouts()
    for _ in range(3):
        with timeouts.within(0.05):
            await asyncio.sleep(0.03)
    assert asyncio.current_task() is not None
    await asyncio.sleep(0.1)


async def test_an_error_is_the_blocks_own() -> None:
    """It comes through as it is."""
    with pytest.raises(OSError, match="lost"), TaskTimeouts().within(1):
        raise OSError("lost")


async def test_who_is_cancelled_from_outside_stays_cancelled() -> None:
    """In time, and where both happen at once."""
    timeouts = TaskTimeouts()

    async def wait(seconds: float) -> None:
        with timeouts.within(seconds):
            await asyncio.Event().wait()

    for seconds in (10, 0.05):
        task = asyncio.create_task(wait(seconds))
        await asyncio.sleep(0)
        if seconds < 1:
            expiry = next(iter(timeouts._wheel._arrivals))  # type: ignore[union-attr]
            expiry.expire()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_one_in_another() -> None:
    """The outer one's end is not taken for the inner one's."""
    timeouts = TaskTimeouts()
    caught = []

    async def wait() -> None:
        with timeouts.within(0.05):
            try:
                with timeouts.within(10):
                    await asyncio.Event().wait()
            except TimeoutError:
                caught.append("the inner one")
                raise

    with pytest.raises(TimeoutError):
        await wait()
    assert caught == []
