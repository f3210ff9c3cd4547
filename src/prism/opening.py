"""What a thread opens, closed where the caller no longer waits for it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar


class Closable(Protocol):
    """A file or a connection."""

    def close(self) -> object: ...


C = TypeVar("C", bound=Closable)


async def opened_in_thread(open_it: Callable[[], C]) -> C:
    """Calls `open_it` in a thread, for it may block; what it opens is closed if the caller is cancelled meanwhile."""
    opening: Future[C] = Future()

    def run() -> None:
        opening.set_result(open_it())

    try:
        await asyncio.to_thread(run)
    except asyncio.CancelledError:
        opening.add_done_callback(lambda abandoned: abandoned.result().close())  # in the thread, should it still run
        raise
    return opening.result()
