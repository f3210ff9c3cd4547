"""The streams that an instance has open, and their end when it is replaced: the callers come again by themselves."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from prism.errors import BackendUnavailable

RELOADED = "PLUGIN_RELOADED"
RETRY_AFTER = 0.05


class _Open:
    """One stream: the task that waits for its next message, while one does."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: asyncio.Task[object] | None = None


class OpenStreams:
    """Those of one instance."""

    __slots__ = ("_backend", "_ended", "_open")

    def __init__(self, backend: str) -> None:
        self._backend = backend
        self._open: set[_Open] = set()
        self._ended = False

    async def keep(self, responses: AsyncGenerator[bytes, None] | AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The same messages, until `end`; then UNAVAILABLE, with the reason and when to come again.

        No task stands between the messages and their reader: as with `asyncio.timeout`, the reader's own is
        interrupted where it waits, and finds out why.
        """
        this = _Open()
        self._open.add(this)
        iterator = aiter(responses)
        try:
            while not self._ended:
                task = this.waiting = asyncio.current_task()
                try:
                    response = await anext(iterator)
                except StopAsyncIteration:
                    return
                except asyncio.CancelledError:
                    if self._ended and this.waiting is None and task is not None and task.uncancel() <= 0:
                        break
                    raise
                finally:
                    this.waiting = None
                yield response
            raise BackendUnavailable(
                f"the plugin of backend {self._backend!r} was replaced by a new one; open the stream again",
                reason=RELOADED,
                retry_after=RETRY_AFTER,
            )
        finally:
            self._open.discard(this)
            if isinstance(responses, AsyncGenerator):
                await responses.aclose()

    def end(self) -> None:
        """Ends them, and those that begin later."""
        self._ended = True
        for each in self._open:
            if each.waiting is not None:
                waiting, each.waiting = each.waiting, None
                waiting.cancel()

    def reopen(self) -> None:
        """Streams may be open again."""
        self._ended = False
