"""A statement whose rows its caller does not take is ended: it holds one of few sessions, and a snapshot."""

import asyncio
from contextlib import AsyncExitStack

from prism.errors import TransferIdle


class Untaken:
    """Ends what a stack holds while its user rests for too long.

    Args:
        stack: what is closed then.
        seconds: so long a rest may be; None for any.
    """

    def __init__(self, stack: AsyncExitStack, seconds: float | None) -> None:
        self._stack = stack
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None

    def rest(self) -> None:
        """A message is handed out now."""
        if self._seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._end)

    def go_on(self) -> None:
        """The next one is asked for.

        Raises:
            TransferIdle: too late.
        """
        if self._timer is not None:
            self._timer.cancel()
        if self._ending is not None:
            raise TransferIdle(
                f"no row was taken for {self._seconds:g} s, and the statement was ended; take rows as they come, or "
                "ask for fewer"
            )

    async def stop(self) -> None:
        """No message is handed out any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._ending is not None:
            await asyncio.gather(self._ending, return_exceptions=True)

    def _end(self) -> None:
        self._ending = asyncio.get_running_loop().create_task(self._stack.aclose(), name="untaken")
