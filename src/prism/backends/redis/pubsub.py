"""PubSub on Redis: at most once to those who listen now, and in a log for those who begin in the past or go on there.

A message goes to the channel of its topic and to one that has everything; a subscriber listens to one of them, by
whether its pattern has wildcards. Redis' own patterns are not used: their `*` spans dots, each costs every publisher
time, an ACL that limits channels refuses them, and a cluster's sharded channels have none. In the same step it is
appended to the log of its namespace; in a cluster in the step before, as the log's key may be on its way to another
node, to which the channels go when it has arrived.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from prism.backends.redis.commands.server import Answer, Command, Server
from prism.backends.redis.data import scripts
from prism.backends.redis.data.layout import Names
from prism.backends.redis.listening.subscriber import Subscriber
from prism.backends.redis.log.message_log import RedisLog
from prism.errors import Outcome, PrismError
from prism.interfaces.pubsub import Context, Message, PublishRequest, PublishResponse, PubSub, SubscribeRequest
from prism.sdk import Bounds, Coalescer, MessageIds
from prism.sdk.deadline import check_time
from prism.sdk.pubsub import LogReader, PubSubOptions
from prism.sdk.pubsub.log import NO_TOPIC
from prism.sdk.topics import ONE, REST

_BOUNDS = Bounds(calls=1000, size=4 << 20, in_flight=1)
"""One batch at a time, for they travel over any connection, and messages keep their order."""
_Publish = tuple[str, bytes, bytes]
"""Namespace, channel of the topic, message."""


class RedisPubSub(PubSub):
    """Serves PubSub from one Redis, or one cluster."""

    def __init__(
        self,
        server: Server,
        subscriber: Subscriber,
        log: RedisLog,
        names: Names,
        database: int,
        options: PubSubOptions,
    ) -> None:
        self._server = server
        self._subscriber = subscriber
        self._log = log
        self._reader = LogReader(log, options)
        self._names = names
        self._database = database
        self._ids = MessageIds()
        self._listening = 0
        self._lane: Coalescer[_Publish, None] = Coalescer(self._send, bounds=_BOUNDS)

    @property
    def subscriptions(self) -> int:
        """How many are open."""
        return self._listening + self._reader.subscriptions

    async def drain(self) -> None:
        """Waits until what has begun is answered."""
        await self._lane.drain()

    async def stop(self) -> None:
        """Ends the subscriptions to the log."""
        await self._reader.stop()

    async def publish(self, request: PublishRequest, context: Context) -> PublishResponse:
        check_time(context, writes=True)
        message = Message(
            topic=request.topic,
            payload=request.payload,
            attributes=request.attributes,
            message_id=self._ids.next(),
        )
        body = message.SerializeToString()
        call = (context.namespace, self._channel(context.namespace, request.topic), body)
        await self._lane.submit(context.namespace, call, size=len(body))
        return PublishResponse(message_id=message.message_id)

    async def _send(self, calls: Sequence[_Publish]) -> Sequence[Exception | None]:
        """The messages of a namespace go in one step, and so in their order, also where the script was forgotten."""
        found: list[Exception | None] = [None] * len(calls)
        spaces: defaultdict[str, list[int]] = defaultdict(list)
        for index, (namespace, _, _) in enumerate(calls):
            spaces[namespace].append(index)
        one = self._server.spans_slots
        send = self._subscriber.commands.publish
        commands = [
            self._log.append_command(
                namespace, send if one else b"", self._channel(namespace, REST),
                [each for index in members for each in calls[index][1:]],
            )
            for namespace, members in spaces.items()
        ]  # fmt: skip
        answers = await self._server.run(commands, writes=True)
        for (namespace, members), answer in zip(spaces.items(), answers, strict=True):
            if isinstance(answer, Exception):
                for index in members:
                    found[index] = answer
            else:
                self._log.wakeups.notify((namespace, NO_TOPIC))
        if not one:
            await self._send_to_channels(calls, found, dict(zip(spaces, answers, strict=True)))
        return found

    async def _send_to_channels(
        self, calls: Sequence[_Publish], found: list[Exception | None], published: dict[str, Answer]
    ) -> None:
        """Sends what is in the log to those who listen in a cluster."""
        logged = [index for index, failure in enumerate(found) if failure is None]
        send = self._subscriber.commands.publish
        commands: list[Command] = [
            (b"EVAL", scripts.PUBLISH, 0, channel, self._channel(namespace, REST), send, body + published[namespace])
            for namespace, channel, body in (calls[index] for index in logged)
        ]
        try:
            answers: list[Any] = await self._server.run(commands, writes=True) if commands else []
        except PrismError as error:
            answers = [error] * len(commands)
        for index, answer in zip(logged, answers, strict=True):
            if isinstance(answer, PrismError):
                answer.outcome = Outcome.UNKNOWN  # it is in the log
                found[index] = answer

    async def subscribe(self, request: SubscribeRequest, context: Context) -> AsyncIterator[Message]:
        if request.HasField("start"):
            async with aclosing(self._reader.subscribe(request, context)) as messages:
                async for message in messages:
                    yield message
            return
        pattern = request.topic_pattern
        wild = not {ONE, REST}.isdisjoint(pattern.split("."))
        channel = self._channel(context.namespace, REST if wild else pattern)
        self._listening += 1
        try:
            listening = await self._subscriber.join(channel, pattern)
            try:
                context.established()
                async for message in listening.buffer:
                    yield message
            finally:
                self._subscriber.leave(listening)
        finally:
            self._listening -= 1

    def _channel(self, namespace: str, topic: str) -> bytes:
        return self._names.channel(namespace, self._database, topic)
