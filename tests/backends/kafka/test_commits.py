"""What is told to those who wait for a commit, without Kafka: the group is in motion, a partition goes, it ends."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from backends.kafka.test_hand import NOW, PART, leased, read
from prism.backends.kafka.config import KafkaConfig, KafkaCredentials
from prism.backends.kafka.link import Link
from prism.backends.kafka.producer import Record
from prism.backends.kafka.queue.commits import Commits
from prism.backends.kafka.queue.hand import Hand
from prism.backends.kafka.queue.held import Held
from prism.backends.kafka.queue.progress import Progress
from prism.backends.kafka.transactions import Transactor
from prism.errors import BackendUnavailable, Outcome, PrismError
from prism.sdk.queue.rows import GroupConfig

Offsets = list[TopicPartition]


class Broken(Transactor):
    """Transactions of which Kafka does not say whether they are committed."""

    def begin(self) -> None:
        pass

    def run(self, *_: Any, **__: Any) -> list[tuple[int, int]]:
        raise BackendUnavailable("it is not known", outcome=Outcome.UNKNOWN)


class Setting:
    """The commits of a hand with two messages in flight."""

    def __init__(
        self, commit: Callable[[Offsets], Offsets], committed: TopicPartition | None = None, *, key: str = ""
    ) -> None:
        link = Link(KafkaConfig(), KafkaCredentials())
        self.hand = Hand(GroupConfig())
        self.hand.add(PART, 0, Progress(1, 0))
        read(self.hand, 0, 1, key=key)
        self.held: list[Held] = []
        self.ready: list[int] = []
        for each in leased(self.hand):
            found = self.hand.leased(each.lease, NOW)
            assert found is not None
            self.held.append(found)

        async def deadly(_: object) -> list[Record]:
            return []

        self.commits = Commits(link, self.hand, Broken(link, "t"), deadly, lambda: NOW)
        self.commits.bind(commit, lambda place: committed or place, lambda: None, self.ready.append)

    def acknowledge(self) -> "asyncio.Future[bool]":
        self.hand.acknowledge(self.held[0])
        return self.commits.wait(PART)


async def error_of(future: "asyncio.Future[Any]") -> PrismError:
    with pytest.raises(PrismError) as raised:
        async with asyncio.timeout(10):
            await future
    return raised.value


@pytest.mark.parametrize("code", [KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID])
async def test_a_partition_that_stays_is_committed_when_the_group_is_at_rest(code: int) -> None:
    """A member that has missed a generation gets its partition back, or is told that it is lost: it is not guessed."""
    refusals = [KafkaError(code), KafkaError(code)]

    def commit(offsets: Offsets) -> Offsets:
        if refusals:
            raise KafkaException(refusals.pop())
        return offsets

    setting = Setting(commit)
    async with asyncio.timeout(10):
        assert await setting.acknowledge() is True
    await setting.commits.stop()


async def test_a_partition_that_goes_while_it_is_committed_leaves_none_waiting() -> None:
    """Whether the broker has taken it is not known, and that is what is said."""
    asked, go = threading.Event(), threading.Event()

    def commit(offsets: Offsets) -> Offsets:
        asked.set()
        go.wait(10)
        return offsets

    setting = Setting(commit)
    waiting = setting.acknowledge()
    await asyncio.to_thread(asked.wait, 10)
    setting.hand.remove(PART)
    setting.commits.forget(PART)
    assert (await error_of(waiting)).outcome is Outcome.UNKNOWN
    go.set()
    await setting.commits.stop()


async def test_the_end_leaves_none_waiting() -> None:
    """Of the round under way it is not known what became of it; what waits behind it was not begun."""
    asked, go = threading.Event(), threading.Event()

    def commit(offsets: Offsets) -> Offsets:
        asked.set()
        go.wait(10)
        return offsets

    setting = Setting(commit)
    first = setting.acknowledge()
    await asyncio.to_thread(asked.wait, 10)
    second = setting.commits.move([setting.held[1]], []).done
    await setting.commits.stop()
    go.set()
    assert (await error_of(first)).outcome is Outcome.UNKNOWN
    assert (await error_of(second)).outcome is Outcome.NOT_APPLIED


@pytest.mark.parametrize(
    ("done", "outcome"), [(False, Outcome.NOT_APPLIED), (True, Outcome.UNKNOWN)], ids=["before it", "behind it"]
)
async def test_a_transaction_of_a_partition_that_has_gone_on(done: bool, outcome: Outcome) -> None:
    """What is committed tells that it did not happen, or may have been done by the gateway that has it now."""
    progress = Progress(1, 1 if done else 0)
    progress.counts.acknowledged = 7
    offset, metadata = progress.snapshot()
    setting = Setting(lambda offsets: offsets, TopicPartition(*PART, offset, metadata))
    move = setting.commits.move([setting.held[0]], [Record("out", b"x")])
    assert (await error_of(move.done)).outcome is outcome
    await setting.commits.stop()


async def test_a_transaction_that_happened_is_told_as_done() -> None:
    """What is committed is what the transaction wanted to commit."""
    setting = Setting(lambda offsets: offsets)
    move = setting.commits.move([setting.held[0]], [Record("out", b"x")])
    async with asyncio.timeout(10):
        assert await move.done == [(0, 0)]
    assert setting.hand.parts[PART].progress.counts.acknowledged == 1
    await setting.commits.stop()


async def test_the_next_of_a_key_waits_for_the_commit() -> None:
    """CONTRACT, Queue 8: if it came before, and the partition went, the one before would come again behind it."""
    asked, go = threading.Event(), threading.Event()

    def commit(offsets: Offsets) -> Offsets:
        asked.set()
        go.wait(10)
        return offsets

    setting = Setting(commit, key="k")
    waiting = setting.acknowledge()
    await asyncio.to_thread(asked.wait, 10)
    assert leased(setting.hand) == []
    go.set()
    async with asyncio.timeout(10):
        assert await waiting is True
    assert setting.ready == [1]
    assert [each.message.message_id for each in leased(setting.hand)] == ["m1"]
    await setting.commits.stop()
