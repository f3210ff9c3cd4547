"""Counts of a group, through any gateway: from what is committed, the ends of its partitions, and what is here.

They are estimates: marks of transactions have offsets too, and what another gateway has in flight counts as waiting.
"""

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import OffsetSpec

from prism.backends.kafka.link import Link
from prism.backends.kafka.names import Names
from prism.backends.kafka.queue.dead import DeadLetters
from prism.backends.kafka.queue.groups import Groups
from prism.backends.kafka.queue.member import now
from prism.backends.kafka.queue.progress import Progress, restored
from prism.backends.kafka.queue.standing import config_of
from prism.backends.kafka.queue.topics import Topics
from prism.errors import PrismError
from prism.sdk.queue.rows import Group, State, Tally


class Tallies:
    """Counts the messages of groups.

    Args:
        link: to Kafka.
        names: of the installation.
        topics: which there are.
        groups: what this gateway has of them.
    """

    def __init__(self, link: Link, names: Names, topics: Topics, groups: Groups) -> None:
        self._link = link
        self._names = names
        self._topics = topics
        self._groups = groups

    async def describe(self, namespace: str, topic: str, group: str) -> tuple[Group, Tally]:
        """A group and its counts."""
        record = await self._topics.group(namespace, topic, group)
        config = config_of(record)
        read = {self._topics.kafka_name(namespace, topic): (await self._topics.topic(namespace, topic)).partitions}
        if record["redriven"]:
            read[self._names.redriven(namespace, topic, group)] = 1
        starts = {int(each): offset for each, offset in (record["starts"] or {}).items()}
        committed = await self._committed(self._names.group(namespace, topic, group), read)
        found = Group(0, group, config, epoch=record["epoch"])
        instant, hand = now(), self._groups.hand(namespace, topic, group)
        waiting = delayed = in_flight = oldest = 0
        consumers: dict[str, int] = {}
        lag: dict[int, int] = {}
        for name, partitions in read.items():
            ends = await self._topics.offsets_in(name, partitions, OffsetSpec.latest())
            begins = await self._topics.offsets_in(name, partitions, OffsetSpec.earliest())
            for number, end in ends.items():
                main = name == self._topics.kafka_name(namespace, topic)
                progress = self._progress(committed.get((name, number)), record["epoch"])
                begin = max(begins[number], starts.get(number, 0) if main else 0)
                here = hand.parts.get((name, number)) if hand is not None else None
                if here is not None:
                    here.progress.advance()
                    floor, _ = here.progress.snapshot()
                    if hand is not None and (name, number) not in hand.dirty:
                        progress = here.progress
                else:
                    floor = progress.floor if progress else begin
                done = sum(each >= floor for each in progress.done) if progress else 0
                open_ = max(end - max(floor, begins[number]) - done, 0)
                late = sum(each.due * 1000 > instant for each in progress.failures.values()) if progress else 0
                flying = 0
                for held in here.held.values() if here else ():
                    if held.entry.state is State.IN_FLIGHT:
                        flying += 1
                        consumers[held.entry.consumer] = consumers.get(held.entry.consumer, 0) + 1
                    elif held.entry.at <= instant:
                        oldest = max(oldest, instant - held.entry.at)
                waiting += max(open_ - late - flying, 0)
                delayed, in_flight = delayed + late, in_flight + flying
                if main:
                    lag[number] = open_
                if progress is not None:
                    found.acknowledged += progress.counts.acknowledged
                    found.expired += progress.counts.expired
                    found.dead_removed += progress.counts.dead
        kept = await self._kept(namespace, topic, group, config.dead_retention) if record["dead"] else 0
        found.dead_removed = max(found.dead_removed - kept, 0)
        found.offered = waiting + delayed + in_flight + found.acknowledged + found.expired + found.dead_removed + kept
        return found, Tally(waiting, delayed, in_flight, kept, oldest, consumers, lag)

    @staticmethod
    def _progress(place: TopicPartition | None, epoch: int) -> Progress | None:
        if place is None or place.offset < 0:
            return None
        progress = restored(place.offset, place.metadata or "")
        return progress if progress is not None and progress.epoch == epoch else None

    async def _committed(self, group: str, read: dict[str, int]) -> dict[tuple[str, int], TopicPartition]:
        places = [TopicPartition(name, each) for name, count in read.items() for each in range(count)]
        asked = [ConsumerGroupTopicPartitions(group, places)]
        answer = await self._link.one(lambda admin: admin.list_consumer_group_offsets(asked))
        return {(each.topic, each.partition): each for each in answer.topic_partitions}

    async def _kept(self, namespace: str, topic: str, group: str, retention: int) -> int:
        letters = DeadLetters(self._link, self._names.dead(namespace, topic, group))
        return len(await self._link.run(letters.alive, now() - retention))

    async def members(self, namespace: str, topic: str, group: str) -> int:
        """How many gateways are members of a group."""
        name = self._names.group(namespace, topic, group)
        try:
            found = await self._link.one(lambda admin: admin.describe_consumer_groups([name]))
        except PrismError:
            return 0
        return len(found.members)
