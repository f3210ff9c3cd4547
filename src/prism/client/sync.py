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
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator
from types import MappingProxyType
from typing import Any, Concatenate, Final, ParamSpec, Self, TypeVar

from google.protobuf.message import Message as AnyMessage

from prism.client import cache, keyvalue, pubsub, reader, sql, subscription
from prism.client import client as asynchronous
from prism.client.arguments import Seconds
from prism.client.blocking import Blocking, LoopThread, Pager, iterates, pages_of, waits
from prism.client.graph import graph
from prism.client.headers import Headers, Token
from prism.client.message import Gap, Message
from prism.client.objects.sync import ObjectReader, ObjectStore
from prism.client.operations import Method
from prism.client.queue.sync import Consumption, Queue, QueueMessage, Worker
from prism.client.retry import RetryPolicy
from prism.client.series import timeseries
from prism.client.transact.sync import Transact, Transaction

__all__ = [
    "Cache",
    "Client",
    "Consumption",
    "Graph",
    "KeyValue",
    "ObjectReader",
    "ObjectStore",
    "Pager",
    "PubSub",
    "Queue",
    "QueueMessage",
    "Reader",
    "Sql",
    "Subscription",
    "TimeSeries",
    "Transact",
    "Transaction",
    "Worker",
]

P = ParamSpec("P")
A = TypeVar("A")

_END: Final = object()


def _subscribes(
    method: Callable[Concatenate[A, P], subscription.Subscription],
) -> Callable[Concatenate[Blocking[A], P], "Subscription"]:
    def call(self: Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> Subscription:
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


class KeyValue(Blocking[keyvalue.KeyValue]):
    """The KeyValue data of one namespace; made by `Client.keyvalue`."""

    put = waits(keyvalue.KeyValue.put)
    get = waits(keyvalue.KeyValue.get)
    get_many = waits(keyvalue.KeyValue.get_many)
    exists = waits(keyvalue.KeyValue.exists)
    exists_many = waits(keyvalue.KeyValue.exists_many)
    batch_get = waits(keyvalue.KeyValue.batch_get)
    batch_put = waits(keyvalue.KeyValue.batch_put)
    delete = waits(keyvalue.KeyValue.delete)
    delete_record = waits(keyvalue.KeyValue.delete_record)
    scan = pages_of(keyvalue.KeyValue.scan)
    scan_stream = iterates(keyvalue.KeyValue.scan_stream)
    list_records = pages_of(keyvalue.KeyValue.list_records)
    compare_and_swap = waits(keyvalue.KeyValue.compare_and_swap)
    expire = waits(keyvalue.KeyValue.expire)
    persist = waits(keyvalue.KeyValue.persist)


class Graph(Blocking[graph.Graph]):
    """The graph of one namespace; made by `Client.graph`."""

    create_nodes = waits(graph.Graph.create_nodes)
    create_edges = waits(graph.Graph.create_edges)
    node = waits(graph.Graph.node)
    nodes = waits(graph.Graph.nodes)
    list_nodes = pages_of(graph.Graph.list_nodes)
    update_node = waits(graph.Graph.update_node)
    delete_node = waits(graph.Graph.delete_node)
    edges = pages_of(graph.Graph.edges)
    count_edges = waits(graph.Graph.count_edges)
    delete_edges = waits(graph.Graph.delete_edges)
    traverse = iterates(graph.Graph.traverse)
    shortest_path = waits(graph.Graph.shortest_path)
    query = iterates(graph.Graph.query)
    execute = waits(graph.Graph.execute)


class Sql(Blocking[sql.Sql]):
    """The database of one namespace; made by `Client.sql`."""

    query = waits(sql.Sql.query)
    stream = iterates(sql.Sql.stream)
    batches = iterates(sql.Sql.batches)
    execute = waits(sql.Sql.execute)
    batch = waits(sql.Sql.batch)


class TimeSeries(Blocking[timeseries.TimeSeries]):
    """The streams of events of one namespace; made by `Client.timeseries`."""

    create = waits(timeseries.TimeSeries.create)
    update = waits(timeseries.TimeSeries.update)
    describe = waits(timeseries.TimeSeries.describe)
    streams = pages_of(timeseries.TimeSeries.streams)
    delete = waits(timeseries.TimeSeries.delete)
    append = waits(timeseries.TimeSeries.append)
    query = pages_of(timeseries.TimeSeries.query)
    stream = iterates(timeseries.TimeSeries.stream)
    aggregate = pages_of(timeseries.TimeSeries.aggregate)
    latest = pages_of(timeseries.TimeSeries.latest)
    tail = iterates(timeseries.TimeSeries.tail)
    delete_events = waits(timeseries.TimeSeries.delete_events)


class Cache(Blocking[cache.Cache]):
    """The cache of one namespace; made by `Client.cache`."""

    get = waits(cache.Cache.get)
    get_many = waits(cache.Cache.get_many)
    set = waits(cache.Cache.set)
    delete = waits(cache.Cache.delete)
    exists = waits(cache.Cache.exists)
    exists_many = waits(cache.Cache.exists_many)
    expire = waits(cache.Cache.expire)
    ttl = waits(cache.Cache.ttl)
    increment = waits(cache.Cache.increment)


class Subscription:
    """Messages of a pattern: `for message in subscription`, best in a `with` block; see `prism.client.Subscription`."""

    def __init__(self, twin: subscription.Subscription, loop: LoopThread) -> None:
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


class PubSub(Blocking[pubsub.PubSub]):
    """The topics of one namespace; made by `Client.pubsub`."""

    publish = waits(pubsub.PubSub.publish)
    publish_batch = waits(pubsub.PubSub.publish_batch)
    subscribe = _subscribes(pubsub.PubSub.subscribe)


class Reader(Blocking[reader.Reader]):
    """The collections of one namespace; made by `Client.reader`."""

    read = pages_of(reader.Reader.read)
    get = waits(reader.Reader.get)
    get_many = waits(reader.Reader.get_many)
    count = waits(reader.Reader.count)
    describe = waits(reader.Reader.describe)
    collections = pages_of(reader.Reader.collections)


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
        self._loop = LoopThread()
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

    def queue(self, namespace: str = "default") -> Queue:
        """The work of a namespace. Cheap to make; keep it. Handlers of workers run on threads of their own."""
        return Queue(self._twin.queue(namespace), self._loop)

    def sql(self, namespace: str = "default") -> Sql:
        """The database of a namespace. Cheap to make; keep it."""
        return Sql(self._twin.sql(namespace), self._loop)

    def timeseries(self, namespace: str = "default") -> TimeSeries:
        """The streams of events of a namespace. Cheap to make; keep it."""
        return TimeSeries(self._twin.timeseries(namespace), self._loop)

    def transact(self, namespace: str = "default") -> Transact:
        """The tables and mailboxes of a namespace. Cheap to make; keep it."""
        return Transact(self._twin.transact(namespace), self._loop)

    def objects(self, namespace: str = "default") -> ObjectStore:
        """The objects of a namespace. Cheap to make; keep it."""
        return ObjectStore(self._twin.objects(namespace), self._loop)

    def graph(self, namespace: str = "default") -> Graph:
        """The graph of a namespace. Cheap to make; keep it."""
        return Graph(self._twin.graph(namespace), self._loop)

    def reader(self, namespace: str = "default") -> Reader:
        """The collections of a namespace. Cheap to make; keep it."""
        return Reader(self._twin.reader(namespace), self._loop)

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
