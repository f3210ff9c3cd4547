"""The newest messages of one namespace's log: a consumer without a group that reads from the end, and its thread."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as Received

from prism.backends.kafka.link import Link
from prism.sdk.pubsub import Logged

AT_ONCE: Final = 500
_POLL: Final = 0.25
_KEPT: Final = 1 << 20
"""Bytes of messages that are kept for those who are about to read them."""


class Watch:
    """Reads a log from an offset on.

    Args:
        link: to Kafka.
        topic: in Kafka.
        start: the offset.
        low: the first offset that is kept.
        changed: called when messages have come.
        logged: makes a message of a record.

    Attributes:
        low: the first offset that is kept, as it was asked last.
        start: the first offset that `after` knows.
        end: behind the last one.
        used: when it was asked last, by the system's monotonic clock.
    """

    def __init__(
        self, link: Link, topic: str, start: int, low: int, changed: Callable[[], None],
        logged: Callable[[Received], Logged],
    ) -> None:  # fmt: skip
        self.low = low
        self.start = self.end = start
        self.used = time.monotonic()
        self._link = link
        self._topic = topic
        self._changed = changed
        self._logged = logged
        self._messages: deque[tuple[int, Logged]] = deque()
        self._bytes = 0
        self._loop = asyncio.get_running_loop()
        self._taken = threading.Event()
        self._stopped = False
        self._ended = asyncio.Event()
        threading.Thread(target=self._run, args=(start,), name="kafka-log", daemon=True).start()

    def after(self, offset: int, limit: int, max_bytes: int) -> list[Logged] | None:
        """The messages from an offset on; None where it does not know all of them."""
        if not self.start <= offset <= self.end:
            return None
        found: list[Logged] = []
        size = 0
        for at, message in self._messages:
            if at < offset:
                continue
            if found and (len(found) >= limit or size + message.size > max_bytes):
                break
            found.append(message)
            size += message.size
        return found

    async def stop(self) -> None:
        """Reads no more."""
        self._stopped = True
        self._taken.set()
        await self._ended.wait()

    def _run(self, start: int) -> None:
        consumer = Consumer(log_settings(self._link, self._topic))
        try:
            consumer.assign([TopicPartition(self._topic, 0, start)])
            while not self._stopped:
                first = consumer.poll(_POLL)
                if first is None:
                    continue
                read = (first, *consumer.consume(AT_ONCE - 1, 0))
                found = [each for each in read if each.error() is None]
                if any(_stops(each.error()) for each in read):
                    time.sleep(_POLL)
                    consumer.assign([TopicPartition(self._topic, 0, (found[-1].offset() or 0) + 1 if found else start)])
                if found:
                    start = (found[-1].offset() or 0) + 1
                    self._taken.clear()
                    self._tell(self._take, found)
                    while not self._taken.wait(_POLL) and not self._stopped:
                        pass
        finally:
            with suppress(KafkaException, RuntimeError):
                consumer.close()
            self._tell(self._ended.set)

    def _tell(self, what: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(what, *arguments)

    def _take(self, records: list[Received]) -> None:
        for each in records:
            offset, message = each.offset() or 0, self._logged(each)
            self._messages.append((offset, message))
            self._bytes += message.size
            self.end = offset + 1
        while self._bytes > _KEPT and len(self._messages) > AT_ONCE:
            offset, message = self._messages.popleft()
            self._bytes -= message.size
            self.start = offset + 1
        self._taken.set()
        self._changed()


def _stops(error: KafkaError | None) -> bool:
    """Whether the consumer reads no more: a broker that does not know the topic yet, or no longer."""
    return error is not None and error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION)


def log_settings(link: Link, topic: str) -> dict[str, object]:
    """Of a consumer without a group."""
    return link.reader_settings(
        topic, fetch_error_backoff_ms=50, queued_min_messages=1000, queued_max_messages_kbytes=8 << 10
    )
