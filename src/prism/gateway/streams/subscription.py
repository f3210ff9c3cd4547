"""A stream of responses under way. One that is established has no end of its own: here it can be given one."""

import asyncio
from collections.abc import AsyncIterator
from typing import Self

from prism.context import Context
from prism.errors import PrismError
from prism.gateway.snapshot import Target

DRAIN_TIMEOUT = 5.0
"""Seconds that a stream which ends by itself has for it."""


class Subscription:
    """Iterates over the responses of a stream.

    Attributes:
        target: what serves it.
    """

    __slots__ = ("_context", "_drains", "_ending", "_last", "_loop", "_responses", "_task", "target")

    def __init__(
        self, target: Target, responses: AsyncIterator[bytes], context: Context, *, drains: bool = False
    ) -> None:
        """
        Args:
            target: see above.
            responses: what the backend gives.
            context: what it was given.
            drains: it ends by itself when the context says that it is to.
        """
        self.target = target
        self._responses = responses
        self._context = context
        self._drains = drains
        self._last: asyncio.TimerHandle | None = None
        self._ending: PrismError | None = None
        self._task: asyncio.Task[object] | None = None
        self._loop = asyncio.get_running_loop()  # asked for once: before Python 3.12 each answer is a system call

    def end(self, error: PrismError) -> None:
        """Its reader gets the error in place of a next response; the first one counts."""
        if self._ending is None:
            self._ending = error
            if self._task is not None:
                self._task.cancel()

    def drain(self, error: PrismError) -> None:
        """It is to end: by itself where it can, with the error where it cannot or takes too long."""
        if not self._drains:
            self.end(error)
        elif self._last is None:
            self._last = self._loop.call_later(DRAIN_TIMEOUT, self.end, error)
            self._context.draining.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._ending is not None:
            raise self._ending
        task = self._task = asyncio.current_task(self._loop)
        assert task is not None  # noqa: S101  # for mypy: a coroutine runs in one
        cancellations = task.cancelling()
        try:
            return await anext(self._responses)
        except asyncio.CancelledError:
            if self._ending is None or task.uncancel() > cancellations:
                raise  # from outside, and meant for the whole call
            raise self._ending from None
        finally:
            self._task = None

    async def aclose(self) -> None:
        """Ends the backend's own stream."""
        if self._last is not None:
            self._last.cancel()
        close = getattr(self._responses, "aclose", None)
        if close is not None:
            await close()
