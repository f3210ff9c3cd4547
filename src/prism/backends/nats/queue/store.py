"""Queue on JetStream, step by step: see `prism.sdk.queue.QueueStore`."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from prism.backends.nats.config import NatsConfig
from prism.backends.nats.jetstream.api import JetStream, settled
from prism.backends.nats.jetstream.pulls import ConsumerGoneError, Pulls
from prism.backends.nats.queue import claiming, settling
from prism.backends.nats.queue.catalogue import differs, missing_topic
from prism.backends.nats.queue.looking import describe_group, peek
from prism.backends.nats.queue.moving import discard, move_group, purge, redrive
from prism.backends.nats.queue.space import Member, Space
from prism.context import Context
from prism.errors import GroupNotFound, TopicNotFound
from prism.interfaces.capabilities import undeclared
from prism.sdk.deadline import check_time
from prism.sdk.queue import QueueStore, Wakeups
from prism.sdk.queue.calls import Claim, Created, Outgoing, Peeked, Published, Resumed, Settlement, Start, Want
from prism.sdk.queue.rows import Group, GroupConfig, State, Tally, Topic, TopicConfig

WINDOW = 86_400.0
"""Seconds that idempotency keys are remembered: JetStream's duplicate window, and never beyond a topic's retention."""

_DURABLES = 20
"""Of one group, at most: a Seek that was broken off leaves the one before beside the new one."""


class NatsQueues(QueueStore):
    """`QueueStore` on JetStream.

    Args:
        jetstream: of a connection of its own.
        config: of the backend.
    """

    def __init__(self, jetstream: JetStream, config: NatsConfig) -> None:
        self.wakeups = Wakeups()
        self._jetstream = jetstream
        self._pulls = Pulls(jetstream)
        self._config = config
        self._spaces: dict[str, Space] = {}

    def _space(self, context: Context, *, writes: bool = False) -> Space:
        check_time(context, writes=writes)
        namespace = context.namespace
        space = self._spaces.get(namespace)
        if space is None:
            config = self._config
            space = self._spaces[namespace] = Space(
                self._jetstream, self._pulls, config.prefix, namespace, config.replicas, WINDOW,
                config.answer_timeout, self.wakeups,
            )  # fmt: skip
        return space

    async def holds_topics(self, namespace: str) -> bool:
        """Whether a namespace has any topic."""
        found: list[str] = await settled(self._space(Context(namespace)).catalogue.topics)
        return bool(found)

    async def stop(self) -> None:
        """Pulls no more, and gives back what has come for no consumer."""
        await asyncio.gather(*(space.stop() for space in self._spaces.values()), return_exceptions=True)

    async def secret(self) -> bytes:
        secret: bytes = await settled(self._space(Context("default")).state.secret)
        return secret

    async def publish(self, context: Context, messages: Sequence[Outgoing], *, create: bool) -> list[Published]:
        space = self._space(context, writes=True)
        done: list[Published] = await settled(lambda: space.publishing.publish(messages, create=create))
        return done

    async def cancel(self, context: Context, topic: str, message_ids: Sequence[str]) -> list[str]:
        space = self._space(context, writes=True)
        done: list[str] = await settled(lambda: space.publishing.cancel(topic, message_ids))
        return done

    async def claim(self, context: Context, topic: str, group: str, want: Want) -> Claim:
        space = self._space(context)

        async def work() -> Claim:
            try:
                return await claiming.claim(space, await space.member(topic, group), want)
            except ConsumerGoneError:
                member = await space.member(topic, group, fresh=True)
                return Claim([], member.group.epoch, 0.05)

        claim: Claim = await settled(work)
        return claim

    async def settle(
        self, context: Context, topic: str, group: str, settlements: Sequence[Settlement]
    ) -> list[float | None]:
        space = self._space(context, writes=True)

        async def work() -> list[float | None]:
            return await settling.settle(space, await space.member(topic, group), settlements)

        answers: list[float | None] = await settled(work)
        return answers

    async def commit(self, *_: object, **__: object) -> list[str]:
        raise undeclared("atomic_commit", "acknowledging and publishing in one step")

    async def give_back(self, context: Context, topic: str, group: str, session: str) -> None:
        space = self._space(context)
        await settled(lambda: _with(space, topic, group, lambda m: settling.give_back(space, m, session)))

    async def park(self, context: Context, topic: str, group: str, session: str, window: int) -> None:
        space = self._space(context)
        await settled(lambda: _with(space, topic, group, lambda m: settling.park(space, m, session, window)))

    async def adopt(self, context: Context, topic: str, group: str, consumer: str, session: str) -> list[Resumed]:
        space = self._space(context)
        found = await settled(lambda: _with(space, topic, group, lambda m: settling.adopt(space, m, consumer, session)))
        return [Resumed(*each) for each in found]

    async def create_topic(self, context: Context, topic: str, config: TopicConfig) -> Created[TopicConfig]:
        space = self._space(context, writes=True)

        async def work() -> Created[TopicConfig]:
            try:
                found, _ = await space.catalogue.topic(topic)
                made = False
            except TopicNotFound:
                found, made = await space.catalogue.create_topic(topic, config)
            if found != config:
                raise differs("topic", topic, "UpdateTopic")
            return Created(found, made)

        created: Created[TopicConfig] = await settled(work)
        return created

    async def update_topic(
        self, context: Context, topic: str, change: Callable[[TopicConfig], TopicConfig]
    ) -> TopicConfig:
        space = self._space(context, writes=True)

        async def work() -> TopicConfig:
            before, _ = await space.catalogue.topic(topic)
            after = change(before)
            await space.catalogue.update_topic(topic, after)
            await space.instances.tell(topic)
            return after

        config: TopicConfig = await settled(work)
        return config

    async def describe_topic(self, context: Context, topic: str) -> tuple[Topic, int, int, list[str]]:
        space = self._space(context)

        async def work() -> tuple[Topic, int, int, list[str]]:
            config, info = await space.catalogue.topic(topic)
            groups = await space.catalogue.groups(topic)
            state = info["state"]
            return Topic(context.namespace, topic, config), state["messages"], state["bytes"], _sorted(groups)

        described: tuple[Topic, int, int, list[str]] = await settled(work)
        return described

    async def list_topics(self, context: Context, prefix: str, after: str, limit: int) -> list[str]:
        found: list[str] = await settled(self._space(context).catalogue.topics)
        wanted = [each for each in found if each.startswith(prefix) and each.encode() > after.encode()]
        return _sorted(wanted)[:limit]

    async def delete_topic(self, context: Context, topic: str) -> bool:
        space = self._space(context, writes=True)

        async def work() -> bool:
            try:
                groups = await space.catalogue.groups(topic)
            except TopicNotFound:
                return False
            existed = await space.catalogue.delete_topic(topic)
            for each in groups:
                await space.state.forget(*space.names.of_group(topic, each))
            await space.instances.tell(topic)
            return existed

        existed: bool = await settled(work)
        return existed

    async def purge_topic(self, context: Context, topic: str) -> int:
        space = self._space(context, writes=True)
        count: int = await settled(lambda: purge(space, topic))
        return count

    async def create_group(
        self, context: Context, topic: str, group: str, start: Start, config: GroupConfig | None, *,
        create: bool = True, same: bool = False,
    ) -> Created[GroupConfig]:  # fmt: skip
        space = self._space(context, writes=True)

        async def work() -> Created[GroupConfig]:
            wanted = config or GroupConfig()
            for _ in range(3):
                try:
                    found = (await space.member(topic, group, fresh=same)).group.config
                except TopicNotFound:
                    if not create:
                        raise
                    await space.catalogue.create_topic(topic, TopicConfig())
                except GroupNotFound:
                    if not create:
                        raise
                else:
                    if same and found != wanted:
                        raise differs("group", group, "UpdateGroup")
                    return Created(found, created=False)
                if (made := await space.catalogue.create_group(topic, group, start, wanted)) is not None:
                    return Created(made.config, created=True)
            raise missing_topic(topic)  # it is removed as often as it is made

        created: Created[GroupConfig] = await settled(work)
        return created

    async def update_group(
        self, context: Context, topic: str, group: str, change: Callable[[GroupConfig], GroupConfig]
    ) -> GroupConfig:
        space = self._space(context, writes=True)

        async def work() -> GroupConfig:
            member = await space.member(topic, group, fresh=True)
            after = change(member.group.config)
            await space.catalogue.update_group(member.group, after)
            await space.instances.tell(topic)
            return after

        config: GroupConfig = await settled(work)
        return config

    async def describe_group(self, context: Context, topic: str, group: str) -> tuple[Group, Tally]:
        space = self._space(context)
        found: tuple[Group, Tally] = await settled(lambda: describe_group(space, topic, group))
        return found

    async def list_groups(self, context: Context, topic: str) -> list[str]:
        space = self._space(context)
        return _sorted(await settled(lambda: space.catalogue.groups(topic)))

    async def delete_group(self, context: Context, topic: str, group: str) -> bool:
        space = self._space(context, writes=True)

        async def work() -> bool:
            existed = False
            for _ in range(_DURABLES):
                try:
                    found = await space.catalogue.group(topic, group)
                except (TopicNotFound, GroupNotFound):
                    break
                await space.catalogue.delete_group(found)
                existed = True
            if existed:
                await space.dead.forget(topic, group)
                await space.state.forget(*space.names.of_group(topic, group))
                await space.instances.tell(topic)
            return existed

        existed: bool = await settled(work)
        return existed

    async def seek(self, context: Context, topic: str, group: str, start: Start) -> int:
        space = self._space(context, writes=True)
        count: int = await settled(lambda: move_group(space, topic, group, start))
        return count

    async def peek(
        self, context: Context, topic: str, group: str, want: tuple[State, bool | None], after: int, limit: int
    ) -> list[Peeked]:
        space = self._space(context)
        found: list[Peeked] = await settled(lambda: peek(space, topic, group, want, after, limit))
        return found

    async def redrive(self, context: Context, topic: str, group: str, message_ids: Sequence[str], limit: int) -> int:
        space = self._space(context, writes=True)
        count: int = await settled(lambda: redrive(space, topic, group, message_ids, limit))
        return count

    async def discard(self, context: Context, topic: str, group: str, message_ids: Sequence[str], limit: int) -> int:
        space = self._space(context, writes=True)
        count: int = await settled(lambda: discard(space, topic, group, message_ids, limit))
        return count


async def _with(space: Space, topic: str, group: str, work: Callable[[Member], Awaitable[Any]]) -> Any:
    return await work(await space.member(topic, group))


def _sorted(names: Iterable[str]) -> list[str]:
    return sorted(names, key=str.encode)
