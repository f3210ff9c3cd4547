"""The client of a gateway: where an application begins."""

import ssl
from collections.abc import AsyncGenerator
from types import MappingProxyType
from typing import Any, Self

from prism.client import operations
from prism.client.arguments import Seconds
from prism.client.cache import Cache
from prism.client.graph import Graph
from prism.client.headers import Headers, NamespaceHeaders, Token
from prism.client.keyvalue import KeyValue
from prism.client.objects.objectstore import ObjectStore
from prism.client.operations import Asked, Method
from prism.client.pubsub import PubSub
from prism.client.queue import Queue
from prism.client.reader import Reader
from prism.client.retry import RetryPolicy
from prism.client.series.timeseries import TimeSeries
from prism.client.sql import Sql
from prism.client.transact.transact import Transact
from prism.client.transport import Transport
from prism.wire import KnownFields

DEFAULT_TARGET = "localhost:8980"
DEFAULT_TIMEOUT = 10.0
DEFAULT_KEEPALIVE = 20.0


class Client:
    """A connection to a gateway. Use it as an async context manager, and one for the whole application.

        async with Client("localhost:8980") as prism:
            profiles = prism.keyvalue("profiles")
            await profiles.put("account:1", {b"plan": b"team"})

    It connects on the first call, and reconnects when the connection is lost.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        token: Token | None = None,
        headers: Headers = MappingProxyType({}),
        tls: ssl.SSLContext | None = None,
        timeout: Seconds = DEFAULT_TIMEOUT,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008  # immutable
        keepalive: Seconds = DEFAULT_KEEPALIVE,
    ) -> None:
        """Prepares a client; nothing is sent yet.

        Args:
            target: `host:port` or `unix:/path`.
            token: a bearer token, or a function (plain or async) that returns one, called before each attempt.
            headers: sent with each call, or a function called before each attempt. A W3C `traceparent` among them is
                passed on. Without one, an application that uses OpenTelemetry sends that of its current span.
            tls: for a gateway that serves TLS; see `prism.wire.tls.client_context`.
            timeout: seconds for a call with all its retries, where the call itself gives none; `math.inf` for no limit.
            retry: how failed calls are repeated, where that is safe.
            keepalive: after so many seconds of silence the gateway is pinged while a call or a subscription is under
                way; without an answer within as many (10 at most) the connection is given up. `math.inf` for never.

        Raises:
            ValueError: the target is malformed, or `keepalive` is not above zero.
        """
        self._token = token
        self._headers = headers
        self._known = KnownFields()
        self._transport = Transport(target, tls=tls, timeout=timeout, retry=retry, keepalive=keepalive)

    def keyvalue(self, namespace: str = "default") -> KeyValue:
        """The KeyValue data of a namespace. Cheap to make; keep it.

        Raises:
            ValueError: the name is malformed. A namespace that does not exist is refused by the first call.
        """
        return KeyValue(self._transport, self._headers_of(namespace))

    def cache(self, namespace: str = "default") -> Cache:
        """The cache of a namespace. Cheap to make; keep it.

        Raises:
            ValueError: the name is malformed. A namespace that does not exist is refused by the first call.
        """
        return Cache(self._transport, self._headers_of(namespace))

    def pubsub(self, namespace: str = "default") -> PubSub:
        """The topics of a namespace. Cheap to make; keep it.

        Raises:
            ValueError: the name is malformed. A namespace that does not exist is refused by the first call.
        """
        return PubSub(self._transport, self._headers_of(namespace))

    def queue(self, namespace: str = "default") -> Queue:
        """The work of a namespace. Cheap to make; keep it.

        Raises:
            ValueError: the name is malformed. A namespace that does not exist is refused by the first call.
        """
        return Queue(self._transport, self._headers_of(namespace))

    def sql(self, namespace: str = "default") -> Sql:
        """The database of a namespace. Cheap to make; keep it.

        Raises:
            ValueError: the name is malformed. A namespace that does not exist is refused by the first call.
        """
        return Sql(self._transport, self._headers_of(namespace))

    def timeseries(self, namespace: str = "default") -> TimeSeries:
        """The streams of events of a namespace. Cheap to make; keep it.

        Raises:
            ValueError: the name is malformed. A namespace that does not exist is refused by the first call.
        """
        return TimeSeries(self._transport, self._headers_of(namespace))

    def transact(self, namespace: str = "default") -> Transact:
        """The tables and mailboxes of a namespace. Cheap to make; keep it.

        Raises:
            ValueError: the name is malformed. A namespace that does not exist is refused by the first call.
        """
        return Transact(self._transport, self._headers_of(namespace))

    def objects(self, namespace: str = "default") -> ObjectStore:
        """The objects of a namespace. Cheap to make; keep it.

        Raises:
            ValueError: the name is malformed. A namespace that does not exist is refused by the first call.
        """
        return ObjectStore(self._transport, self._headers_of(namespace))

    def graph(self, namespace: str = "default") -> Graph:
        """The graph of a namespace. Cheap to make; keep it.

        Raises:
            ValueError: the name is malformed. A namespace that does not exist is refused by the first call.
        """
        return Graph(self._transport, self._headers_of(namespace))

    def reader(self, namespace: str = "default") -> Reader:
        """The collections of a namespace. Cheap to make; keep it.

        Raises:
            ValueError: the name is malformed. A namespace that does not exist is refused by the first call.
        """
        return Reader(self._transport, self._headers_of(namespace))

    async def call(self, namespace: str, method: Method, asked: Asked, *, timeout: Seconds | None = None) -> Any:
        """Runs any operation with one response, of an abstraction or of a plugin's own, and gives the response.

            dusted = await prism.call("books", "shelf.v1.Shelf/Dust", DustRequest(shelf="a"))

        It is repeated as its `idempotency_level` in the .proto allows; a stream of requests never is.

        Args:
            namespace: for which.
            method: its full name, found in the pool of the message's descriptor (for a stream of requests in the
                default one), or its descriptor.
            asked: the request, or an async iterator of them where the operation takes a stream.
            timeout: for the whole call with all its retries.

        Raises:
            PrismError: it failed.
            ValueError: the operation is not described in this program, or is of another kind.
            TypeError: a request is a message of another type.
        """
        return await operations.call(self._transport, self._headers_of(namespace), method, asked, timeout)

    def stream(
        self, namespace: str, method: Method, asked: Asked, *, timeout: Seconds | None = None
    ) -> AsyncGenerator[Any, None]:
        """Runs any operation with a stream of responses, and gives them one by one; closing it ends the operation.

            async for reply in prism.stream("books", "shelf.v1.Shelf/Read", ReadRequest(shelf="a")): ...

        The arguments are those of `call`, but `timeout` is for the whole stream, and without it there is no limit.
        Once a response has come it is not begun again. Raises as `call` does.
        """
        return operations.stream(self._transport, self._headers_of(namespace), method, asked, timeout)

    def _headers_of(self, namespace: str) -> NamespaceHeaders:
        return NamespaceHeaders(namespace, self._token, self._headers, self._known)

    async def close(self) -> None:
        """Ends the connection; calls in flight fail."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
