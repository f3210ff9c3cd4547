"""PubSub in memory. Publishing awaits nothing: once acknowledged, a message waits in the buffer of every subscriber.

It is in the log of its namespace too, from which subscriptions with `start` are served.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing

from google.protobuf.timestamp_pb2 import Timestamp

from prism.backends.memory.config import MemoryConfig
from prism.backends.memory.message_log import MemoryLog
from prism.backends.memory.store import Store
from prism.errors import BackendUnavailable
from prism.interfaces.pubsub import Context, Message, PublishRequest, PublishResponse, PubSub, SubscribeRequest
from prism.sdk import MessageIds, SubscriberBuffer
from prism.sdk.pubsub import LogReader


class MemoryPubSub(PubSub):
    """Serves PubSub among the instances that name the same store."""

    def __init__(self, store: Store, config: MemoryConfig) -> None:
        self._store = store
        self._config = config
        self._ids = MessageIds()
        self._buffers: set[SubscriberBuffer[Message]] = set()
        self._log = MemoryLog(store.logs, config.pubsub)
        self._reader = LogReader(self._log, config.pubsub)

    @property
    def subscriptions(self) -> int:
        """How many are open."""
        return len(self._buffers) + self._reader.subscriptions

    async def publish(self, request: PublishRequest, context: Context) -> PublishResponse:
        now = self._store.now()
        seconds, microseconds = divmod(now, 1_000_000)
        message = Message(
            topic=request.topic,
            payload=request.payload,
            attributes=request.attributes,
            message_id=self._ids.next(),
            published_at=Timestamp(seconds=seconds, nanos=microseconds * 1000),
        )
        self._store.subscriptions(context.namespace).deliver(
            request.topic, message, message.ByteSize(), request.ordering_key
        )
        self._log.add(context.namespace, request, message.message_id, now)
        return PublishResponse(message_id=message.message_id)

    async def subscribe(self, request: SubscribeRequest, context: Context) -> AsyncIterator[Message]:
        if request.HasField("start"):
            async with aclosing(self._reader.subscribe(request, context)) as messages:
                async for message in messages:
                    yield message
            return
        buffer: SubscriberBuffer[Message] = SubscriberBuffer(self._config.buffer_messages, self._config.buffer_bytes)
        subscriptions = self._store.subscriptions(context.namespace)
        entry = subscriptions.join(request.topic_pattern, request.queue_group, buffer)
        self._buffers.add(buffer)
        try:
            context.established()
            async for message in buffer:
                yield message
        finally:
            subscriptions.leave(entry)
            self._buffers.discard(buffer)

    def sweep(self) -> None:
        """Removes from the logs what has been kept for its time."""
        self._log.sweep()

    async def stop(self) -> None:
        """Ends the subscriptions."""
        await self._reader.stop()
        for buffer in self._buffers:
            buffer.end(BackendUnavailable("the backend was stopped; subscribe again"))
