"""PubSub on core NATS. An acknowledged message has reached the server; none is stored for a subscriber that is away."""

import time
from collections.abc import AsyncIterator

from prism.backends.nats import headers
from prism.backends.nats.config import NatsConfig
from prism.backends.nats.publisher import Publisher
from prism.backends.nats.subjects import Subjects, token
from prism.backends.nats.subscriber import Subscriber
from prism.interfaces.pubsub import Context, Message, PublishRequest, PublishResponse, PubSub, SubscribeRequest
from prism.sdk import MessageIds


class NatsPubSub(PubSub):
    """Serves PubSub; publishing and subscribing have a connection each, so that neither waits behind the other."""

    def __init__(self, config: NatsConfig, publisher: Publisher, subscriber: Subscriber) -> None:
        self._subjects = Subjects(config.prefix)
        self._publisher = publisher
        self._subscriber = subscriber
        self._ids = MessageIds()

    async def publish(self, request: PublishRequest, context: Context) -> PublishResponse:
        message_id = self._ids.next()
        head = headers.write(message_id, time.time_ns() // 1000, request.attributes)
        subject = self._subjects.of_topic(context.namespace, request.topic)
        await self._publisher.publish(context.namespace, subject, request.payload, head)
        return PublishResponse(message_id=message_id)

    async def subscribe(self, request: SubscribeRequest, context: Context) -> AsyncIterator[Message]:
        namespace, group = context.namespace, request.queue_group
        root = self._subjects.root(namespace)
        subject = self._subjects.of_pattern(namespace, request.topic_pattern)
        subscription = await self._subscriber.join(namespace, root, subject, token(group))
        try:
            context.established()
            async for message in subscription.buffer:
                yield message
        finally:
            self._subscriber.leave(subscription)
