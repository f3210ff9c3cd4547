"""Time-outs for what tasks do thousands of times a second: `asyncio.timeout` on one coarse timer.

That takes a timer of the loop for each, and asks three times for the loop, which is a system call each before Python
3.12: 5 us in all.
"""

import asyncio
from time import monotonic
from types import TracebackType

from prism.wire.timer import DeadlineWheel, Expiring


class TaskTimeouts:
    """Those of one loop, the one in which it is first used."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wheel: DeadlineWheel | None = None

    def within(self, seconds: float) -> "TaskTimeout":
        """A block that ends with `TimeoutError` where it takes longer, by at most a few hundredths of a second more."""
        loop, wheel = self._loop, self._wheel
        if loop is None or wheel is None:
            loop = self._loop = asyncio.get_running_loop()
            wheel = self._wheel = DeadlineWheel(loop)
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("there is no task to be timed: use it in a coroutine that a task runs")
        timeout = TaskTimeout(task, monotonic() + seconds)
        wheel.add(timeout)
        return timeout


class TaskTimeout:
    """One of them, from its beginning on."""

    __slots__ = ("_cancelling", "_fired", "_task", "bucket", "ended", "expires")

    def __init__(self, task: "asyncio.Task[object]", expires: float) -> None:
        self._task = task
        self._cancelling = task.cancelling()
        self._fired = False
        self.bucket: set[Expiring] | None = None
        self.ended = False
        self.expires = expires

    def expire(self) -> None:
        """The time is up."""
        self._fired = True
        self._task.cancel()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended = True
        if self.bucket is not None:
            self.bucket.discard(self)
        # As `asyncio.timeout` has it: who was cancelled from outside as well stays cancelled.
        if self._fired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
