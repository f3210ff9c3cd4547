"""The sweeper: removes in the background, in small batches, what has expired.

Nothing depends on it for correctness: an expired item is gone from every read at once.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from prism.errors import PrismError

log = logging.getLogger(__name__)


class Sweeper:
    """Calls `sweep_batch` every `interval` seconds, and again at once while it answers that more is left."""

    def __init__(self, sweep_batch: Callable[[], Awaitable[bool]], interval: float) -> None:
        self._sweep_batch = sweep_batch
        self._interval = interval
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins; does nothing where it runs already."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="sweeper")

    async def stop(self) -> None:
        """Ends; a batch under way in the store may still complete there."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        pause = self._interval
        while True:
            await asyncio.sleep(pause)
            try:
                pause = 0 if await self._sweep_batch() else self._interval
            except PrismError as error:
                pause = self._interval
                log.warning(
                    "expired items could not be deleted; they take space until it is retried, in %g s: %s", pause, error
                )
            except Exception:
                # Without a log line, what has expired would be kept and no operator would know why.
                pause = self._interval
                log.exception(
                    "expired items could not be deleted because of an unexpected error; it is retried in %g s; this "
                    "is a defect in Prism or a plugin: report it with the traceback below",
                    pause,
                )
