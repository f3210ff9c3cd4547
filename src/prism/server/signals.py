"""What a gateway process does at signals: SIGTERM and SIGINT end it, SIGHUP reloads."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

_ENDING = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """Takes the signals from now on.

    Attributes:
        stop: set by the first SIGTERM or SIGINT; a second one ends the process at once.

    Args:
        reload: run at each SIGHUP.
    """

    def __init__(self, reload: Callable[[], Awaitable[None]]) -> None:
        self.stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._reload = reload
        self._reloads: set[asyncio.Future[None]] = set()
        self._loop.add_signal_handler(signal.SIGHUP, self._on_reload)
        for number in _ENDING:
            self._loop.add_signal_handler(number, self._on_end)

    def _on_reload(self) -> None:
        task = asyncio.ensure_future(self._reload())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    def _on_end(self) -> None:
        for number in _ENDING:
            self._loop.remove_signal_handler(number)
        self.stop.set()
