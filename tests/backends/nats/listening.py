"""Backends on a NATS server, and subscribers to them, in few words."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self

from prism.backends.nats.backend import NatsBackend
from prism.backends.nats.config import NatsConfig, NatsCredentials
from prism.backends.nats.pubsub import NatsPubSub
from prism.backends.nats.testing import NatsServer
from prism.context import Context
from prism.errors import PrismError
from prism.interfaces.pubsub import Message, PublishRequest, SubscribeRequest
from prism.sdk import Health, HealthStatus

SUBSCRIBE_ANY = ">"


class Served:
    """One backend."""

    def __init__(self, backend: NatsBackend) -> None:
        self.backend = backend
        served = backend.interfaces[0]
        assert isinstance(served, NatsPubSub)
        self._pubsub = served

    async def publish(self, topic: str, payload: bytes = b"", namespace: str = "n", **attributes: str) -> str:
        """Publishes a message; its id."""
        request = PublishRequest(topic=topic, payload=payload, attributes=attributes)
        return (await self._pubsub.publish(request, Context(namespace))).message_id

    @asynccontextmanager
    async def subscribed(
        self, pattern: str = SUBSCRIBE_ANY, group: str = "", namespace: str = "n"
    ) -> AsyncIterator["Listening"]:
        """A subscription, in place."""
        established = asyncio.Event()
        messages = self.messages(pattern, group, namespace, established)
        listening = Listening(messages)
        placed = asyncio.ensure_future(established.wait())
        try:
            await asyncio.wait((listening.first, placed), return_when=asyncio.FIRST_COMPLETED)
            if not established.is_set():
                await listening.first
            yield listening
        finally:
            placed.cancel()
            listening.first.cancel()
            await asyncio.wait((listening.first,))
            await messages.aclose()

    def messages(
        self, pattern: str, group: str, namespace: str, established: asyncio.Event
    ) -> AsyncGenerator[Message, None]:
        """The stream of a subscription, which begins when it is asked for a message."""
        request = SubscribeRequest(topic_pattern=pattern, queue_group=group)
        context = Context(namespace, on_established=established.set)
        return self._pubsub.subscribe(request, context)  # type: ignore[return-value]  # a generator

    async def healthy(self) -> None:
        """Returns when it is."""
        await self.until(lambda health: health.status is HealthStatus.HEALTHY)

    async def until(self, condition: Callable[[Health], bool]) -> None:
        """Returns when it says of its health what is wanted."""
        while True:
            if condition(await self.backend.health()):
                return
            await asyncio.sleep(0.005)  # between two questions


class Listening:
    """What a subscriber gets."""

    def __init__(self, messages: AsyncIterator[Message]) -> None:
        self._messages = messages
        self.first: asyncio.Future[Message] = asyncio.ensure_future(anext(messages))  # type: ignore[arg-type]
        self._taken = False

    async def next(self) -> Message:
        """The next message."""
        if not self._taken:
            self._taken = True
            return await self.first
        return await anext(self._messages)

    async def topics(self, count: int) -> list[str]:
        """The topics of the next messages."""
        return [(await self.next()).topic for _ in range(count)]

    async def rest(self) -> tuple[list[Message], PrismError]:
        """What there is, and the error that it ends with."""
        messages: list[Message] = []
        try:
            while True:
                messages.append(await self.next())
        except PrismError as error:
            return messages, error


class Backends:
    """Makes backends on a server, or on one of a cluster unless they are given others."""

    def __init__(self, server: NatsServer) -> None:
        self.server = server
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def make(self, credentials: Mapping[str, str] | None = None, **options: Any) -> NatsBackend:
        """One that has not been started."""
        config = NatsConfig.model_validate({"servers": [self.server.url], **options})
        login = self.server.credentials() if credentials is None else credentials
        backend = NatsBackend(config, NatsCredentials.model_validate(login))
        self._stack.push_async_callback(backend.stop)
        return backend

    async def start(self, credentials: Mapping[str, str] | None = None, **options: Any) -> Served:
        """One that serves."""
        backend = self.make(credentials, **options)
        await backend.start()
        return Served(backend)
