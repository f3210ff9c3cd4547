"""The client for programs without an event loop: the same methods, each of which waits for its answer.

    with Client("localhost:8980") as prism:
        prism.keyvalue("profiles").put("account:1", {b"plan": b"team"})

Calls run on one background thread with an event loop of its own, so one client serves any number of threads. Every
method is made from its twin in `prism.client`, whose documentation holds.
"""

import asyncio
import functools
import inspect
import ssl
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from types import MappingProxyType
from typing import Any, Concatenate, Final, Generic, ParamSpec, Self, TypeVar

from google.protobuf.message import Message as AnyMessage

from prism.client import cache, keyvalue, paging, pubsub, subscription
from prism.client import client as asynchronous
from prism.client.arguments import Seconds
from prism.client.headers import Headers, Token
from prism.client.loops import watch_forks
from prism.client.message import Gap, Message
from prism.client.operations import Method
from prism.client.retry import RetryPolicy

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A")

_CLOSED = "the client is closed; create a new one"
_END: Final = object()


class _LoopThread:
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


class _Blocking(Generic[A]):
    """An asynchronous object, each of whose methods waits for its result."""

    def __init__(self, twin: A, loop: _LoopThread) -> None:
        self._twin = twin
        self._loop = loop


def _waits(method: Callable[Concatenate[A, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[_Blocking[A], P], T]:
    def call(self: _Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._loop.run(method(self._twin, *args, **kwargs))

    functools.update_wrapper(call, method)
    return call


def _iterates(
    method: Callable[Concatenate[A, P], AsyncGenerator[T, None]],
) -> Callable[Concatenate[_Blocking[A], P], Generator[T, None, None]]:
    def call(self: _Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> Generator[T, None, None]:
        return self._loop.iterate(method(self._twin, *args, **kwargs))

    functools.update_wrapper(call, method)
    return call


def _pages(
    method: Callable[Concatenate[A, P], paging.Pager[T]],
) -> Callable[Concatenate[_Blocking[A], P], "Pager[T]"]:
    def call(self: _Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> Pager[T]:
        return Pager(method(self._twin, *args, **kwargs), self._loop)

    functools.update_wrapper(call, method)
    return call


def _subscribes(
    method: Callable[Concatenate[A, P], subscription.Subscription],
) -> Callable[Concatenate[_Blocking[A], P], "Subscription"]:
    def call(self: _Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> Subscription:
        given: dict[str, Any] = kwargs
        if (on_gap := given.get("on_gap")) is not None:
            given["on_gap"] = _off_the_loop(on_gap)
        return Subscription(method(self._twin, *args, **kwargs), self._loop)

    functools.update_wrapper(call, method)
    return call


def _off_the_loop(on_gap: subscription.OnGap) -> subscription.OnGap:
    """`on_gap` on a thread of its own: there it may use the client, which on the loop's thread would wait for ever."""

    async def handled(gap: Gap) -> None:
        answer = await asyncio.to_thread(on_gap, gap)
        if inspect.isawaitable(answer):
            await answer

    return handled


class Pager(Generic[T]):
    """A list that is fetched as it is read: `for element in pager`, or `for page in pager.pages()`."""

    def __init__(self, twin: paging.Pager[T], loop: _LoopThread) -> None:
        self._twin = twin
        self._loop = loop

    def pages(self) -> Generator[paging.Page[T], None, None]:
        """The pages, for callers that pass cursors on."""
        return self._loop.iterate(self._twin.pages())

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.elements


class KeyValue(_Blocking[keyvalue.KeyValue]):
    """The KeyValue data of one namespace; made by `Client.keyvalue`."""

    put = _waits(keyvalue.KeyValue.put)
    get = _waits(keyvalue.KeyValue.get)
    get_many = _waits(keyvalue.KeyValue.get_many)
    exists = _waits(keyvalue.KeyValue.exists)
    exists_many = _waits(keyvalue.KeyValue.exists_many)
    batch_get = _waits(keyvalue.KeyValue.batch_get)
    batch_put = _waits(keyvalue.KeyValue.batch_put)
    delete = _waits(keyvalue.KeyValue.delete)
    delete_record = _waits(keyvalue.KeyValue.delete_record)
    scan = _pages(keyvalue.KeyValue.scan)
    scan_stream = _iterates(keyvalue.KeyValue.scan_stream)
    list_records = _pages(keyvalue.KeyValue.list_records)
    compare_and_swap = _waits(keyvalue.KeyValue.compare_and_swap)
    expire = _waits(keyvalue.KeyValue.expire)
    persist = _waits(keyvalue.KeyValue.persist)


class Cache(_Blocking[cache.Cache]):
    """The cache of one namespace; made by `Client.cache`."""

    get = _waits(cache.Cache.get)
    get_many = _waits(cache.Cache.get_many)
    set = _waits(cache.Cache.set)
    delete = _waits(cache.Cache.delete)
    exists = _waits(cache.Cache.exists)
    exists_many = _waits(cache.Cache.exists_many)
    expire = _waits(cache.Cache.expire)
    ttl = _waits(cache.Cache.ttl)
    increment = _waits(cache.Cache.increment)


class Subscription:
    """Messages of a pattern: `for message in subscription`, best in a `with` block; see `prism.client.Subscription`."""

    def __init__(self, twin: subscription.Subscription, loop: _LoopThread) -> None:
        self._twin = twin
        self._loop = loop

    @property
    def gaps(self) -> int:
        """How many gaps there have been."""
        return self._twin.gaps

    @property
    def position(self) -> bytes:
        """Where it stands, to go on from here later; empty without `start`."""
        return self._twin.position

    def close(self) -> None:
        """Ends it."""
        if not self._loop.stopped:
            self._loop.run(self._twin.aclose())

    def __enter__(self) -> Self:
        self._loop.run(self._twin.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Message]:
        return self

    def __next__(self) -> Message:
        message = self._loop.run(self._next())
        if message is None:
            raise StopIteration
        return message

    async def _next(self) -> Message | None:
        return await anext(self._twin, None)


class PubSub(_Blocking[pubsub.PubSub]):
    """The topics of one namespace; made by `Client.pubsub`."""

    publish = _waits(pubsub.PubSub.publish)
    publish_batch = _waits(pubsub.PubSub.publish_batch)
    subscribe = _subscribes(pubsub.PubSub.subscribe)


async def _each_off_the_loop(messages: Iterable[AnyMessage]) -> AsyncGenerator[AnyMessage, None]:
    """The messages, each waited for on a thread of its own: it may take its time, and use the client."""
    iterator = iter(messages)
    while (message := await asyncio.to_thread(next, iterator, _END)) is not _END:
        yield message  # type: ignore[misc]  # it is not the end


class Client:
    """A connection to a gateway. Use it as a context manager, and one for the whole application."""

    def __init__(
        self,
        target: str = asynchronous.DEFAULT_TARGET,
        *,
        token: Token | None = None,
        headers: Headers = MappingProxyType({}),
        tls: ssl.SSLContext | None = None,
        timeout: Seconds = asynchronous.DEFAULT_TIMEOUT,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008  # immutable
        keepalive: Seconds = asynchronous.DEFAULT_KEEPALIVE,
    ) -> None:
        """As `prism.client.Client`. Functions for token and headers are called on the background thread, where they
        must not use this client."""
        self._loop = _LoopThread()
        self._twin = asynchronous.Client(
            target, token=token, headers=headers, tls=tls, timeout=timeout, retry=retry, keepalive=keepalive
        )

    def keyvalue(self, namespace: str = "default") -> KeyValue:
        """The KeyValue data of a namespace. Cheap to make; keep it."""
        return KeyValue(self._twin.keyvalue(namespace), self._loop)

    def cache(self, namespace: str = "default") -> Cache:
        """The cache of a namespace. Cheap to make; keep it."""
        return Cache(self._twin.cache(namespace), self._loop)

    def pubsub(self, namespace: str = "default") -> PubSub:
        """The topics of a namespace. Cheap to make; keep it. `on_gap` is called on a thread of its own."""
        return PubSub(self._twin.pubsub(namespace), self._loop)

    def call(
        self,
        namespace: str,
        method: Method,
        asked: AnyMessage | Iterable[AnyMessage],
        *,
        timeout: Seconds | None = None,
    ) -> Any:
        """Runs any operation with one response; a stream of requests is an iterable of messages."""
        given = asked if isinstance(asked, AnyMessage) else _each_off_the_loop(asked)
        return self._loop.run(self._twin.call(namespace, method, given, timeout=timeout))

    def stream(
        self,
        namespace: str,
        method: Method,
        asked: AnyMessage | Iterable[AnyMessage],
        *,
        timeout: Seconds | None = None,
    ) -> Generator[Any, None, None]:
        """Runs any operation with a stream of responses, and gives them one by one; requests as in `call`."""
        given = asked if isinstance(asked, AnyMessage) else _each_off_the_loop(asked)
        return self._loop.iterate(self._twin.stream(namespace, method, given, timeout=timeout))

    def close(self) -> None:
        """Ends the connection and the background thread; calls in flight fail."""
        if not self._loop.stopped:
            self._loop.run(self._twin.close())
            self._loop.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
