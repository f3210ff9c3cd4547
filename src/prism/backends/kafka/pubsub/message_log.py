"""The log of each namespace as `prism.sdk.pubsub` reads it: a topic of one partition. A place is the next offset."""

import asyncio
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka import Message as Received
from confluent_kafka.admin import OffsetSpec

from prism.backends.kafka.errors import too_large
from prism.backends.kafka.link import Link, patiently
from prism.backends.kafka.names import Names
from prism.backends.kafka.producer import Publisher, Record, TooLargeError
from prism.backends.kafka.pubsub.watch import AT_ONCE, Watch, log_settings
from prism.backends.kafka.queue.records import ID, headers_of, own_attributes, record
from prism.backends.kafka.queue.topics import Topics
from prism.context import Context
from prism.errors import BackendUnavailable, TopicNotFound
from prism.interfaces.pubsub import PublishRequest
from prism.sdk.deadline import check_time
from prism.sdk.driver_errors import LATER
from prism.sdk.pubsub import Bounds, Logged, MessageLog, Page, PubSubOptions
from prism.sdk.pubsub.log import NO_TOPIC
from prism.sdk.queue.calls import Outgoing
from prism.sdk.wakeups import Wakeups

Result = TypeVar("Result")
_PLACE: Final = struct.Struct(">Q")
_TOPIC: Final = "prism.topic"
_LEAST_SEGMENT: Final = 1 << 20
_FRESH: Final = 0.2
"""Seconds for which it need not be asked again what is kept no longer."""
_IDLE: Final = 5.0


