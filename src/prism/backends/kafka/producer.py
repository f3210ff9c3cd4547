"""Publishes: one idempotent producer, whose reports the event loop takes in bunches, a thousand times a second.

What comes while others are under way goes with the next bunch, at most that much later: one by one, messages become
requests of their own, for the broker too. A thread that waits for reports must get the interpreter from a busy loop for
each bunch, which takes up to 5 ms. `docs/decisions/` has the measurements.
"""

import asyncio
from collections.abc import Sequence
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
_TICK: Final = 0.001
"""Seconds between two looks for reports while some are due."""
_IDLE: Final = 0.5
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
        self._timer: asyncio.TimerHandle | None = None
        self._ticks = False
        self._unsent: list[tuple[Record, asyncio.Future[tuple[int, int]]]] = []
        self._waiting: set[asyncio.Future[tuple[int, int]]] = set()
        link.on_down = self._lost

    def start(self) -> None:
        """Begins to hear reports; does nothing where it does."""
        if self._producer is None:
            self._producer = Producer(producer_settings(self._link))
            self._poll(self._producer)

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
        if self._producer is None:
            raise BackendUnavailable("the backend was stopped", outcome=Outcome.NOT_APPLIED)
        report: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
        self._waiting.add(report)
        self._unsent.append((record, report))
        if not self._ticks:
            self._send(self._producer)
            self._look_again(self._producer)
        return report

    def _send(self, producer: Producer) -> None:
        """Hands over what has come."""
        unsent, self._unsent = self._unsent, []
        for record, report in unsent:
            if report.done():  # who asked has gone
                self._waiting.discard(report)
                continue
            try:
                producer.produce(
                    record.topic, record.value, record.key, partition=record.partition,
                    on_delivery=partial(self._report, report), headers=list(record.headers),
                )  # fmt: skip
            except (BufferError, KafkaException) as error:
                self._waiting.discard(report)
                report.set_exception(_refusal(error))

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
        if due := [each for each in self._waiting if not each.done()]:
            await asyncio.wait(due, timeout=_FLUSH)
        if self._timer is not None:
            self._timer.cancel()
        self._lost(BackendUnavailable("the backend was stopped"))

    def _poll(self, producer: Producer) -> None:
        producer.poll(0)
        self._send(producer)
        self._look_again(producer)

    def _look_again(self, producer: Producer) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._ticks = bool(self._waiting)
        pause = _TICK if self._ticks else _IDLE
        self._timer = asyncio.get_running_loop().call_later(pause, self._poll, producer)

    def _report(self, report: "asyncio.Future[tuple[int, int]]", error: KafkaError | None, message: Message) -> None:
        self._waiting.discard(report)
        if report.done():
            return
        if error is None:
            report.set_result((message.partition() or 0, message.offset() or 0))
        else:
            report.set_exception(_failure(error))


def _refusal(error: BufferError | KafkaException) -> Exception:
    """Of a message that was not sent."""
    if isinstance(error, KafkaException):
        cause = error_of(error)
        refusal = translate(error, writes=True) if cause is None else _failure(cause)
    else:
        refusal = BackendUnavailable(
            "too much waits to be sent to Kafka; try again", outcome=Outcome.NOT_APPLIED, retry_after=SOON
        )
    refusal.__cause__ = error
    return refusal


def _failure(error: KafkaError) -> Exception:
    if error.code() in (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE):
        return TooLargeError(error.str())
    return translate(error, writes=True)
