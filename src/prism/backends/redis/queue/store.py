"""Queue on Redis: each step of `QueueStore` is one script.

The contract's rules are in `lua/`; docs/decisions/0014-queue-on-redis.md says why they use no consumer
groups of Redis' own.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import Any, Final

from prism.backends.redis.commands.server import Server
from prism.backends.redis.data.layout import Names
from prism.backends.redis.queue import scripts
from prism.backends.redis.queue.packing import (
    group_config,
    lease,
    lease_arguments,
    new_epoch,
    pack_group,
    pack_topic,
    peeked,
    topic_config,
)
from prism.backends.redis.queue.steps import DEFAULT, Argument, Steps, refused
from prism.backends.redis.queue.traffic import WINDOW_MS, Traffic
from prism.backends.redis.queue.wakeups import RedisWakeups
from prism.context import Context
from prism.errors import AlreadyExists, GroupNotFound, Outcome, ReceiptLost, TopicNotFound
from prism.sdk.queue import QueueStore
from prism.sdk.queue.calls import Claim, Created, Lease, Outgoing, Peeked, Published, Resumed, Settlement, Start, Want
from prism.sdk.queue.rows import Group, GroupConfig, State, Tally, Topic, TopicConfig

_SWEPT_AT_ONCE: Final = 20
_SHOWN_AT_ONCE: Final = 16
_REDRIVEN_AT_ONCE: Final = 500


class RedisQueues(QueueStore):
    """The queues of one Redis, or one cluster.

    Args:
        server: runs commands.
        names: of keys.
        wakeups: of this gateway.
    """

    def __init__(self, server: Server, names: Names, wakeups: RedisWakeups) -> None:
        self.wakeups: RedisWakeups = wakeups
        self._steps = Steps(server, names, wakeups)
        self._traffic = Traffic(self._steps)

    async def drain(self) -> None:
        """Waits until what has begun is answered."""
        await self._traffic.drain()

    async def secret(self) -> bytes:
        made = os.urandom(32)
        command = (b"SET", self._steps.base("") + b"s", made, b"NX", b"GET")
        (before,) = await self._steps.ask(Context(""), command, writes=True)
        return before or made

    async def publish(self, context: Context, messages: Sequence[Outgoing], *, create: bool) -> list[Published]:
        return await self._traffic.publish(context, messages, create=create)

    async def claim(self, context: Context, topic: str, group: str, want: Want) -> Claim:
        return await self._traffic.claim(context, topic, group, want)

    async def settle(
        self, context: Context, topic: str, group: str, settlements: Sequence[Settlement]
    ) -> list[float | None]:
        return await self._traffic.settle(context, topic, group, settlements)

    async def cancel(self, context: Context, topic: str, message_ids: Sequence[str]) -> list[str]:
        (cancelled,) = await self._steps.run(
            context, scripts.MESSAGES, b"cancel", topic, "", len(message_ids), *message_ids
        )
        return list(dict.fromkeys(each.decode() for each in cancelled))

    async def commit(
        self, context: Context, topic: str, group: str, leases: Sequence[Lease], messages: Sequence[Outgoing],
        key: str, fingerprint: bytes, *, create: bool,
    ) -> list[str]:  # fmt: skip
        held = [argument for each in leases for argument in lease_arguments(each)]
        arguments = (topic, group, key, fingerprint, len(leases), *held, *self._traffic.arguments(messages))
        code, *rest = await self._steps.code_and_more(
            context, scripts.COMMIT, DEFAULT if create else b"", WINDOW_MS, *arguments
        )
        if code == b"LOST":
            raise ReceiptLost(
                f"{rest[0]} of {len(leases)} receipts are lost, so nothing was done; work on the messages when they "
                "come again",
                outcome=Outcome.NOT_APPLIED,
            )
        if code:
            raise refused(code, rest, topic, group)
        return [each.decode() for each in rest[0]]

    async def give_back(self, context: Context, topic: str, group: str, session: str) -> None:
        await self._session(context, topic, group, b"release", "", session)

    async def park(self, context: Context, topic: str, group: str, session: str, window: int) -> None:
        await self._session(context, topic, group, b"park", "", session, window)

    async def adopt(self, context: Context, topic: str, group: str, consumer: str, session: str) -> list[Resumed]:
        epoch, found = await self._session(context, topic, group, b"adopt", consumer, session)
        return [Resumed(lease(epoch, seq, mark, count), size, left / 1e6) for seq, mark, count, size, left in found]

    async def _session(
        self, context: Context, topic: str, group: str, what: bytes, consumer: str, session: str, window: int = 0
    ) -> tuple[int, Sequence[Any]]:
        arguments = (what, topic, group, consumer, session, window)
        epoch, found = await self._steps.run(context, scripts.SESSION, *arguments)
        return epoch, found

    # Topics.

    async def create_topic(self, context: Context, topic: str, config: TopicConfig) -> Created[TopicConfig]:
        packed, made = await self._steps.run(context, scripts.MAKE_TOPIC, b"create", topic, pack_topic(config))
        if topic_config(packed) != config:
            raise AlreadyExists(f"topic {topic!r} exists with another configuration; change it with UpdateTopic")
        return Created(topic_config(packed), bool(made))

    async def update_topic(
        self, context: Context, topic: str, change: Callable[[TopicConfig], TopicConfig]
    ) -> TopicConfig:
        while True:
            packed, *_ = await self._steps.run(context, scripts.TOPIC, b"describe", topic)
            changed = change(topic_config(packed))
            arguments = (b"update", topic, packed, pack_topic(changed))
            if await self._steps.changed(context, scripts.MAKE_TOPIC, *arguments):
                return changed

    async def describe_topic(self, context: Context, topic: str) -> tuple[Topic, int, int, list[str]]:
        packed, count, size, groups = await self._steps.run(context, scripts.TOPIC, b"describe", topic)
        found = Topic(context.namespace, topic, topic_config(packed))
        return found, count, size, [each.decode() for each in sorted(groups)]

    async def list_topics(self, context: Context, prefix: str, after: str, limit: int) -> list[str]:
        first = b"[" + prefix.encode() if prefix else b"-"
        if after and after >= prefix:
            first = b"(" + after.encode()
        command = (b"ZRANGEBYLEX", self.key(context.namespace), first, b"+", b"LIMIT", 0, limit)
        (found,) = await self._steps.ask(context, command)
        names = [each.decode() for each in found]
        return [each for each in names if each.startswith(prefix)]

    async def delete_topic(self, context: Context, topic: str) -> bool:
        self.wakeups.forget((context.namespace, topic))
        try:
            await self._steps.run(context, scripts.TOPIC, b"delete", topic)
        except TopicNotFound:
            return False
        return True

    async def purge_topic(self, context: Context, topic: str) -> int:
        self.wakeups.forget((context.namespace, topic))
        (count,) = await self._steps.run(context, scripts.TOPIC, b"purge", topic, new_epoch())
        return int(count)

    # Groups.

    async def create_group(
        self, context: Context, topic: str, group: str, start: Start, config: GroupConfig | None, *,
        create: bool = True, same: bool = False,
    ) -> Created[GroupConfig]:  # fmt: skip
        wanted = config or GroupConfig()
        making = (DEFAULT, 1) if create else ("", "")
        packed, made = await self._steps.run(
            context,
            scripts.MAKE_GROUP,
            b"create",
            topic,
            group,
            *making,
            pack_group(wanted),
            new_epoch(),
            *_place(start),
        )
        if same and group_config(packed) != wanted:
            raise AlreadyExists(f"group {group!r} exists with another configuration; change it with UpdateGroup")
        return Created(group_config(packed), bool(made))

    async def update_group(
        self, context: Context, topic: str, group: str, change: Callable[[GroupConfig], GroupConfig]
    ) -> GroupConfig:
        while True:
            (packed,) = await self._steps.run(context, scripts.GROUP, b"config", topic, group)
            changed = change(group_config(packed))
            arguments = (b"update", topic, group, packed, pack_group(changed))
            if await self._steps.changed(context, scripts.MAKE_GROUP, *arguments):
                return changed

    async def describe_group(self, context: Context, topic: str, group: str) -> tuple[Group, Tally]:
        packed, *counted, listed = await self._steps.run(context, scripts.GROUP, b"describe", topic, group)
        offered, acknowledged, expired, removed, epoch, used, waiting, delayed, in_flight, dead, oldest = counted
        found = Group(0, group, group_config(packed), 0, epoch, offered, acknowledged, expired, removed, used)
        consumers = {who.decode(): count for who, count in zip(listed[::2], listed[1::2], strict=True)}
        return found, Tally(waiting, delayed, in_flight, dead, oldest, consumers)

    async def list_groups(self, context: Context, topic: str) -> list[str]:
        (names,) = await self._steps.run(context, scripts.GROUP, b"list", topic, "")
        return [each.decode() for each in sorted(names)]

    async def delete_group(self, context: Context, topic: str, group: str) -> bool:
        self.wakeups.forget((context.namespace, topic))
        try:
            await self._steps.run(context, scripts.GROUP, b"delete", topic, group)
        except (TopicNotFound, GroupNotFound):
            return False
        return True

    async def seek(self, context: Context, topic: str, group: str, start: Start) -> int:
        self.wakeups.forget((context.namespace, topic))
        (count,) = await self._steps.run(context, scripts.GROUP, b"seek", topic, group, new_epoch(), *_place(start))
        return int(count)

    # Messages of a group.

    async def peek(
        self, context: Context, topic: str, group: str, want: tuple[State, bool | None], after: int, limit: int
    ) -> list[Peeked]:
        state, delayed = want
        now, number = await self._steps.run(context, scripts.MESSAGES, b"tidy", topic, group)
        numbers = await self._listed(context, number, state, delayed, now)
        wanted = sorted(each for each in map(int, numbers) if each > after)
        found: list[Peeked] = []
        while wanted and len(found) < limit:
            some, wanted = wanted[:_SHOWN_AT_ONCE], wanted[_SHOWN_AT_ONCE:]
            (rows,) = await self._steps.run(context, scripts.MESSAGES, b"rows", topic, group, len(some), *some)
            found += [each for each in map(peeked, rows) if each.entry.state is state]
        if state is State.WAITING and not delayed:
            (rows,) = await self._steps.run(context, scripts.MESSAGES, b"ahead", topic, group, after, limit)
            found += map(peeked, rows)
        return sorted(found, key=lambda each: each.entry.seq)[:limit]

    async def _listed(
        self, context: Context, number: bytes, state: State, delayed: bool | None, now: int
    ) -> list[bytes]:
        """The numbers of what is in a state, as they are now."""
        base = self._steps.base(context.namespace)
        most: Sequence[Argument] = (b"-inf", b"+inf")
        sets = {State.WAITING: (b"w", b"z"), State.IN_FLIGHT: (b"i",), State.DEAD: (b"d",)}[state]
        if delayed is not None:
            most = (b"(%d" % now, b"+inf") if delayed else (b"-inf", now)
        answers = await self._steps.ask(context, *((b"ZRANGEBYSCORE", base + each + number, *most) for each in sets))
        return [seq for answer in answers for seq in answer]

    async def redrive(self, context: Context, topic: str, group: str, message_ids: Sequence[str], limit: int) -> int:
        return await self._dead(context, b"redrive", topic, group, message_ids, limit)

    async def discard(self, context: Context, topic: str, group: str, message_ids: Sequence[str], limit: int) -> int:
        return await self._dead(context, b"discard", topic, group, message_ids, limit)

    async def _dead(
        self, context: Context, what: bytes, topic: str, group: str, message_ids: Sequence[str], limit: int
    ) -> int:
        done = 0
        while True:
            most = min(limit - done, _REDRIVEN_AT_ONCE)
            (count,) = await self._steps.run(
                context, scripts.MESSAGES, what, topic, group, most, len(message_ids), *message_ids
            )
            done += int(count)
            if message_ids or count < most or done >= limit:
                return done

    # Housekeeping.

    def key(self, namespace: str) -> bytes:
        """Is there where a namespace has topics."""
        return self._steps.base(namespace) + b"t"

    async def holds_topics(self, namespace: str) -> bool:
        """Whether there is any."""
        return bool(await self.list_topics(Context(namespace), "", "", 1))

    async def sweep(self, namespace: str) -> bool:
        """Does what time has done to the topics of a namespace; whether more is left."""
        after, more = b"", False
        while True:
            after, left = await self._sweep(namespace, after)
            more |= left
            if not after:
                return more
            await asyncio.sleep(0)

    async def _sweep(self, namespace: str, after: bytes) -> tuple[bytes, bool]:
        context = Context(namespace)
        following, left = await self._steps.code_and_more(context, scripts.SWEEP, after, _SWEPT_AT_ONCE)
        return following, bool(left)


def _place(start: Start) -> tuple[int, int]:
    return (int(start.latest), start.time)
