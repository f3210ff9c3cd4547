"""What `prism.client.sync` is made of: an event loop on a thread of its own, and asynchronous methods made to wait."""

import asyncio
import functools
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from concurrent.futures import CancelledError
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from prism.client import paging
from prism.client.loops import watch_forks

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A")

_CLOSED = "the client is closed; create a new one"


class LoopThread:
    """An event loop on a thread of its own, which ends with the program at the latest.

    A child process has neither: there the first use begins anew.

    Attributes:
        stopped: it has ended, or ends; nothing is run any more.
        generation: how many forks lie between the first process and this one.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._of_parent: list[object] = []
        self.stopped = False
        self.generation = 0
        self._loop, self._thread = self._begun()
        watch_forks(self)

    def _begun(self) -> tuple[asyncio.AbstractEventLoop, threading.Thread | None]:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="prism-client", daemon=True)
        thread.start()
        return loop, thread

    def forked(self) -> None:
        """This is the child process: it has only the thread that forked, and the loop is the parent's."""
        self._of_parent.append(self._loop)  # for good: to end it would end the parent's
        self._guard = threading.Lock()  # another thread may have held it
        self._thread = None
        self.generation += 1

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Waits for the result; an interrupt of the waiting thread cancels the work."""
        if self._thread is not None and threading.get_ident() == self._thread.ident:
            work.close()
            raise RuntimeError("called on the client's own thread, which would wait for itself; use another thread")
        with self._guard:
            if self.stopped:
                work.close()
                raise RuntimeError(_CLOSED)
            if self._thread is None:
                self._loop, self._thread = self._begun()
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except CancelledError as error:
            raise RuntimeError(_CLOSED) from error
        except BaseException:
            future.cancel()
            raise

    def iterate(self, elements: AsyncGenerator[T, None]) -> Generator[T, None, None]:
        """The elements one by one; ends the other generator with itself."""

        async def following() -> tuple[T] | None:
            try:
                return (await anext(elements),)
            except StopAsyncIteration:
                return None

        generation = self.generation
        try:
            while (element := self.run(following())) is not None:
                yield element[0]
                if generation != self.generation:
                    raise RuntimeError("this was begun before a fork; begin again in the child process")
        finally:
            if not self.stopped and generation == self.generation:
                self.run(elements.aclose())

    def soon(self, callback: Callable[[], object]) -> None:
        """Has something called on the loop, from any thread; nothing happens where it is stopped."""
        with self._guard:
            if not self.stopped:
                self._loop.call_soon_threadsafe(callback)

    def stop(self) -> None:
        """Ends the loop and its thread, half-read streams, and calls that other threads still wait for."""
        with self._guard:
            self.stopped = True
            if self._thread is None:
                return  # a child process that has not used it
        asyncio.run_coroutine_threadsafe(self._wind_up(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _wind_up(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()


class Blocking(Generic[A]):
    """An asynchronous object, each of whose methods waits for its result."""

    def __init__(self, twin: A, loop: LoopThread) -> None:
        self._twin = twin
        self._loop = loop


def waits(method: Callable[Concatenate[A, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[Blocking[A], P], T]:
    """A method that waits for the result of its twin."""

    def call(self: Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._loop.run(method(self._twin, *args, **kwargs))

    functools.update_wrapper(call, method)
    return call


def iterates(
    method: Callable[Concatenate[A, P], AsyncGenerator[T, None]],
) -> Callable[Concatenate[Blocking[A], P], Generator[T, None, None]]:
    """A method that gives the elements of its twin one by one."""

    def call(self: Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> Generator[T, None, None]:
        return self._loop.iterate(method(self._twin, *args, **kwargs))

    functools.update_wrapper(call, method)
    return call


class Pager(Generic[T]):
    """A list that is fetched as it is read: `for element in pager`, or `for page in pager.pages()`."""

    def __init__(self, twin: paging.Pager[T], loop: LoopThread) -> None:
        self._twin = twin
        self._loop = loop

    def pages(self) -> Generator[paging.Page[T], None, None]:
        """The pages, for callers that pass cursors on."""
        return self._loop.iterate(self._twin.pages())

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.elements


def pages_of(
    method: Callable[Concatenate[A, P], paging.Pager[T]],
) -> Callable[Concatenate[Blocking[A], P], Pager[T]]:
    """A method whose twin gives a list in pages."""

    def call(self: Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> Pager[T]:
        return Pager(method(self._twin, *args, **kwargs), self._loop)

    functools.update_wrapper(call, method)
    return call
