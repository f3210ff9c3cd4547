"""Backends on one Kafka as gateways would have them, and consumers of their queues in few words."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any, Self

from prism.acceptance.suites.queue.dsl import reason
from prism.backends.kafka.backend import KafkaBackend
from prism.backends.kafka.config import KafkaConfig, KafkaCredentials
from prism.backends.kafka.testing import KafkaServer
from prism.context import Context
from prism.interfaces import queue as q
from prism.interfaces.capabilities.queue import QueueCapabilities
from prism.plugins.discovery import discover

NAMESPACE = "shop"


class Stream:
    """A consumer's stream.

    Attributes:
        subscribed: what it was told first.
        got: the messages, in their order.
    """

    def __init__(self, backend: KafkaBackend, topic: str, group: str, **subscribe: Any) -> None:
        self.subscribed: asyncio.Future[q.Subscribed] = asyncio.get_running_loop().create_future()
        self.got: list[q.Message] = []
        self.settled: set[str] = set()
        self._unasked: list[str] = []
        self._waiting: set[str] = set()
        self.acks = True
        self.heard: Callable[[q.ConsumeResponse], None] = lambda _answer: None
        self._asked: asyncio.Queue[q.ConsumeRequest | None] = asyncio.Queue()
        self.ask(subscribe=q.Subscribe(topic=topic, group=group, **subscribe))
        self._changed = asyncio.Condition()
        self._task = asyncio.get_running_loop().create_task(self._read(backend))

    def ask(self, **request: Any) -> None:
        """Sends a request."""
        self._asked.put_nowait(q.ConsumeRequest(**request))

    async def _requests(self) -> AsyncIterator[q.ConsumeRequest]:
        while (request := await self._asked.get()) is not None:
            yield request

    async def _read(self, backend: KafkaBackend) -> None:
        queue: Any = backend.interfaces[0]
        async with aclosing(queue.consume(self._requests(), Context(NAMESPACE))) as responses:
            async for response in responses:
                self.heard(response)
                if response.HasField("subscribed"):
                    self.subscribed.set_result(response.subscribed)
                elif response.HasField("message"):
                    self.got.append(response.message)
                    if self.acks:
                        self._acknowledge([response.message.receipt])
                elif response.HasField("settled"):
                    self._settled(response.settled)
                async with self._changed:
                    self._changed.notify_all()

    def _acknowledge(self, receipts: Sequence[str]) -> None:
        """With those that have come before an answer to the ones before them, as the client does."""
        self._unasked += receipts
        if self._unasked and not self._waiting:
            asked, self._unasked = self._unasked, []
            self._waiting = {*asked}
            self.ask(ack=q.Ack(receipts=asked))

    def _settled(self, settled: q.Settled) -> None:
        """Acknowledges again where it is not known what became of it: acknowledging twice succeeds."""
        why = reason(settled.error) if settled.HasField("error") else ""
        self._waiting -= {*settled.receipts}
        if not why:
            self.settled |= set(settled.receipts)
        elif why != "RECEIPT_LOST" and self.acks:
            asyncio.get_running_loop().call_later(0.05, self._acknowledge, [*settled.receipts])
        if not self._waiting:
            self._acknowledge(())

    async def until(self, condition: Any) -> None:
        """Waits until that is so."""
        async with self._changed:
            while not condition():
                if self._task.done():
                    self._task.result()
                    raise AssertionError("the stream has ended")
                await self._changed.wait()

    async def end(self) -> None:
        """Ends in order."""
        self._asked.put_nowait(None)
        await asyncio.wait((self._task,))

    async def cut(self) -> None:
        """Ends as one whose connection breaks."""
        self._task.cancel()
        await asyncio.wait((self._task,))


class Gateways:
    """Backends, which are stopped at the end."""

    def __init__(self, server: KafkaServer) -> None:
        self.server = server
        self.prefix = f"t{secrets.token_hex(4)}"
        self._backends: list[KafkaBackend] = []

    async def new(self, credentials: KafkaCredentials | None = None, **options: Any) -> KafkaBackend:
        """Another gateway's backend."""
        queue = {"linger": 0.1, "handover": 1.0, **options.pop("queue", {})}
        given = {"addresses": [self.server.address], "prefix": self.prefix, "session_timeout": 6.0, **options}
        backend = KafkaBackend(KafkaConfig(**given, queue=queue), credentials or KafkaCredentials())  # type: ignore[arg-type]  # pydantic's
        self._backends.append(backend)
        await backend.start()
        declared: Any = discover().found["kafka"].manifest.capabilities.of("queue")
        assert isinstance(declared, QueueCapabilities)
        backend.interfaces[0].declare(declared)  # type: ignore[attr-defined]
        return backend

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(each.stop() for each in self._backends))


async def publish(backend: KafkaBackend, topic: str, payload: bytes, **fields: Any) -> None:
    """Publishes a message."""
    queue: Any = backend.interfaces[0]
    await queue.publish(q.PublishRequest(topic=topic, payload=payload, **fields), Context(NAMESPACE))
