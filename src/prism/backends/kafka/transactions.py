"""Transactions: records and the offsets of a group, all of it or nothing; the broker fences zombies of the group.

What is not known to be committed is found out: a producer of the same id ends what the one before has left, and then
the committed offset tells.
"""

import threading
from collections.abc import Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from prism.backends.kafka.errors import error_of, translate
from prism.backends.kafka.link import Link
from prism.backends.kafka.producer import Record, TooLargeError, transactional_settings
from prism.errors import BackendUnavailable, Outcome, PrismError
from prism.sdk.driver_errors import LATER

_TRIES: Final = 3
_TOO_LARGE: Final = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE)


class Transactor:
    """The transactions of one id, one after the other; its methods block.

    Args:
        link: to Kafka.
        name: the id, which no other uses at the same time.
    """

    def __init__(self, link: Link, name: str) -> None:
        self._link = link
        self._name = name
        self._producer: Producer | None = None
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Ends what a producer of this id has left, and fences it.

        Raises:
            KafkaException: it cannot be done now.
        """
        with self._lock:  # a call that was given up runs on in its thread
            self._begin()

    def _begin(self) -> None:
        if self._producer is None:
            config = self._link.config
            producer = Producer(transactional_settings(self._link, self._name))
            producer.init_transactions(config.request_timeout)
            self._producer = producer

    def run(
        self, records: Sequence[Record], offsets: Sequence[TopicPartition] = (), group: Any = None
    ) -> list[tuple[int, int]]:
        """Publishes records and commits offsets; the partition and offset of each record.

        Raises:
            TooLargeError: the broker does not take a record; nothing was done.
            PrismError: it failed, with the outcome; where that is UNKNOWN, `begin` makes it certain.
        """
        with self._lock:
            return self._run(records, offsets, group)

    def _run(self, records: Sequence[Record], offsets: Sequence[TopicPartition], group: Any) -> list[tuple[int, int]]:
        places: list[tuple[int, int]] = [(0, 0)] * len(records)
        failed: list[KafkaError] = []
        try:
            self._begin()
            assert self._producer is not None  # noqa: S101  # it has begun
            producer = self._producer
            producer.begin_transaction()
            for number, each in enumerate(records):

                def report(error: KafkaError | None, message: Any, number: int = number) -> None:
                    if error is not None:
                        failed.append(error)
                    else:
                        places[number] = (message.partition(), message.offset())

                producer.produce(
                    each.topic, each.value, each.key, partition=each.partition, on_delivery=report,
                    headers=list(each.headers),
                )  # fmt: skip
            if offsets:
                producer.send_offsets_to_transaction(list(offsets), group, self._link.config.request_timeout)
        except (KafkaException, BufferError) as error:
            self._abort()
            raise _not_applied(error, failed) from error
        self._commit(producer, failed)
        return places

    def _commit(self, producer: Producer, failed: list[KafkaError]) -> None:
        for last in range(_TRIES):
            try:
                producer.commit_transaction(self._link.config.request_timeout)
            except KafkaException as error:
                cause = error_of(error)
                if cause is not None and cause.txn_requires_abort():
                    self._abort()
                    raise _not_applied(error, failed) from error
                if cause is not None and cause.retriable() and last < _TRIES - 1:
                    continue
                self._producer = None
                raise BackendUnavailable(
                    f"Kafka does not say whether the transaction is committed ({cause})", outcome=Outcome.UNKNOWN,
                    retry_after=LATER,
                ) from error  # fmt: skip
            else:
                return

    def _abort(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            producer.abort_transaction(self._link.config.request_timeout)
        except KafkaException:
            return  # the next producer of this id ends it
        self._producer = producer

    def close(self) -> None:
        """Lets it go."""
        self._producer = None


def _not_applied(cause: BaseException, failed: list[KafkaError]) -> Exception:
    if any(each.code() in _TOO_LARGE for each in failed):
        return TooLargeError(failed[0].str())
    first = error_of(cause)
    if first is not None and first.code() in _TOO_LARGE:
        return TooLargeError(first.str())
    error: PrismError = translate(failed[0] if failed else cause, writes=True)
    error.outcome = Outcome.NOT_APPLIED
    return error
