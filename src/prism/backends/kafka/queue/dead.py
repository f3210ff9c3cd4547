"""The dead of a group: a compacted topic of their own, in which a record that is empty removes one.

It is read from its beginning each time: the dead are few, and looked at by operators. What removes them is a
transaction of one id for each group, so that of two that redrive the same message one does.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as Received

from prism.backends.kafka.link import Link
from prism.backends.kafka.producer import Record
from prism.backends.kafka.queue.records import headers_of, message_of, noted_of, redriven_record
from prism.backends.kafka.transactions import Transactor
from prism.errors import BackendUnavailable
from prism.sdk.driver_errors import LATER
from prism.sdk.queue.calls import Peeked
from prism.sdk.queue.rows import Entry, GroupConfig, Message, State

_ENDLESS: Final = 1 << 62
_SILENT: Final = 40


def settings(config: GroupConfig) -> Mapping[str, str]:
    """Of the topic of a group's dead."""
    return {
        "cleanup.policy": "compact,delete",
        "retention.ms": str(max(config.dead_retention // 1000, 1)),
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(16 << 20),
        "min.cleanable.dirty.ratio": "0.1",
    }


class DeadLetters:
    """The dead of one group; its methods block.

    Args:
        link: to Kafka.
        topic: of the dead, in Kafka.
    """

    def __init__(self, link: Link, topic: str) -> None:
        self._link = link
        self._topic = topic

    def alive(self, since: int) -> dict[str, int]:
        """The keys of those that are kept, died at that time or later, and their offsets."""
        found: dict[str, int] = {}

        def take(record: Received) -> None:
            key = _key(record)
            _, at = record.timestamp()
            if record.value() is None or at * 1000 < since:
                found.pop(key, None)
            else:
                found.pop(key, None)
                found[key] = record.offset() or 0

        self._read(0, None, take)
        return found

    def places(self, since: int) -> dict[str, list[int]]:
        """Where they were in their topic, by partition."""
        found: dict[str, list[int]] = {}
        for each in self._records(sorted(self.alive(since).values())):
            place: Any = noted_of(headers_of(each)).get("place")
            if place:
                found.setdefault(str(place[0]), []).append(place[1])
        return found

    def page(self, since: int, after: int, limit: int) -> list[Peeked]:
        """The dead behind an offset."""
        offsets = sorted(each for each in self.alive(since).values() if each + 1 > after)[:limit]
        return [_peeked(each) for each in self._records(offsets)]

    def _records(self, offsets: Sequence[int]) -> list[Received]:
        wanted, found = set(offsets), []

        def take(record: Received) -> None:
            if record.offset() in wanted:
                found.append(record)

        if offsets:
            self._read(offsets[0], offsets[-1], take)
        return found

    def remove(self, since: int, message_ids: Sequence[str], limit: int, redriven: str = "") -> int:
        """Removes those of these ids, or so many; into the topic `redriven` where that is named. How many."""
        transactor = Transactor(self._link, self._topic)
        transactor.begin()  # from now on no other removes
        alive = self.alive(since)
        chosen = [each for each in message_ids if each in alive] if message_ids else [*alive][:limit]
        if not chosen:
            return 0
        records = [Record(self._topic, None, each.encode()) for each in dict.fromkeys(chosen)]
        count = len(records)
        if redriven:
            offsets = sorted(alive[each] for each in dict.fromkeys(chosen))
            records += [redriven_record(_message(each), redriven) for each in self._records(offsets)]
        transactor.run(records)
        transactor.close()
        return count

    def _read(self, start: int, last: int | None, take: Any) -> None:
        consumer = Consumer(
            self._link.reader_settings(
                self._topic,
                fetch_wait_max_ms=10,
            )
        )
        try:
            consumer.assign([TopicPartition(self._topic, 0, start)])
            silent = 0
            while silent < _SILENT:
                record = consumer.poll(self._link.config.request_timeout / _SILENT)
                if record is None:
                    silent += 1
                    continue
                error = record.error()
                if error is None:
                    take(record)
                    if (record.offset() or 0) >= (_ENDLESS if last is None else last):
                        return
                elif error.code() == KafkaError._PARTITION_EOF:
                    return
                elif not error.retriable():
                    raise KafkaException(error)
            raise BackendUnavailable("Kafka does not give the dead of the group; try again", retry_after=LATER)
        finally:
            consumer.close()


def _key(record: Received) -> str:
    key = record.key()
    return key.decode() if isinstance(key, bytes) else str(key)


def _message(record: Received) -> Message:
    """A dead message as it was."""
    message, _ = message_of(record, 0, _ENDLESS)
    noted: Mapping[str, Any] = noted_of(headers_of(record))
    message.ordering_key = str(noted.get("key", ""))
    message.published_at = int(noted.get("published_at", message.published_at))
    message.null_payload = bool(noted.get("null"))
    message.message_id = _key(record)
    return message


def _peeked(record: Received) -> Peeked:
    noted: Mapping[str, Any] = noted_of(headers_of(record))
    message = _message(record)
    entry = Entry(
        0, (record.offset() or 0) + 1, int(noted.get("at", 0)), 0, State.DEAD, message.ordering_key,
        failed=int(noted.get("attempts", 0)), reason=str(noted.get("reason", "")),
    )  # fmt: skip
    return Peeked(entry, message)
