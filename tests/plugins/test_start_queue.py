"""Processes of plugins start a few at a time, and one that says nothing holds up no other."""

import asyncio
import re
import sys
from itertools import pairwise

import pytest

from plugins.sidecars import MEMORY, script
from prism.errors import FailedPrecondition
from prism.plugins.placement import Command
from prism.plugins.sidecar.sidecar import Sidecar
from prism.plugins.sidecar.start_queue import StartQueue

COMPUTING = """
import sys, time
began = time.monotonic()
while time.process_time() < 0.3: pass
sys.exit(f"from {began} to {time.monotonic()}")
"""
"""A plugin that computes, tells from when to when, and gives up."""


def sidecar(command: Command, starts: StartQueue) -> Sidecar:
    """An instance that waits for its turn."""
    return Sidecar(MEMORY, command, {"store": "s"}, {}, str, starts)


async def computed(starts: StartQueue) -> tuple[float, float]:
    """When one began and ended to compute."""
    instance = sidecar(script(COMPUTING), starts)
    with pytest.raises(FailedPrecondition) as caught:
        await instance.start()
    await instance.stop()
    found = re.search(r"from (\S+) to ([0-9.]+)", caught.value.message)
    assert found is not None, caught.value.message
    return float(found[1]), float(found[2])


async def test_they_start_one_after_the_other() -> None:
    """Those that compute: with one turn, no two of them at once."""
    starts = StartQueue(at_once=1)
    times = sorted(await asyncio.gather(*(computed(starts) for _ in range(3))))
    assert [before[1] <= after[0] for before, after in pairwise(times)] == [True] * 2


async def test_one_that_says_nothing_gives_its_turn_away() -> None:
    """Long before its handshake is given up."""
    starts = StartQueue(at_once=1)
    silent = [sidecar(Command(("/bin/sleep", "1000")), starts) for _ in range(3)]
    waiting = [asyncio.create_task(each.start()) for each in silent]
    try:
        async with asyncio.timeout(15):
            await computed(starts)
        assert not any(each.done() for each in waiting)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for each in silent:
            await each.stop()


async def test_a_turn_ends_once_however_it_ends() -> None:
    """By its owner, by itself, or by both: there are never more turns than there were."""
    starts = StartQueue(at_once=1)
    turn = await starts.turn()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE)
    turn.watch(process.pid)
    async with asyncio.timeout(15):
        other = await starts.turn()
    turn.end()
    assert turn.ended
    waiting = asyncio.create_task(starts.turn())
    await asyncio.sleep(0)
    assert not waiting.done()
    other.end()
    (await waiting).end()
    await process.communicate(b"")
