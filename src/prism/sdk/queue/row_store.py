"""A store of queues made of `Rows` and a way to run a transaction: all that SQLite and memory have to add."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

from prism.context import Context
from prism.errors import StoreFull
from prism.sdk.queue.calls import Claim, Created, Lease, Outgoing, Peeked, Published, Resumed, Settlement, Start, Want
from prism.sdk.queue.engine import QueueEngine
from prism.sdk.queue.rows import Group, GroupConfig, Rows, State, Tally, Topic, TopicConfig
from prism.sdk.queue.store import QueueStore
from prism.sdk.wakeups import Wakeups

T = TypeVar("T")
Work = Callable[[Rows, int], T]
"""What is done with the rows at an instant."""


class Transactions(Protocol):
    """Runs transactions on rows."""

    def write(self, context: Context, work: Work[T], size: int = 0) -> Awaitable[T]:
        """All of the work or, where it raises, nothing of it; answers when it is as durable as the store makes it."""
        ...

    def read(self, context: Context, work: Work[T]) -> Awaitable[T]:
        """Work that changes nothing."""
        ...


class RowStore(QueueStore):
    """`QueueStore` by an engine.

    Args:
        transactions: of the store.
        engine: the rules.
        wakeups: of all who use the same store in this process.
        secret: for receipts; asked when it is needed.
    """

    def __init__(
        self, transactions: Transactions, engine: QueueEngine, wakeups: Wakeups, secret: Callable[[], Awaitable[bytes]]
    ) -> None:
        self.wakeups = wakeups
        self._transactions = transactions
        self._engine = engine
        self._secret = secret

    async def _change(self, context: Context, work: Work[T], *topics: str, size: int = 0) -> T:
        """Runs work that may give consumers something to do."""
        answer = await self._transactions.write(context, work, size)
        for topic in topics:
            self.wakeups.notify((context.namespace, topic))
        return answer

    async def secret(self) -> bytes:
        return await self._secret()

    async def publish(self, context: Context, messages: Sequence[Outgoing], *, create: bool) -> list[Published]:
        def work(rows: Rows, now: int) -> list[Published]:
            return self._engine.publish(rows, now, context.namespace, messages, create=create)

        done = await self._transactions.write(context, work, sum(each.size for each in messages))
        for topic, count in Counter(each.topic for each in messages).items():
            self.wakeups.notify_takers((context.namespace, topic), count)
        return done

    async def cancel(self, context: Context, topic: str, message_ids: Sequence[str]) -> list[str]:
        def work(rows: Rows, _now: int) -> list[str]:
            return self._engine.cancel(rows, context.namespace, topic, message_ids)

        return await self._change(context, work, topic)

    async def claim(self, context: Context, topic: str, group: str, want: Want) -> Claim:
        def look(rows: Rows, now: int) -> Claim:
            return self._engine.ready(rows, now, context.namespace, topic, group)

        def work(rows: Rows, now: int) -> Claim:
            return self._engine.claim(rows, now, context.namespace, topic, group, want)

        found = await self._transactions.read(context, look)
        if not want.limit or found.wait is None or found.wait > 0:
            return found  # a group with nothing to do costs no write
        return await self._transactions.write(context, work)

    async def settle(
        self, context: Context, topic: str, group: str, settlements: Sequence[Settlement]
    ) -> list[float | None]:
        def work(rows: Rows, now: int) -> list[float | None]:
            return self._engine.settle(rows, now, context.namespace, topic, group, settlements)

        answers = await self._transactions.write(context, work)
        self.wakeups.notify_takers((context.namespace, topic), len(settlements), group)
        return answers

    async def commit(
        self, context: Context, topic: str, group: str, leases: Sequence[Lease], messages: Sequence[Outgoing],
        key: str, fingerprint: bytes, *, create: bool,
    ) -> list[str]:  # fmt: skip
        def work(rows: Rows, now: int) -> list[str]:
            return self._engine.commit(
                rows, now, context.namespace, topic, group, leases, messages, key, fingerprint, create=create
            )

        return await self._change(context, work, topic, *(each.topic for each in messages))

    async def give_back(self, context: Context, topic: str, group: str, session: str) -> None:
        def work(rows: Rows, _now: int) -> None:
            self._engine.give_back(rows, context.namespace, topic, group, session)

        await self._change(context, work, topic)

    async def park(self, context: Context, topic: str, group: str, session: str, window: int) -> None:
        def work(rows: Rows, now: int) -> None:
            self._engine.park(rows, now, context.namespace, topic, group, session, window)

        await self._change(context, work, topic)

    async def adopt(self, context: Context, topic: str, group: str, consumer: str, session: str) -> list[Resumed]:
        def work(rows: Rows, now: int) -> list[Resumed]:
            return self._engine.adopt(rows, now, context.namespace, topic, group, consumer, session)

        return await self._change(context, work)

    async def create_topic(self, context: Context, topic: str, config: TopicConfig) -> Created[TopicConfig]:
        def work(rows: Rows, _now: int) -> Created[TopicConfig]:
            return self._engine.create_topic(rows, context.namespace, topic, config)

        return await self._change(context, work)

    async def update_topic(
        self, context: Context, topic: str, change: Callable[[TopicConfig], TopicConfig]
    ) -> TopicConfig:
        def work(rows: Rows, _now: int) -> TopicConfig:
            return self._engine.update_topic(rows, context.namespace, topic, change)

        return await self._change(context, work, topic)

    async def describe_topic(self, context: Context, topic: str) -> tuple[Topic, int, int, list[str]]:
        def look(rows: Rows, _now: int) -> tuple[Topic, int, int, list[str]]:
            found = self._engine.topic(rows, context.namespace, topic)
            return found, *rows.usage(found.number), [each.name for each in rows.groups(found.number)]

        return await self._transactions.read(context, look)

    async def list_topics(self, context: Context, prefix: str, after: str, limit: int) -> list[str]:
        return list(
            await self._transactions.read(
                context, lambda rows, _now: rows.topics(context.namespace, prefix, after, limit)
            )
        )

    async def delete_topic(self, context: Context, topic: str) -> bool:
        def work(rows: Rows, _now: int) -> bool:
            return self._engine.delete_topic(rows, context.namespace, topic)

        return await self._change(context, work, topic)

    async def purge_topic(self, context: Context, topic: str) -> int:
        def work(rows: Rows, now: int) -> int:
            return self._engine.purge(rows, now, context.namespace, topic)

        return await self._change(context, work, topic)

    async def create_group(
        self, context: Context, topic: str, group: str, start: Start, config: GroupConfig | None, *,
        create: bool = True, same: bool = False,
    ) -> Created[GroupConfig]:  # fmt: skip
        def work(rows: Rows, now: int) -> Created[GroupConfig]:
            return self._engine.create_group(
                rows, now, context.namespace, topic, group, start, config, create=create, same=same
            )

        return await self._change(context, work)

    async def update_group(
        self, context: Context, topic: str, group: str, change: Callable[[GroupConfig], GroupConfig]
    ) -> GroupConfig:
        def work(rows: Rows, _now: int) -> GroupConfig:
            return self._engine.update_group(rows, context.namespace, topic, group, change)

        return await self._change(context, work, topic)

    async def describe_group(self, context: Context, topic: str, group: str) -> tuple[Group, Tally]:
        def look(rows: Rows, now: int) -> tuple[Group, Tally]:
            return self._engine.describe(rows, now, context.namespace, topic, group)

        await self._tidy(context, topic, group)
        return await self._transactions.read(context, look)

    async def _tidy(self, context: Context, topic: str, group: str) -> None:
        """Does what time has done to a group; nothing is written where that is nothing."""

        def look(rows: Rows, now: int) -> bool:
            _, found = self._engine.group(rows, context.namespace, topic, group)
            return self._engine.overdue(rows, now, found)

        def work(rows: Rows, now: int) -> None:
            self._engine.tidied(rows, now, context.namespace, topic, group)

        if await self._transactions.read(context, look):
            with suppress(StoreFull):  # a store that is read-only shows what it has
                await self._change(context, work, topic)

    async def list_groups(self, context: Context, topic: str) -> list[str]:
        def look(rows: Rows, _now: int) -> list[str]:
            found = self._engine.topic(rows, context.namespace, topic)
            return [each.name for each in rows.groups(found.number)]

        return await self._transactions.read(context, look)

    async def delete_group(self, context: Context, topic: str, group: str) -> bool:
        def work(rows: Rows, _now: int) -> bool:
            return self._engine.delete_group(rows, context.namespace, topic, group)

        return await self._change(context, work, topic)

    async def seek(self, context: Context, topic: str, group: str, start: Start) -> int:
        def work(rows: Rows, now: int) -> int:
            return self._engine.seek(rows, now, context.namespace, topic, group, start)

        return await self._change(context, work, topic)

    async def peek(
        self, context: Context, topic: str, group: str, want: tuple[State, bool | None], after: int, limit: int
    ) -> list[Peeked]:
        def look(rows: Rows, now: int) -> list[Peeked]:
            return self._engine.peek(rows, now, context.namespace, topic, group, want, after, limit)

        await self._tidy(context, topic, group)
        return await self._transactions.read(context, look)

    async def redrive(self, context: Context, topic: str, group: str, message_ids: Sequence[str], limit: int) -> int:
        def work(rows: Rows, now: int) -> int:
            return self._engine.redrive(rows, now, context.namespace, topic, group, message_ids, limit)

        return await self._change(context, work, topic)

    async def discard(self, context: Context, topic: str, group: str, message_ids: Sequence[str], limit: int) -> int:
        def work(rows: Rows, _now: int) -> int:
            return self._engine.discard(rows, context.namespace, topic, group, message_ids, limit)

        return await self._change(context, work)

    async def sweep(self, context: Context, limit: int) -> bool:
        """What time has done; whether more is left. Nothing is written where that is nothing."""
        if not await self._transactions.read(context, self._engine.anything_overdue):
            return False
        return await self._transactions.write(context, lambda rows, now: self._engine.sweep(rows, now, limit))
