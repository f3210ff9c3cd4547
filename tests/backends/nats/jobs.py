"""The queues of one backend, in few words."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

from google.protobuf.duration_pb2 import Duration

from prism.backends.nats.backend import NatsBackend
from prism.backends.nats.config import NatsConfig, NatsCredentials
from prism.backends.nats.jetstream.names import QueueNames
from prism.backends.nats.testing import NatsServer
from prism.context import Context
from prism.interfaces import queue as q
from prism.interfaces.capabilities.queue import QueueCapabilities
from prism.sdk.queue import StoredQueue

TOPIC, GROUP = "orders", "billing"
WAIT = Duration(seconds=10)


class Jobs:
    """The queues of one backend in one namespace."""

    def __init__(self, backend: NatsBackend, namespace: str) -> None:
        self.backend = backend
        self.context = Context(namespace)
        self.names = QueueNames("prism", namespace)
        self.queue = cast("StoredQueue", backend.interfaces[1])
        self.queue.declare(QueueCapabilities(max_nack_delay=100.0, min_ack_deadline=0.05))

    async def publish(self, payload: bytes, **fields: Any) -> str:
        """Publishes a message; its id."""
        request = q.PublishRequest(topic=TOPIC, payload=payload, **fields)
        return (await self.queue.publish(request, self.context)).message_id

    async def receive(self, count: int = 1) -> list[q.Message]:
        """Messages; waits for the first one."""
        request = q.ReceiveRequest(topic=TOPIC, group=GROUP, max=count, wait=WAIT)
        return list((await self.queue.receive(request, self.context)).messages)

    async def acknowledge(self, *receipts: str) -> list[bool]:
        """Whether each could be."""
        request = q.AcknowledgeRequest(topic=TOPIC, group=GROUP, receipts=receipts)
        answer = await self.queue.acknowledge(request, self.context)
        return [not each.HasField("error") for each in answer.results]

    async def release(self, receipt: str) -> None:
        """Gives a message back."""
        await self.queue.release(q.ReleaseRequest(topic=TOPIC, group=GROUP, receipts=[receipt]), self.context)

    async def extend(self, receipt: str) -> None:
        """A whole deadline more."""
        await self.queue.extend(q.ExtendRequest(topic=TOPIC, group=GROUP, receipts=[receipt]), self.context)

    async def group(self, **config: Any) -> None:
        """Makes the group."""
        request = q.CreateGroupRequest(topic=TOPIC, group=GROUP, config=q.GroupConfig(**config))
        await self.queue.create_group(request, self.context)

    async def state(self) -> Mapping[str, Any]:
        """What JetStream says of the group's durable."""
        session = await self.backend._queues._jetstream.session()
        subject = f"$JS.API.CONSUMER.INFO.{self.names.stream(TOPIC)}.{self.names.consumer(GROUP, 1)}"
        found: Mapping[str, Any] = json.loads((await session.client.request(subject, b"", timeout=10)).data)
        return found

    async def pull_waits(self) -> None:
        """Returns when a pull of the group waits at JetStream, which alone knows."""
        async with asyncio.timeout(20):
            while not (await self.state())["num_waiting"]:
                pass

    async def taken(self) -> None:
        """Returns when JetStream has given a message away."""
        async with asyncio.timeout(20):
            while not (await self.state())["num_ack_pending"]:
                pass


@asynccontextmanager
async def jobs_on(server: NatsServer, namespace: str) -> AsyncIterator[Jobs]:
    """Queues on a server, by a backend of their own."""
    credentials = NatsCredentials.model_validate(server.credentials())
    backend = NatsBackend(NatsConfig(servers=(server.url,)), credentials)
    await backend.start()
    try:
        yield Jobs(backend, namespace)
    finally:
        await backend.stop()
