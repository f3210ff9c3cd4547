"""Queues on Kafka: `prism.sdk.queue.QueueStore`. Topics are logs, groups are memberships; see the modules beside it."""

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from confluent_kafka import TopicPartition
from confluent_kafka.admin import OffsetSpec

from prism.backends.kafka.catalogue import Catalogue, Table
from prism.backends.kafka.errors import too_large
from prism.backends.kafka.link import Link
from prism.backends.kafka.names import Names
from prism.backends.kafka.producer import Publisher, Record, TooLargeError
from prism.backends.kafka.queue.dead import DeadLetters
from prism.backends.kafka.queue.groups import Groups
from prism.backends.kafka.queue.member import now
from prism.backends.kafka.queue.records import record
from prism.backends.kafka.queue.standing import config_of, new_epoch
from prism.backends.kafka.queue.tallies import Tallies
from prism.backends.kafka.queue.topics import Topics
from prism.backends.kafka.queue.upkeep import Upkeep
from prism.backends.kafka.transactions import Transactor
from prism.context import Context
from prism.errors import GroupInUse, Outcome, ReceiptLost, TopicNotFound
from prism.sdk.message_ids import MessageIds
from prism.sdk.queue import QueueStore, Wakeups
from prism.sdk.queue.calls import (
    Claim,
    Created,
    Lease,
    Outgoing,
    Peeked,
    Published,
    Result,
    Resumed,
    Settlement,
    Start,
    Want,
)
from prism.sdk.queue.rows import Group, GroupConfig, State, Tally, Topic, TopicConfig

MAX_ITEM: Final = 1 << 20
"""Bytes of a payload, as the manifest declares."""


