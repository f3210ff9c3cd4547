"""Publishes: one idempotent producer, one thread that hears its reports, and a loop that gets them in bunches.

A report handed to the loop one by one costs more than the message; `docs/decisions/` has the measurements.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from prism.backends.kafka.errors import error_of, translate
from prism.backends.kafka.link import Link
from prism.errors import BackendUnavailable, Outcome, PrismError
from prism.sdk.driver_errors import SOON

LARGEST: Final = 64 << 20
"""Bytes of a message that the client lets through: the broker's limit counts."""
_POLL: Final = 0.5
_FLUSH: Final = 5.0


class TooLargeError(Exception):
    """The broker does not take a message of this size."""


@dataclass(frozen=True, slots=True)
class Record:
    """A message as Kafka has it."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()
    partition: int = -1


def producer_settings(link: Link, **more: Any) -> dict[str, Any]:
    """Of a producer: what is acknowledged is on all replicas that are in sync, and once."""
    config = link.config
    return link.settings(
        enable_idempotence=True,
        acks="all",
        linger_ms=config.linger * 1000,
        compression_type=config.compression,
        partitioner="murmur2_random",  # as Java's: a key goes where others put it
        message_max_bytes=LARGEST,
        message_timeout_ms=int(config.publish_timeout * 1000),
        request_timeout_ms=int(min(config.request_timeout, config.publish_timeout) * 1000),
        queue_buffering_max_messages=100_000,
        queue_buffering_max_kbytes=256 << 10,
        **more,
    )


def transactional_settings(link: Link, name: str) -> dict[str, Any]:
    """Of a producer of transactions; what it sends is given up before Kafka ends its transaction."""
    config = link.config
    seconds = max(config.transaction_timeout, config.publish_timeout)
    return producer_settings(
        link,
        transactional_id=name,
        transaction_timeout_ms=int(seconds * 1000),
        socket_timeout_ms=int(min(config.request_timeout, seconds) * 1000),
    )


class Publisher:
    """The producer of one gateway.

    Args:
        link: to Kafka.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._producer: Producer | None = None
        self._thread: threading.Thread | None = None
        self._reports: deque[tuple[asyncio.Future[tuple[int, int]], KafkaError | None, int, int]] = deque()
        self._stopped = False
        self._waiting: set[asyncio.Future[tuple[int, int]]] = set()
        link.on_down = self._lost

    def start(self) -> None:
        """Begins to hear reports; does nothing where it does."""
        if self._producer is None:
            self._producer = Producer(producer_settings(self._link))
            loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._poll, args=(self._producer, loop), name="kafka-reports")
            self._thread.daemon = True
            self._thread.start()

    async def publish(self, record: Record) -> tuple[int, int]:
        """Publishes; gives partition and offset when it is acknowledged.

        Raises:
            TooLargeError: the broker does not take it.
            PrismError: it failed, with the outcome.
        """
        return await self.send(record)

    def send(self, record: Record) -> "asyncio.Future[tuple[int, int]]":
        """As `publish`; what it gives is done later."""
        self._link.check()
        if self._producer is None or self._stopped:
            raise BackendUnavailable("the backend was stopped", outcome=Outcome.NOT_APPLIED)
        report: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
        try:
            self._producer.produce(
                record.topic, record.value, record.key, partition=record.partition,
                on_delivery=partial(self._report, report), headers=list(record.headers),
            )  # fmt: skip
        except BufferError as error:
            raise BackendUnavailable(
                "too much waits to be sent to Kafka; try again", outcome=Outcome.NOT_APPLIED, retry_after=SOON
            ) from error
        except KafkaException as error:
            _check_size(error_of(error))
            raise translate(error, writes=True) from error
        self._waiting.add(report)
        return report

    def _lost(self, failure: PrismError) -> None:
        """No broker can be reached, or it ends: who waits is told at once; what is under way may arrive yet."""
        for report in [*self._waiting]:
            if not report.done():
                error = failure.clone()
                error.outcome = Outcome.UNKNOWN
                report.set_exception(error)

    async def stop(self) -> None:
        """Ends it, when what is under way is acknowledged or has had its time."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        await self._link.run(producer.flush, _FLUSH)
        self._stopped = True
        if self._thread is not None:
            await self._link.run(self._thread.join, 2 * _POLL + 1)
        self._hand_over()
        self._lost(BackendUnavailable("the backend was stopped"))

    def _poll(self, producer: Producer, loop: asyncio.AbstractEventLoop) -> None:
        while not self._stopped:
            producer.poll(_POLL)
            if self._reports:
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(self._hand_over)

    def _report(self, report: "asyncio.Future[tuple[int, int]]", error: KafkaError | None, message: Message) -> None:
        self._reports.append((report, error, message.partition() or 0, message.offset() or 0))

    def _hand_over(self) -> None:
        reports = self._reports
        while reports:
            report, error, partition, offset = reports.popleft()
            self._waiting.discard(report)
            if report.done():
                continue
            if error is None:
                report.set_result((partition, offset))
                continue
            try:
                _check_size(error)
            except TooLargeError as refusal:
                report.set_exception(refusal)
            else:
                report.set_exception(translate(error, writes=True))


def _check_size(error: KafkaError | None) -> None:
    if error is not None and error.code() in (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE):
        raise TooLargeError(error.str())