class KafkaLog(MessageLog):
    """`prism.sdk.pubsub.MessageLog` on one Kafka cluster.

    Args:
        link: to Kafka.
        names: of the installation.
        publisher: publishes.
        topics: makes topics in Kafka.
        options: of the backend's configuration.
    """

    def __init__(self, link: Link, names: Names, publisher: Publisher, topics: Topics, options: PubSubOptions) -> None:
        self.wakeups = Wakeups()
        self._link = link
        self._names = names
        self._publisher = publisher
        self._topics = topics
        self._options = options
        self._identities: dict[str, bytes] = {}
        self._making: dict[str, asyncio.Lock] = {}
        self._watches: dict[str, Watch] = {}
        self._asked: dict[str, float] = {}
        self._idle: list[Consumer] = []
        self._guard = threading.Lock()
        self._tidying: asyncio.Task[None] | None = None

    async def stop(self) -> None:
        """Reads no more."""
        if self._tidying is not None:
            self._tidying.cancel()
            with suppress(asyncio.CancelledError):
                await self._tidying
        await asyncio.gather(*(each.stop() for each in self._watches.values()))
        self._watches.clear()
        idle, self._idle = self._idle, []
        for each in idle:
            await self._link.run(each.close)

    async def append(self, context: Context, request: PublishRequest, message_id: str) -> None:
        """See MessageLog."""
        check_time(context, writes=True)
        await self._identity(context.namespace)
        topic = self._names.log(context.namespace)
        outgoing = Outgoing("", request.payload, dict(request.attributes), request.ordering_key)
        plain = record(outgoing, topic, message_id)
        wanted = Record(topic, plain.value, plain.key, [*plain.headers, (_TOPIC, request.topic.encode())], partition=0)
        try:
            await self._publisher.publish(wanted)
        except TooLargeError as error:
            raise too_large(len(request.payload), await self._topics.largest(topic)) from error
        except TopicNotFound:
            self._identities.pop(context.namespace, None)
            await self._identity(context.namespace)
            await self._publisher.publish(wanted)

    async def _identity(self, namespace: str) -> bytes:
        """Of the log; it is made where there is none."""
        found = self._identities.get(namespace)
        if found is not None:
            return found
        async with self._making.setdefault(namespace, asyncio.Lock()):
            if namespace not in self._identities:
                name = self._names.log(namespace)
                await self._topics.make(name, 1, self._settings())

                def about() -> bytes:
                    (future,) = self._link.admin.describe_topics(TopicCollection([name])).values()
                    return str(future.result().topic_id).encode()[:32]

                self._identities[namespace] = await self._link.run(
                    partial(patiently, about, self._link.config.request_timeout, made=True)
                )
        return self._identities[namespace]

    def _settings(self) -> dict[str, str]:
        options = self._options
        retention = max(int(options.retention * 1000), 1)
        settings = {
            "cleanup.policy": "delete",
            "message.timestamp.type": "LogAppendTime",
            "retention.ms": str(retention),
            "segment.ms": str(max(min(retention // 4, 86_400_000), 1000)),
            "max.message.bytes": str(self._topics.largest_record),
        }
        if options.max_bytes:
            segment = max(int(options.max_bytes) // 8, _LEAST_SEGMENT)
            settings |= {"retention.bytes": str(int(options.max_bytes)), "segment.bytes": str(segment)}
        return settings

    async def bounds(self, context: Context) -> Bounds:
        identity = await self._identity(context.namespace)
        low, end = await self._with(context, self._ends)
        await self._watch(context.namespace, low, end)
        return Bounds(identity, _PLACE.pack(low), _PLACE.pack(max(end, low)))

    async def before(self, context: Context, time: int) -> bytes:
        await self._identity(context.namespace)
        name = self._names.log(context.namespace)
        milliseconds = max(-(-time // 1000), 0)
        found = await self._topics.offsets_in(name, 1, OffsetSpec.for_timestamp(milliseconds))
        if found[0] < 0:
            found = await self._topics.offsets_in(name, 1, OffsetSpec.latest())
        return _PLACE.pack(found[0])

    async def read(self, context: Context, after: bytes, limit: int, max_bytes: int) -> Page:
        self._link.check()
        identity = await self._identity(context.namespace)
        (offset,) = _PLACE.unpack(after)
        watch = self._watches.get(context.namespace)
        if watch is not None:
            watch.used = time.monotonic()
            await self._look(context, watch)
        near = None if watch is None else watch.after(offset, limit, max_bytes)
        if watch is not None and near is not None:  # nothing is waited for from here on: the end is theirs
            messages = near
            bounds = Bounds(identity, _PLACE.pack(watch.low), _PLACE.pack(max(watch.end, watch.low)))
        else:
            low, end, messages = await self._with(
                context, lambda consumer, name: self._page(consumer, name, offset, limit, max_bytes)
            )
            await self._watch(context.namespace, low, end)
            bounds = Bounds(identity, _PLACE.pack(low), _PLACE.pack(max(end, low)))
        return Page(bounds, messages, messages[-1].place if messages else bounds.end)

    async def _look(self, context: Context, watch: Watch) -> None:
        """Asks what is kept, where that was asked some time ago."""
        instant = time.monotonic()
        if instant - self._asked.get(context.namespace, 0.0) > _FRESH:
            self._asked[context.namespace] = instant
            watch.low, _ = await self._with(context, self._ends)

    async def _watch(self, namespace: str, low: int, end: int) -> None:
        """Reads what comes, while anyone does."""
        if namespace not in self._watches:
            self._watches[namespace] = Watch(
                self._link, self._names.log(namespace), end, low,
                lambda: self.wakeups.notify((namespace, NO_TOPIC)), _logged,
            )  # fmt: skip
        self._watches[namespace].used = time.monotonic()
        if self._tidying is None:
            self._tidying = asyncio.get_running_loop().create_task(self._tidy())

    async def _tidy(self) -> None:
        """Ends watches that no subscription reads."""
        while True:
            await asyncio.sleep(_IDLE)
            read = {namespace for namespace, _ in self.wakeups.keys()}  # noqa: SIM118  # it is not a dictionary
            long_ago = time.monotonic() - _IDLE
            unused = [name for name, each in self._watches.items() if name not in read and each.used < long_ago]
            for namespace in unused:
                await self._watches.pop(namespace).stop()

    async def _with(self, context: Context, work: Callable[[Consumer, str], Result]) -> Result:
        """What a consumer does beside the loop; consumers are kept for the next."""
        name = self._names.log(context.namespace)

        def run() -> Result:
            with self._guard:
                consumer = self._idle.pop() if self._idle else None
            if consumer is None:
                consumer = Consumer(log_settings(self._link, self._names.catalogue))
            try:
                result = work(consumer, name)
            except BaseException:
                consumer.close()
                raise
            with self._guard:
                self._idle.append(consumer)
            return result

        return await self._link.run(run)

    def _ends(self, consumer: Consumer, name: str) -> tuple[int, int]:
        seconds = self._link.config.request_timeout
        place = TopicPartition(name, 0)
        ask = partial(consumer.get_watermark_offsets, place, timeout=seconds, cached=False)
        return patiently(ask, seconds, made=True)

    def _page(
        self, consumer: Consumer, name: str, offset: int, limit: int, max_bytes: int
    ) -> tuple[int, int, list[Logged]]:
        low, end = self._ends(consumer, name)
        start = max(offset, low)
        if start >= end:
            return low, end, []
        consumer.assign([TopicPartition(name, 0, start)])
        until = time.monotonic() + self._link.config.request_timeout
        found: list[Logged] = []
        size, reached = 0, start
        while reached < end and len(found) < limit and (not found or size < max_bytes):
            batch: list[Any] = [consumer.poll(0.5)]
            batch += consumer.consume(min(limit, AT_ONCE), 0)
            for each in batch:
                if each is None:
                    if time.monotonic() > until:
                        raise BackendUnavailable("Kafka does not give the messages; try again", retry_after=LATER)
                    continue
                error = each.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:
                        reached = max(reached, each.offset() or 0)
                    elif not error.retriable() and error.code() != KafkaError._TRANSPORT:
                        raise KafkaException(error)
                    continue
                message = _logged(each)
                if found and (len(found) >= limit or size + message.size > max_bytes):
                    reached = end  # the rest is for the next page
                    break
                found.append(message)
                size += message.size
                reached = (each.offset() or 0) + 1
        consumer.unassign()
        return low, end, found


def _logged(received: Received) -> Logged:
    headers = headers_of(received)
    own = {name: value or b"" for name, value in headers if name.startswith("prism.")}
    payload = received.value()
    _, milliseconds = received.timestamp()
    offset = received.offset() or 0
    return Logged(
        _PLACE.pack(offset + 1),
        own.get(_TOPIC, b"").decode(errors="replace"),
        payload if isinstance(payload, bytes) else (payload or "").encode(),
        own_attributes(headers),
        own[ID].decode(errors="replace") if ID in own else f"0-{offset}",
        milliseconds * 1000,
    )
