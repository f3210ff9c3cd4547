"""PubSub in memory. Publishing awaits nothing: once acknowledged, a message waits in the buffer of every subscriber."""

from collections.abc import AsyncIterator

from google.protobuf.timestamp_pb2 import Timestamp

from prism.backends.memory.config import MemoryConfig
from prism.backends.memory.store import Store
from prism.errors import BackendUnavailable
from prism.interfaces.pubsub import Context, Message, PublishRequest, PublishResponse, PubSub, SubscribeRequest
from prism.sdk import MessageIds, SubscriberBuffer


class MemoryPubSub(PubSub):
    """Serves PubSub among the instances that name the same store."""

    def __init__(self, store: Store, config: MemoryConfig) -> None:
        self._store = store
        self._config = config
        self._ids = MessageIds()
        self._buffers: set[SubscriberBuffer[Message]] = set()

    @property
    def subscriptions(self) -> int:
        """How many are open."""
        return len(self._buffers)

    async def publish(self, request: PublishRequest, context: Context) -> PublishResponse:
        seconds, microseconds = divmod(self._store.now(), 1_000_000)
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
        return PublishResponse(message_id=message.message_id)

    async def subscribe(self, request: SubscribeRequest, context: Context) -> AsyncIterator[Message]:
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

    def stop(self) -> None:
        """Ends the subscriptions."""
        for buffer in self._buffers:
            buffer.end(BackendUnavailable("the backend was stopped; subscribe again"))
