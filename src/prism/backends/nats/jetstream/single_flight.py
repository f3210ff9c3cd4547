"""Work that every caller at one moment needs and one does, such as making a stream: the others wait for its result."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from prism.errors import PrismError

Result = TypeVar("Result")


class SingleFlight(Generic[Result]):
    """Runs one work for each key at a time. Those who asked meanwhile go on in the order in which they came."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, list[asyncio.Future[Result]]] = {}
        self._tasks: set[asyncio.Task[Result]] = set()

    async def do(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """The result of the work under way for the key; of this work, where none is.

        A caller that gives up stops neither the work nor the others.

        Raises:
            Exception: what the work has raised; each caller has an error of the tree of its own.
        """
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[Result] = loop.create_future()
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = []
            task = loop.create_task(work())
            self._tasks.add(task)
            task.add_done_callback(lambda done: self._ended(key, done))
        flight.append(waiting)
        return await waiting

    def _ended(self, key: Hashable, done: "asyncio.Task[Result]") -> None:
        self._tasks.discard(done)
        flight = self._flights.pop(key)
        failure = None if done.cancelled() else done.exception()
        for waiting in flight:
            if waiting.done():
                continue
            if done.cancelled():
                waiting.cancel()
            elif failure is None:
                waiting.set_result(done.result())
            else:
                waiting.set_exception(failure.clone() if isinstance(failure, PrismError) else failure)
