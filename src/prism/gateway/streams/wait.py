"""A call with one response that may wait for long: it can be ended at once, as if its caller had gone."""

import asyncio
from collections.abc import Awaitable

from prism.errors import PrismError
from prism.gateway.snapshot import Target


class Wait:
    """The call.

    Attributes:
        target: what serves it.
    """

    __slots__ = ("_drained", "_ending", "_task", "target")

    def __init__(self, target: Target) -> None:
        self.target = target
        self._ending: PrismError | None = None
        self._drained = False
        self._task: asyncio.Task[object] | None = None

    def end(self, error: PrismError) -> None:
        """Its caller gets the error; the first one counts."""
        if self._ending is None:
            self._ending = error
            if self._task is not None:
                self._task.cancel()

    def drain(self, error: PrismError) -> None:
        """Its caller gets an empty response: it asked for what there is, and there is no time to wait for more."""
        self._drained = self._drained or self._ending is None
        self.end(error)

    async def response(self, asked: Awaitable[bytes]) -> bytes:
        """What was asked for; an empty response where it was drained before.

        Raises:
            PrismError: it was ended, or what `asked` raises.
        """
        task = self._task = asyncio.current_task()
        assert task is not None  # noqa: S101  # for mypy: a coroutine runs in one
        cancellations = task.cancelling()
        try:
            return await asked
        except asyncio.CancelledError:
            if self._ending is None or task.uncancel() > cancellations:
                raise  # from outside, and meant for the whole call
            if self._drained:
                return b""
            raise self._ending from None
        finally:
            self._task = None
