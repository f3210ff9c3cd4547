"""What a gateway knows of the catalogue, without Kafka."""

import json
from typing import Any

from prism.backends.kafka.catalogue import Catalogue
from prism.backends.kafka.config import KafkaConfig, KafkaCredentials
from prism.backends.kafka.link import Link
from prism.backends.kafka.names import Names

GROUP = ("group", "ns", "t", "g")


class Topic:
    """The catalogue's topic, as a consumer reads it: to where transactions are known to have ended."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.end = 0
        self._at = 0

    def write(self, value: object) -> int:
        self.records.append(value)
        return len(self.records) - 1

    def get_watermark_offsets(self, *_: object, **_more: object) -> tuple[int, int]:
        return 0, self.end

    def assign(self, places: list[Any]) -> None:
        self._at = places[0].offset

    def unassign(self) -> None:
        pass

    def poll(self, _seconds: float) -> "Record":
        self._at += 1
        return Record(self._at - 1, self.records[self._at - 1])


class Record:
    """One of its records."""

    def __init__(self, offset: int, value: object) -> None:
        self._offset, self._value = offset, value

    def error(self) -> None:
        return None

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes:
        return json.dumps(GROUP).encode()

    def value(self) -> bytes | None:
        return None if self._value is None else json.dumps(self._value).encode()


def test_what_was_written_here_is_not_undone_by_what_is_read_later() -> None:
    """A group that was removed and made again exists, though Kafka shows the end of the last transaction late: a
    cluster in trouble answered GROUP_NOT_FOUND."""
    catalogue, topic = Catalogue(Link(KafkaConfig(), KafkaCredentials()), Names("p")), Topic()
    reader: Any = topic
    catalogue._consumer = reader
    commits: Any = lambda _producer, wanted: {key: topic.write(value) for key, value in wanted.items()}  # noqa: E731
    catalogue._commit = commits  # type: ignore[method-assign]
    catalogue._producer = reader
    for value in ({"epoch": 1}, None, {"epoch": 2}):
        catalogue._write(lambda _table, value=value: {GROUP: value})
    topic.end = 2  # of the three, two are known to have ended
    catalogue._sync()
    assert catalogue.table.get(GROUP) == {"epoch": 2}
    topic.end = 4
    topic.write({"epoch": 3})  # by another gateway
    catalogue._sync()
    assert catalogue.table.get(GROUP) == {"epoch": 3}
    assert catalogue._written == {}
