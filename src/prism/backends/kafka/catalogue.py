"""Which topics and groups there are, and how they are configured: a compacted topic, the same for all gateways.

It is written in transactions of one id, so that a gateway which begins to write fences the one before: what it decides
is decided on all that was written, and of two that create the same thing one finds it. It is read when it is asked for:
up to its end, which costs one question where nothing has changed.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import NewTopic

from prism.backends.kafka.errors import error_of, translate
from prism.backends.kafka.link import Link, patiently
from prism.backends.kafka.names import Names
from prism.backends.kafka.producer import transactional_settings
from prism.errors import BackendUnavailable, Outcome, PrismError
from prism.sdk.driver_errors import LATER

Key = tuple[str, ...]
"""A kind, and names: `("topic", namespace, topic)`, `("group", namespace, topic, group)`, `("secret",)`."""
Table = Mapping[Key, Any]
Change = Callable[[Table], Mapping[Key, Any]]
"""What is to be written, None to remove, given what there is; raises a refusal, or gives nothing."""

_WAIT: Final = 0.01
"""Seconds that the broker holds a read at the end."""
_TRIES: Final = 20
_FENCED: Final = (
    KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError._STATE, KafkaError.CONCURRENT_TRANSACTIONS,
    KafkaError.INVALID_TXN_STATE, KafkaError._FATAL,
)  # fmt: skip


class Catalogue:
    """The catalogue of one installation.

    Args:
        link: to Kafka.
        names: of the installation.
    """

    def __init__(self, link: Link, names: Names) -> None:
        self._link = link
        self._topic = names.catalogue
        self._table: dict[Key, Any] = {}
        self._written: dict[Key, int] = {}
        self._consumer: Consumer | None = None
        self._producer: Producer | None = None
        self._read = 0
        self._stopped = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kafka-catalogue")
        self._syncing: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    @property
    def table(self) -> Table:
        """What there is, as it was read last."""
        return self._table

    async def start(self) -> None:
        """Makes it where it does not exist, and reads it."""
        replication = self._link.config.replication
        topic = NewTopic(
            self._topic, num_partitions=1, replication_factor=replication or -1,
            config={"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1"},
        )  # fmt: skip
        existing = await self._link.run(lambda: self._link.admin.list_topics(self._topic, timeout=5))
        if existing.topics[self._topic].error is not None:
            answers = await self._link.each(lambda admin: admin.create_topics([topic], operation_timeout=10))
            for answer in answers.values():
                cause = error_of(answer.__cause__) if isinstance(answer, PrismError) and answer.__cause__ else None
                if isinstance(answer, PrismError) and (
                    cause is None or cause.code() != KafkaError.TOPIC_ALREADY_EXISTS
                ):
                    raise answer
        await self.sync()

    async def sync(self) -> None:
        """Returns when all is known that had been written before it was called; the waiting share one read."""
        self._link.check_read()
        current = self._syncing
        if current is not None and not current.done():  # it may have asked for the end already
            if self._next is None or self._next.done():
                self._next = asyncio.get_running_loop().create_task(self._after(current))
            await asyncio.shield(self._next)
            return
        self._syncing = asyncio.get_running_loop().create_task(self._run(self._sync))
        await asyncio.shield(self._syncing)

    async def _after(self, current: "asyncio.Task[None]") -> None:
        await asyncio.wait((current,))
        await self._run(self._sync)

    async def write(self, change: Change) -> None:
        """Writes what a change wants, decided on all that was written before; nothing where it wants nothing.

        Raises:
            PrismError: the change refuses, or it cannot be written.
        """
        self._link.check()
        await self._run(self._write, change)

    async def _run(self, work: Callable[..., None], *arguments: Any) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)
        except KafkaException as error:
            raise translate(error, writes=work == self._write) from error

    async def stop(self) -> None:
        """Reads and writes no more. May be called before `start`, and again."""
        if self._stopped:
            return
        self._stopped = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        consumer, self._consumer, self._producer = self._consumer, None, None
        if consumer is not None:
            consumer.close()

    def _sync(self) -> None:
        consumer, place = self._reader(), TopicPartition(self._topic, 0)
        seconds = self._link.config.request_timeout
        end = patiently(
            lambda: consumer.get_watermark_offsets(place, timeout=seconds, cached=False), seconds, made=True
        )[1]
        if end <= self._read:
            return
        consumer.assign([TopicPartition(self._topic, 0, self._read)])  # it is quicker than a pause that ends
        until, found, reached = time.monotonic() + seconds, {}, self._read
        try:
            while reached < end:
                message = consumer.poll(0.5)
                if message is None:
                    if time.monotonic() > until:
                        raise BackendUnavailable("Kafka does not give the catalogue; try again", retry_after=LATER)
                    continue
                error, offset = message.error(), message.offset()
                if error is None:
                    found[message.key()] = (message.value(), offset or 0)
                    reached = (offset or 0) + 1
                elif error.code() == KafkaError._PARTITION_EOF:
                    reached = max(reached, offset or 0)
                elif not error.retriable() and error.code() not in (
                    KafkaError._TRANSPORT,
                    KafkaError._ALL_BROKERS_DOWN,
                ):
                    raise KafkaException(error)
            for key, (value, offset) in found.items():  # the last of each: the table never shows what was before
                self._take(key, value, offset)
            self._read = reached
            self._written = {key: offset for key, offset in self._written.items() if offset >= reached}
        except BaseException:
            self._consumer = None  # it has given some of it already
            consumer.close()
            raise
        consumer.unassign()

    def _reader(self) -> Consumer:
        if self._consumer is None:
            consumer = Consumer(
                self._link.reader_settings(
                    self._topic,
                    fetch_wait_max_ms=int(_WAIT * 1000),
                    fetch_error_backoff_ms=20,
                )
            )
            self._consumer = consumer
        return self._consumer

    def _take(self, key: "bytes | str | None", value: "bytes | str | None", offset: int) -> None:
        """What was read, unless something newer was written here: it cannot be read yet while its end is not marked."""
        name = tuple(json.loads(key or b"[]"))
        if offset < self._written.get(name, 0):
            return
        if value is None:
            self._table.pop(name, None)
        else:
            self._table[name] = json.loads(value)

    def _write(self, change: Change) -> None:
        for last in range(_TRIES):
            try:
                if self._producer is None:
                    self._producer = self._new_producer()
                    self._sync()
                wanted = change(self._table)
                if wanted:
                    offsets = self._commit(self._producer, wanted)
                    for key, value in wanted.items():
                        content = None if value is None else json.dumps(value).encode()
                        self._take(json.dumps(key).encode(), content, offsets[key])
                        self._written[key] = offsets[key]
            except KafkaException as error:
                self._producer = None
                cause = error_of(error)
                if cause is None or cause.code() not in _FENCED or last == _TRIES - 1:
                    raise
                time.sleep(random.uniform(0.01, 0.1))  # noqa: S311  # spreads load, guards nothing
            else:
                return

    def _new_producer(self) -> Producer:
        config = self._link.config
        producer = Producer(transactional_settings(self._link, self._topic))
        producer.init_transactions(config.request_timeout)
        return producer

    def _commit(self, producer: Producer, wanted: Mapping[Key, Any]) -> Mapping[Key, int]:
        """Writes it as one; gives the offset of each."""
        failed: list[KafkaError] = []
        offsets: dict[Key, int] = {}

        def report(error: KafkaError | None, message: Message, key: Key) -> None:
            if error is not None:
                failed.append(error)
            else:
                offsets[key] = message.offset() or 0

        producer.begin_transaction()
        for key, value in wanted.items():
            content = None if value is None else json.dumps(value).encode()
            producer.produce(
                self._topic, content, json.dumps(key).encode(), partition=0, on_delivery=partial(report, key=key)
            )
        try:
            producer.commit_transaction(self._link.config.request_timeout)
        except KafkaException as error:
            cause = error_of(error)
            if cause is not None and cause.retriable():
                producer.commit_transaction(self._link.config.request_timeout)
            elif cause is not None and cause.txn_requires_abort() and not cause.fatal():
                producer.abort_transaction(self._link.config.request_timeout)
                raise _refused(failed[0] if failed else cause) from error
            else:
                raise
        return offsets


def _refused(error: KafkaError) -> PrismError:
    refused = translate(error, writes=True)
    refused.outcome = Outcome.NOT_APPLIED
    return refused
