"""PubSub on Redis: at most once. An acknowledged message was handed to every subscriber that listens at its server.

A message goes to the channel of its topic and to one that has everything; a subscriber listens to one of them, by
whether its pattern has wildcards. Redis' own patterns are not used: their `*` spans dots, each costs every publisher
time, an ACL that limits channels refuses them, and a cluster's sharded channels have none.
"""

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from prism.backends.redis.commands.server import Command, Server
from prism.backends.redis.data import scripts
from prism.backends.redis.data.layout import Names
from prism.backends.redis.listening.subscriber import Subscriber
from prism.interfaces.pubsub import Context, Message, PublishRequest, PublishResponse, PubSub, SubscribeRequest
from prism.sdk import Bounds, Coalescer, MessageIds
from prism.sdk.deadline import check_time
from prism.sdk.topics import ONE, REST

_BOUNDS = Bounds(calls=1000, size=4 << 20, in_flight=1)
"""One batch at a time, for they travel over any connection, and messages keep their order."""


class RedisPubSub(PubSub):
    """Serves PubSub from one Redis, or one cluster."""

    def __init__(self, server: Server, subscriber: Subscriber, names: Names, database: int) -> None:
        self._server = server
        self._subscriber = subscriber
        self._names = names
        self._database = database
        self._ids = MessageIds()
        self._lane: Coalescer[Command, Any] = Coalescer(self._send, bounds=_BOUNDS)

    async def drain(self) -> None:
        """Waits until what has begun is answered."""
        await self._lane.drain()

    async def publish(self, request: PublishRequest, context: Context) -> PublishResponse:
        check_time(context, writes=True)
        seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
        message = Message(
            topic=request.topic,
            payload=request.payload,
            attributes=request.attributes,
            message_id=self._ids.next(),
            published_at=Timestamp(seconds=seconds, nanos=nanoseconds // 1000 * 1000),
        )
        body = message.SerializeToString()
        channels = (self._channel(context, request.topic), self._channel(context, REST))
        command = (b"EVAL", scripts.PUBLISH, 0, *channels, self._subscriber.commands.publish, body)
        await self._lane.submit(context.namespace, command, size=len(body))
        return PublishResponse(message_id=message.message_id)

    async def _send(self, commands: Sequence[Command]) -> Sequence[Any]:
        return await self._server.run(commands, writes=True)

    async def subscribe(self, request: SubscribeRequest, context: Context) -> AsyncIterator[Message]:
        pattern = request.topic_pattern
        wild = not {ONE, REST}.isdisjoint(pattern.split("."))
        listening = await self._subscriber.join(self._channel(context, REST if wild else pattern), pattern)
        try:
            context.established()
            async for message in listening.buffer:
                yield message
        finally:
            self._subscriber.leave(listening)

    def _channel(self, context: Context, topic: str) -> bytes:
        return self._names.channel(context.namespace, self._database, topic)
