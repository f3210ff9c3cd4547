"""How many plugins' processes start side by side: a start is much computing, and of a hundred at once none is ready in
its time.

A process has its turn until it serves, has ended, or has nothing to compute: one that only sleeps and says nothing
holds up no other.
"""

import asyncio
import os
from pathlib import Path
from typing import Final

_INTERVAL: Final = 0.05
"""Seconds between two looks at a process that starts."""

_IDLE_LOOKS: Final = 3
"""Looks in a row at which it neither ran nor waited for a processor or a disk."""

_LONGEST: Final = 5.0
"""Seconds of a turn, whatever the process does."""

_BUSY: Final = "RD"
"""States of a process, proc(5): running or runnable, and waiting for a disk."""


class StartQueue:
    """Of one gateway.

    Attributes:
        at_once: turns at the same time.
    """

    def __init__(self, at_once: int | None = None) -> None:
        """
        Args:
            at_once: turns at the same time; by default two for each processor that this process may use.
        """
        self.at_once = at_once or 2 * len(os.sched_getaffinity(0))
        self._turns = asyncio.Semaphore(self.at_once)

    async def turn(self) -> "Turn":
        """Waits for one; first come, first served."""
        await self._turns.acquire()
        return Turn(self._turns)


class Turn:
    """The right to start one process."""

    def __init__(self, turns: asyncio.Semaphore) -> None:
        self._turns: asyncio.Semaphore | None = turns
        self._watching: asyncio.Task[None] | None = None

    def watch(self, pid: int) -> None:
        """Ends it by itself once the process has nothing to do, or takes too long."""
        self._watching = asyncio.create_task(self._watch(pid))

    def end(self) -> None:
        """The next one may start; does nothing the second time."""
        if self._watching is not None:
            self._watching.cancel()
        self._release()

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._turns is None

    def _release(self) -> None:
        turns, self._turns = self._turns, None
        if turns is not None:
            turns.release()

    async def _watch(self, pid: int) -> None:
        idle = 0
        for _ in range(round(_LONGEST / _INTERVAL)):
            await asyncio.sleep(_INTERVAL)
            idle = 0 if _is_busy(pid) else idle + 1
            if idle == _IDLE_LOOKS:
                break
        self._release()


def _is_busy(pid: int) -> bool:
    """Any of its threads computes or would."""
    try:
        threads = [*Path(f"/proc/{pid}/task").iterdir()]
        states = [(each / "stat").read_text().rpartition(")")[2].split()[0] for each in threads]
    except (OSError, IndexError):
        return False  # it has ended
    return any(each in _BUSY for each in states)
