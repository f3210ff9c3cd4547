"""Which messages of Kafka a role takes, and where it goes on, whatever fails between."""

import asyncio
from typing import Any

import pytest

pytest.importorskip("confluent_kafka")

from confluent_kafka import KafkaError, TopicPartition

from prism.errors import BackendUnavailable, PrismError
from prism.roles.container import kafka
from prism.roles.container.kafka import KafkaSource
from prism.roles.container.settings import Settings

NEVER = asyncio.Event()


class Record:
    """A message of partition 0, or an error in the place of one."""

    def __init__(self, offset: int, error: KafkaError | None = None) -> None:
        self._offset = offset
        self._error = error

    def error(self) -> KafkaError | None:
        return self._error

    def topic(self) -> str:
        return "t"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return 1, 1_000

    def headers(self) -> None:
        return None

    def key(self) -> None:
        return None

    def value(self) -> bytes:
        return b"%d" % self._offset

    def leader_epoch(self) -> None:
        return None

    def __len__(self) -> int:
        return 1


class Driver:
    """What a source calls of confluent_kafka's Consumer."""

    def __init__(self, *batches: list[Record]) -> None:
        self.batches = [*batches]
        self.owned = [TopicPartition("t", 0)]
        self.resumed: list[int] = []
        self.sought: list[int] = []
        self.committed: list[int] = []

    def consume(self, _limit: int, _seconds: float) -> list[Record]:
        return self.batches.pop(0)

    def assignment(self) -> list[TopicPartition]:
        return self.owned

    def resume(self, places: list[TopicPartition]) -> None:
        self.resumed += [each.partition for each in places]

    def pause(self, _places: list[TopicPartition]) -> None: ...

    def seek(self, place: TopicPartition) -> None:
        self.sought.append(place.offset)

    def commit(self, *, offsets: list[TopicPartition], **_: object) -> None:
        self.committed += [each.offset for each in offsets]


def source_of(driver: Driver) -> KafkaSource:
    """A source whose driver is that."""
    common: dict[str, Any] = {"prism_plugin_role": "consumer", "prism_backend_type": "kafka", "kafka_topic": "t"}
    source = KafkaSource(Settings.model_validate({**common, "kafka_brokers": "127.0.0.1:1"}))
    source._consumer = driver  # type: ignore[assignment]
    return source


async def test_messages_that_come_with_an_error_are_taken() -> None:
    """The driver has passed them: they would not come again."""
    driver = Driver([Record(0, KafkaError(KafkaError._TRANSPORT)), Record(5), Record(6)])
    assert [each.payload for each in await source_of(driver).take(10, NEVER)] == [b"5", b"6"]


async def test_an_error_alone_is_raised() -> None:
    """As one of the broker's."""
    with pytest.raises(PrismError):
        await source_of(Driver([Record(0, KafkaError(KafkaError._TRANSPORT))])).take(10, NEVER)


async def test_what_was_neither_settled_nor_given_back_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit failed, and with it what was to follow: the position must not pass the message that was refused."""
    driver = Driver([Record(4), Record(5), Record(6)], [Record(5)])
    source = source_of(driver)
    four, _, six = await source.take(10, NEVER)

    def fails(**_: object) -> None:
        raise BackendUnavailable("the coordinator is away")

    monkeypatch.setattr(driver, "commit", fails)
    with pytest.raises(BackendUnavailable):
        await source.settle([four, six])
    await source.take(10, NEVER)
    assert driver.sought == [5]


async def test_a_partition_that_went_while_it_was_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would come back paused, and stand still: it is resumed all the same."""
    driver = Driver([Record(5)], [])
    source = source_of(driver)
    await source.give_back(await source.take(10, NEVER), 30.0)
    driver.owned = []
    (until,) = source._paused.values()
    monkeypatch.setattr(kafka.time, "monotonic", lambda: until)
    await source.take(10, NEVER)
    assert driver.resumed == [0]
