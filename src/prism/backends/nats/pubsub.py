"""PubSub on core NATS, and in a log for those who begin in the past or go on there.

A message is published once, on its topic's subject. Those who listen now get it from core NATS. Where the servers have
JetStream, the stream of its namespace takes it too, and confirms it; else it counts as taken when it has reached the
server.
"""

import time
from collections.abc import AsyncIterator
from contextlib import aclosing

from prism.backends.nats import headers
from prism.backends.nats.config import NatsConfig
from prism.backends.nats.log.message_log import NatsLog
from prism.backends.nats.publisher import Publisher
from prism.backends.nats.subjects import Subjects, token
from prism.backends.nats.subscriber import Subscriber
from prism.interfaces.pubsub import Context, Message, PublishRequest, PublishResponse, PubSub, SubscribeRequest
from prism.sdk import MessageIds
from prism.sdk.pubsub import LogReader


class NatsPubSub(PubSub):
    """Serves PubSub; publishing and subscribing have a connection each, so that neither waits behind the other."""

    def __init__(self, config: NatsConfig, publisher: Publisher, subscriber: Subscriber, log: NatsLog) -> None:
        self._subjects = Subjects(config.prefix)
        self._publisher = publisher
        self._subscriber = subscriber
        self._log = log
        self._reader = LogReader(log, config.pubsub)
        self._ids = MessageIds()

    @property
    def subscriptions(self) -> int:
        """How many are open to logs."""
        return self._reader.subscriptions

    async def stop(self) -> None:
        """Ends the subscriptions to logs."""
        await self._reader.stop()
        await self._log.wakeups.stop()

    async def publish(self, request: PublishRequest, context: Context) -> PublishResponse:
        message_id = self._ids.next()
        head = headers.write(message_id, time.time_ns() // 1000, request.attributes)
        subject = self._subjects.of_topic(context.namespace, request.topic)
        if await self._log.keeps(context.namespace):
            await self._log.publish(context, subject, request.payload, head)
        else:
            await self._publisher.publish(context.namespace, subject, request.payload, head)
        return PublishResponse(message_id=message_id)

    async def subscribe(self, request: SubscribeRequest, context: Context) -> AsyncIterator[Message]:
        if request.HasField("start"):
            async with aclosing(self._reader.subscribe(request, context)) as messages:
                async for each in messages:
                    yield each
            return
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