class KafkaQueues(QueueStore):
    """The queues of one installation, as one gateway serves them.

    Args:
        link: to Kafka.
        names: of the installation.
        catalogue: which topics and groups there are.
        publisher: publishes.
    """

    def __init__(self, link: Link, names: Names, catalogue: Catalogue, publisher: Publisher) -> None:
        self.wakeups = Wakeups()
        self._link = link
        self._names = names
        self._catalogue = catalogue
        self._publisher = publisher
        self._ids = MessageIds()
        self.topics = Topics(link, names, catalogue, MAX_ITEM)
        self.groups = Groups(link, names, catalogue, self.topics, self.wakeups, MAX_ITEM)
        self._upkeep = Upkeep(catalogue, self.topics, self.groups, link.config.queue.recommit_interval)
        self._tallies = Tallies(link, names, self.topics, self.groups)
        self._batches = Transactor(link, f"{names.prefix}.batches.{secrets.token_hex(8)}")
        self._batching = asyncio.Lock()
        self._making: dict[tuple[str, str], asyncio.Future[Created[TopicConfig]]] = {}

    def start(self) -> None:
        """Begins to look after groups."""
        self._upkeep.start()

    async def stop(self) -> None:
        """Leaves all groups. May be called again."""
        await self._upkeep.stop()
        await self.groups.stop()
        self._batches.close()

    async def secret(self) -> bytes:
        found = self._catalogue.table.get(("secret",))
        if found is None:
            await self._catalogue.sync()
            made = secrets.token_hex(32)

            def change(table: Table) -> Mapping[tuple[str, ...], Any]:
                return {} if ("secret",) in table else {("secret",): made}

            if change(self._catalogue.table):
                await self._catalogue.write(change)
            found = self._catalogue.table["secret",]
        return bytes.fromhex(found)

    async def _known(self, context: Context, topic: str, *, create: bool) -> str:
        """A topic's name in Kafka; made where it does not exist."""
        name = (context.namespace, topic)
        if self.topics.known(*name) is None or name in self._making:
            making = self._making.get(name)
            if making is None:  # those who publish meanwhile wait for the same one
                making = asyncio.ensure_future(self.topics.create_topic(*name, None, create=create))
                self._making[name] = making
                making.add_done_callback(lambda _: self._making.pop(name, None))
            await asyncio.shield(making)
        return self.topics.kafka_name(context.namespace, topic)

    async def publish(self, context: Context, messages: Sequence[Outgoing], *, create: bool) -> list[Published]:
        names = [await self._known(context, each.topic, create=create) for each in messages]
        ids = [each.message_id or self._ids.next() for each in messages]
        records = [record(*each) for each in zip(messages, names, ids, strict=True)]
        if len(records) == 1:
            await self._published(context, messages[0], records[0])
        else:
            async with self._batching:
                try:
                    await self._link.run(self._batches.run, records, writes=True)
                except TooLargeError as error:
                    raise await self._too_large(messages, names) from error
        return [Published(each) for each in ids]

    async def _published(self, context: Context, message: Outgoing, wanted: Record) -> None:
        try:
            await self._publisher.publish(wanted)
        except TooLargeError as error:
            raise await self._too_large([message], [wanted.topic]) from error
        except TopicNotFound:
            if not await self.topics.remake(context.namespace, message.topic):
                await self.topics.topic(context.namespace, message.topic)  # says which one is missing
                raise
            await self._publisher.publish(wanted)

    async def _too_large(self, messages: Sequence[Outgoing], names: Sequence[str]) -> Exception:
        largest = max(zip(messages, names, strict=True), key=lambda each: each[0].size)
        most = await self.topics.largest(largest[1])
        return too_large(largest[0].size, most)

    async def cancel(self, context: Context, topic: str, message_ids: Sequence[str]) -> list[str]:  # noqa: ARG002
        return []  # not declared

    async def claim(self, context: Context, topic: str, group: str, want: Want) -> Claim:
        return await self.groups.claim(context.namespace, topic, group, want)

    async def settle(self, context: Context, topic: str, group: str, settlements: Sequence[Settlement]) -> list[Result]:
        return await self.groups.settle(context.namespace, topic, group, settlements)

    async def commit(
        self, context: Context, topic: str, group: str, leases: Sequence[Lease], messages: Sequence[Outgoing],
        key: str, fingerprint: bytes, *, create: bool,  # noqa: ARG002  # keys are not declared
    ) -> list[str]:  # fmt: skip
        names = [await self._known(context, each.topic, create=create) for each in messages]
        ids = [self._ids.next() for _ in messages]
        records = [record(*each) for each in zip(messages, names, ids, strict=True)]
        try:
            done = await self.groups.commit(context.namespace, topic, group, leases, records)
        except TooLargeError as error:
            raise await self._too_large(messages, names) from error
        if not done:
            raise ReceiptLost(
                "receipts are lost, so nothing was done; work on the messages when they come again",
                outcome=Outcome.NOT_APPLIED,
            )
        return ids

    async def give_back(self, context: Context, topic: str, group: str, session: str) -> None:
        self.groups.give_back(context.namespace, topic, group, session)

    async def park(self, context: Context, topic: str, group: str, session: str, window: int) -> None:
        self.groups.park(context.namespace, topic, group, session, window)

    async def adopt(self, context: Context, topic: str, group: str, consumer: str, session: str) -> list[Resumed]:
        return await self.groups.adopt(context.namespace, topic, group, consumer, session)

    def partitions(self, context: Context, topic: str, group: str) -> Sequence[int]:
        """Those that this gateway has."""
        return self.groups.partitions(context.namespace, topic, group)

    async def create_topic(self, context: Context, topic: str, config: TopicConfig) -> Created[TopicConfig]:
        return await self.topics.create_topic(context.namespace, topic, config)

    async def update_topic(
        self, context: Context, topic: str, change: Callable[[TopicConfig], TopicConfig]
    ) -> TopicConfig:
        return await self.topics.update_topic(context.namespace, topic, change)

    async def describe_topic(self, context: Context, topic: str) -> tuple[Topic, int, int, list[str]]:
        config = await self.topics.topic(context.namespace, topic)
        ends = await self.topics.offsets(context.namespace, topic, OffsetSpec.latest())
        begins = await self.topics.offsets(context.namespace, topic, OffsetSpec.earliest())
        messages = sum(ends.values()) - sum(begins.values())
        groups = self.topics.groups_of(context.namespace, topic)
        return Topic(context.namespace, topic, config), messages, 0, groups

    async def list_topics(self, context: Context, prefix: str, after: str, limit: int) -> list[str]:
        await self._catalogue.sync()
        names = self.topics.topics_of(context.namespace)
        return [each for each in names if each.startswith(prefix) and each.encode() > after.encode()][:limit]

    async def delete_topic(self, context: Context, topic: str) -> bool:
        for group in self.topics.groups_of(context.namespace, topic):
            await self.groups.leave(context.namespace, topic, group)
        return await self.topics.delete_topic(context.namespace, topic)

    async def purge_topic(self, context: Context, topic: str) -> int:
        namespace = context.namespace
        await self.topics.topic(namespace, topic)
        ends = await self.topics.offsets(namespace, topic, OffsetSpec.latest())
        begins = await self.topics.offsets(namespace, topic, OffsetSpec.earliest())
        starts = {str(each): offset for each, offset in ends.items()}
        for group in self.topics.groups_of(namespace, topic):
            await self.topics.change_group(namespace, topic, group, lambda each: new_epoch(each, starts))
        name = self.topics.kafka_name(namespace, topic)
        places = [TopicPartition(name, each, offset) for each, offset in ends.items() if offset > begins[each]]
        if places:
            for answer in (await self._link.each(lambda admin: admin.delete_records(places), writes=True)).values():
                if isinstance(answer, Exception):
                    raise answer
        await self.groups.refresh()
        return sum(ends.values()) - sum(begins.values())

    async def create_group(
        self, context: Context, topic: str, group: str, start: Start, config: GroupConfig | None, *,
        create: bool = True, same: bool = False,
    ) -> Created[GroupConfig]:  # fmt: skip
        return await self.topics.create_group(context.namespace, topic, group, start, config, create=create, same=same)

    async def update_group(
        self, context: Context, topic: str, group: str, change: Callable[[GroupConfig], GroupConfig]
    ) -> GroupConfig:
        def changed(before: dict[str, Any]) -> dict[str, Any]:
            config = json.loads(json.dumps(asdict(change(config_of(before)))))
            return {**before, "config": config}

        after = await self.topics.change_group(context.namespace, topic, group, changed)
        await self.groups.refresh()
        return config_of(after)

    async def describe_group(self, context: Context, topic: str, group: str) -> tuple[Group, Tally]:
        return await self._tallies.describe(context.namespace, topic, group)

    async def list_groups(self, context: Context, topic: str) -> list[str]:
        await self.topics.topic(context.namespace, topic)
        await self._catalogue.sync()
        return self.topics.groups_of(context.namespace, topic)

    async def delete_group(self, context: Context, topic: str, group: str) -> bool:
        await self.groups.leave(context.namespace, topic, group)
        return await self.topics.delete_group(context.namespace, topic, group)

    async def seek(self, context: Context, topic: str, group: str, start: Start) -> int:
        namespace = context.namespace
        await self.topics.group(namespace, topic, group)
        await self.groups.leave_idle(namespace, topic, group)
        if await self._tallies.members(namespace, topic, group):
            raise GroupInUse(
                f"group {group!r} has consumers: end them, and seek when their gateways have left it",
                outcome=Outcome.NOT_APPLIED,
            )
        starts = await self.topics.starts(namespace, topic, start)
        skips = await self._dead_places(namespace, topic, group)
        await self.topics.change_group(namespace, topic, group, lambda each: new_epoch(each, starts, skips))
        ends = await self.topics.offsets(namespace, topic, OffsetSpec.latest())
        before = sum(max(ends[int(each)] - offset, 0) for each, offset in starts.items())
        return before - sum(offset >= starts.get(each, 0) for each, some in skips.items() for offset in some)

    async def _dead_places(self, namespace: str, topic: str, group: str) -> Mapping[str, Sequence[int]]:
        """Where the dead were in the topic, by partition."""
        found = await self.topics.group(namespace, topic, group)
        if not found["dead"]:
            return {}
        letters = DeadLetters(self._link, self._names.dead(namespace, topic, group))
        return await self._link.run(letters.places, now() - config_of(found).dead_retention)

    async def peek(
        self, context: Context, topic: str, group: str, want: tuple[State, bool | None], after: int, limit: int
    ) -> list[Peeked]:
        namespace, (state, delayed) = context.namespace, want
        found = await self.topics.group(namespace, topic, group)
        if state is State.DEAD:
            if not found["dead"]:
                return []
            letters = DeadLetters(self._link, self._names.dead(namespace, topic, group))
            return await self._link.run(letters.page, now() - config_of(found).dead_retention, after, limit)
        found_here = self.groups.listed(namespace, topic, group, state, delayed=delayed)
        return [each for each in found_here if each.entry.seq > after][:limit]

    async def redrive(self, context: Context, topic: str, group: str, message_ids: Sequence[str], limit: int) -> int:
        namespace = context.namespace
        found = await self.topics.group(namespace, topic, group)
        if not found["dead"]:
            return 0
        again = self._names.redriven(namespace, topic, group)
        if not found["redriven"]:
            settings = {"message.timestamp.type": "LogAppendTime", "retention.ms": str(14 * 86_400_000),
                        "max.message.bytes": str(16 << 20)}  # fmt: skip
            await self.topics.make(again, 1, settings)
            await self.topics.change_group(namespace, topic, group, lambda each: {**each, "redriven": True})
        count = await self._removed(namespace, topic, group, message_ids, limit, again)
        await self.groups.refresh()
        return count

    async def discard(self, context: Context, topic: str, group: str, message_ids: Sequence[str], limit: int) -> int:
        found = await self.topics.group(context.namespace, topic, group)
        if not found["dead"]:
            return 0
        return await self._removed(context.namespace, topic, group, message_ids, limit)

    async def _removed(
        self, namespace: str, topic: str, group: str, message_ids: Sequence[str], limit: int, again: str = ""
    ) -> int:
        letters = DeadLetters(self._link, self._names.dead(namespace, topic, group))
        config = config_of(await self.topics.group(namespace, topic, group))
        since = now() - config.dead_retention
        return await self._link.run(letters.remove, since, message_ids, limit, again, writes=True)
