"""Why the configuration is read again without a request: its file has changed, a secret is about to end, or a
store that was down may be up.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress

from prism.config.secrets import Renewing
from prism.control.source import Source
from prism.control.timing import Timing
from prism.errors import GatewayUnavailable

log = logging.getLogger(__name__)


class Triggers:
    """Those of one control, from `start` to `stop`."""

    def __init__(self, reload: Callable[[], Awaitable[object]], source: Source, timing: Timing) -> None:
        """
        Args:
            reload: reads the configuration again and applies what has changed.
            source: what it is read from.
            timing: how long to wait for what.
        """
        self._reload = reload
        self._source = source
        self._timing = timing
        self._delays = timing.delays()
        self._again: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = False

    def start(self, *, watched: bool) -> None:
        """Begins to look.

        Args:
            watched: at the file too.
        """
        if watched:
            self._spawn(self._source.watch(self._reload_quietly, self._timing.watch_interval))
        for each in self._source.renewing:
            self._spawn(self._renew(each))

    def try_again(self, *, later: bool) -> None:
        """After each change: whether the same one is to be tried again, after a pause that grows each time."""
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if not later:
            self._delays = self._timing.delays()
        elif not self._ended:
            loop = asyncio.get_running_loop()
            self._again = loop.call_later(next(self._delays), lambda: self._spawn(self._reload_quietly()))

    def try_now(self) -> None:
        """What a change has waited for is there."""
        if not self._ended:
            self._spawn(self._reload_quietly())

    async def stop(self) -> None:
        """Nothing is read again from now on; what is under way is cancelled."""
        self._ended = True
        if self._again is not None:
            self._again.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _renew(self, provider: Renewing) -> None:
        """Reads everything again when one of the provider's secrets is about to end."""
        delays = self._timing.delays()
        while True:
            try:
                await provider.changed()
            except Exception as error:  # noqa: BLE001  # a provider's trouble must not end the gateway
                pause, reason = next(delays), self._source.scrub(str(error))
                log.warning(
                    "secrets cannot be renewed: %s; the previous ones stay in use, and it is retried in %.1f s",
                    reason,
                    pause,
                )
                await asyncio.sleep(pause)
            else:
                delays = self._timing.delays()
                await self._reload_quietly()

    async def _reload_quietly(self) -> None:
        with suppress(GatewayUnavailable):
            try:
                await self._reload()
            except Exception:
                log.exception(
                    "reloading the configuration failed with an unexpected error; the previous configuration stays in "
                    "use; this is a defect in Prism or a plugin: report it with the traceback below"
                )

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
