"""A stream of responses under way. One that is established has no end of its own: here it can be given one."""

import asyncio
from collections.abc import AsyncIterator
from typing import Self

from prism.errors import PrismError
from prism.gateway.snapshot import Target


class Subscription:
    """Iterates over the responses of a stream.

    Attributes:
        target: what serves it.
    """

    __slots__ = ("_ending", "_responses", "_task", "target")

    def __init__(self, target: Target, responses: AsyncIterator[bytes]) -> None:
        self.target = target
        self._responses = responses
        self._ending: PrismError | None = None
        self._task: asyncio.Task[object] | None = None

    def end(self, error: PrismError) -> None:
        """Its reader gets the error in place of a next response; the first one counts."""
        if self._ending is None:
            self._ending = error
            if self._task is not None:
                self._task.cancel()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._ending is not None:
            raise self._ending
        task = self._task = asyncio.current_task()
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
        close = getattr(self._responses, "aclose", None)
        if close is not None:
            await close()
