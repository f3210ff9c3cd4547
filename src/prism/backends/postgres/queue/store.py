"""Queue on PostgreSQL: every step is a function of the schema, and what callers do at the same time goes together."""

import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import asyncpg

from prism.backends.postgres.lane import Lane, Work
from prism.backends.postgres.queue import statements
from prism.backends.postgres.queue.publishing import Publish, Publisher, columns, refusal, sqlstate
from prism.backends.postgres.queue.steps import Key, Steps, message, not_found
from prism.backends.postgres.sessions import Rows, Session, Sessions
from prism.backends.postgres.statements import Statement
from prism.backends.postgres.watch import Watch
from prism.context import Context
from prism.errors import (
    AlreadyExists,
    Conflict,
    GroupNotFound,
    Outcome,
    PrismError,
    ReceiptLost,
    StoreFull,
    TopicNotFound,
)
from prism.sdk import Bounds
from prism.sdk.queue import QueueStore, Wakeups
from prism.sdk.queue.calls import Claim, Created, Lease, Outgoing, Peeked, Published, Resumed, Settlement, Start, Want
from prism.sdk.queue.rows import DeadLetter, Entry, Group, GroupConfig, State, Tally, Topic, TopicConfig

T = TypeVar("T")

IDEMPOTENCY_WINDOW = 24 * 3_600_000_000
MAX_UNSETTLED = 10_000

_PUBLISHES = Bounds(calls=512, size=4 << 20, in_flight=1)
_RELEASE, _PARK, _ADOPT = 1, 2, 3
_HOUSEKEEPING = Context("")


class PostgresQueues(QueueStore):
    """The queues in one schema.

    Args:
        sessions: with that schema.
        reads: a lane for what changes nothing.
        writes: a lane for what does; steps and publishes have their turns there too.
        open_session: for one more session, which listens while somebody waits.
    """

    def __init__(
        self,
        sessions: Sessions,
        reads: Lane[Work, Any],
        writes: Lane[Work, Any],
        open_session: Callable[[], Awaitable[Session]],
    ) -> None:
        self.wakeups = Wakeups()
        self._sessions = sessions
        self._reads = reads
        self._writes = writes
        self._listener = secrets.randbits(62)
        self._publisher = Publisher(self._in_turn, IDEMPOTENCY_WINDOW, self._listener)
        self._atomic = Publisher(self._fetch, IDEMPOTENCY_WINDOW, self._listener)
        self._publishes: Lane[Publish, Published] = Lane(self._publisher, _PUBLISHES, reads=False)
        self._steps = Steps(self._in_turn, self.wakeups.notify_takers, MAX_UNSETTLED, self._listener)
        self._watch = Watch(self.wakeups, self._look, statements.CHANNEL, self._quietly, open_session)

    async def stop(self) -> None:
        """Watches no more."""
        await self._watch.stop()

    async def drain(self) -> None:
        """Waits until every call is answered."""
        await self._steps.drain()
        await self._publishes.drain()

    async def _fetch(self, statement: Statement, *arguments: Any) -> Rows:
        """Runs a statement; makes the partitions of the time where it misses them."""
        try:
            return await self._sessions.fetch(statement, *arguments)
        except PrismError as error:
            if not isinstance(error.__cause__, asyncpg.CheckViolationError):
                raise
        await self._sessions.fetch(statements.PARTITIONS)
        return await self._sessions.fetch(statement, *arguments)

    async def _in_turn(self, statement: Statement, *arguments: Any) -> Rows:
        rows: Rows = await self._writes.call(_HOUSEKEEPING, Work(lambda: self._fetch(statement, *arguments)))
        return rows

    async def _quietly(self, statement: Statement, *arguments: Any) -> Rows:
        rows: Rows = await self._reads.call(_HOUSEKEEPING, Work(lambda: self._fetch(statement, *arguments)))
        return rows

    async def _look(self, keys: Sequence[tuple[str, str]], *, listens: bool) -> Rows:
        spaces, names = [space.encode() for space, _ in keys], [name.encode() for _, name in keys]
        return await self._quietly(statements.WATCH, spaces, names, self._listener, listens)

    async def _write(self, context: Context, statement: Statement, *arguments: Any) -> Rows:
        rows: Rows = await self._writes.call(context, Work(lambda: self._fetch(statement, *arguments)))
        return rows

    async def _read(self, context: Context, statement: Statement, *arguments: Any) -> Rows:
        rows: Rows = await self._reads.call(context, Work(lambda: self._fetch(statement, *arguments)))
        return rows

    def _changed(self, context: Context, *topics: str) -> None:
        for topic in topics:
            self.wakeups.notify((context.namespace, topic))

    def _offered(self, context: Context, messages: Sequence[Outgoing]) -> None:
        for topic, count in Counter(each.topic for each in messages).items():
            self.wakeups.notify_takers((context.namespace, topic), count)

    async def secret(self) -> bytes:
        ((secret,),) = await self._read(_HOUSEKEEPING, statements.SECRET)
        return bytes(secret)

    async def publish(self, context: Context, messages: Sequence[Outgoing], *, create: bool) -> list[Published]:
        calls = [Publish(context.namespace, each, create=create) for each in messages]
        if len(calls) == 1:
            key = messages[0].idempotency_key
            keys = [(context.namespace, key)] if key else ()
            done = [await self._publishes.call(context, calls[0], size=messages[0].size, keys=keys)]
        else:
            done = await self._writes.call(context, Work(lambda: self._atomic(calls, atomic=True)))
        self._offered(context, messages)
        return done

    async def cancel(self, context: Context, topic: str, message_ids: Sequence[str]) -> list[str]:
        place = (context.namespace.encode(), topic.encode())
        found = await self._read(context, statements.TOPIC, *place)
        if not found:
            raise _no_topic(topic)
        seqs = [seq for each in message_ids if (seq := _seq(each, found[0][0])) is not None]
        ((cancelled,),) = await self._write(context, statements.CANCEL, *place, list(message_ids), seqs)
        if cancelled is None:
            raise _no_topic(topic)
        self._changed(context, topic)
        asked = dict.fromkeys(message_ids)
        return [each for each in asked if each in set(cancelled)]

    async def claim(self, context: Context, topic: str, group: str, want: Want) -> Claim:
        return await self._steps.claim(context, (context.namespace, topic, group), want)

    async def settle(
        self, context: Context, topic: str, group: str, settlements: Sequence[Settlement]
    ) -> list[float | None]:
        return await self._steps.settle(context, (context.namespace, topic, group), settlements)

    async def commit(
        self, context: Context, topic: str, group: str, leases: Sequence[Lease], messages: Sequence[Outgoing],
        key: str, fingerprint: bytes, *, create: bool,
    ) -> list[str]:  # fmt: skip
        topics: dict[str, int] = {}
        of = [topics.setdefault(each.topic, len(topics) + 1) for each in messages]
        try:
            ((ids,),) = await self._write(
                context,
                statements.COMMIT,
                *_place(context, topic, group),
                [each.seq for each in leases],
                [each.token for each in leases],
                key.encode() or None,
                fingerprint,
                IDEMPOTENCY_WINDOW,
                [each.encode() for each in topics],
                create,
                of,
                *columns(messages),
                self._listener,
            )
        except PrismError as error:
            raise _not_committed(error, topic, group, [*topics], len(leases)) from error
        self._offered(context, messages)
        self.wakeups.notify_takers((context.namespace, topic), len(leases), group)
        return list(ids)

    async def _session(
        self, context: Context, key: Key, verb: int, session: str, consumer: str = "", window: int = 0
    ) -> list[Resumed]:
        place = _place(context, *key[1:])
        rows = await self._write(
            context, statements.SESSION, *place, verb, session.encode(), consumer.encode(), window, self._listener
        )
        resumed = []
        for kind, seq, token, size, left in rows:
            if kind < 0:
                raise not_found(-kind, key)
            resumed.append(Resumed(Lease(seq, token), size or 0, left / 1e6))
        return resumed

    async def give_back(self, context: Context, topic: str, group: str, session: str) -> None:
        await self._session(context, (context.namespace, topic, group), _RELEASE, session)
        self._changed(context, topic)

    async def park(self, context: Context, topic: str, group: str, session: str, window: int) -> None:
        await self._session(context, (context.namespace, topic, group), _PARK, session, window=window)
        self._changed(context, topic)

    async def adopt(self, context: Context, topic: str, group: str, consumer: str, session: str) -> list[Resumed]:
        return await self._session(context, (context.namespace, topic, group), _ADOPT, session, consumer)

    async def create_topic(self, context: Context, topic: str, config: TopicConfig) -> Created[TopicConfig]:
        place = (context.namespace.encode(), topic.encode())
        wanted = (config.partitions, config.until_acknowledged, config.retention, config.max_bytes)
        if await self._write(context, statements.CREATE_TOPIC, *place, *wanted):
            return Created(config, created=True)
        found = await self._topic(context, topic)
        if found.config != config:
            raise AlreadyExists(f"topic {topic!r} exists with another configuration; change it with UpdateTopic")
        return Created(found.config, created=False)

    async def _topic(self, context: Context, topic: str) -> Topic:
        rows = await self._read(context, statements.TOPIC, context.namespace.encode(), topic.encode())
        for number, *config in rows:
            return Topic(context.namespace, topic, TopicConfig(*config), number)
        raise _no_topic(topic)

    async def update_topic(
        self, context: Context, topic: str, change: Callable[[TopicConfig], TopicConfig]
    ) -> TopicConfig:
        place = (context.namespace.encode(), topic.encode())
        while True:
            before = (await self._topic(context, topic)).config
            after = change(before)
            ((done,),) = await self._write(
                context, statements.UPDATE_TOPIC, *place, _changeable(before), _changeable(after)
            )
            if done:
                self._changed(context, topic)
                return after

    async def describe_topic(self, context: Context, topic: str) -> tuple[Topic, int, int, list[str]]:
        found = await self._topic(context, topic)
        ((count, size),) = await self._read(context, statements.USAGE, found.number)
        return found, count, size, await self._groups(context, found)

    async def _groups(self, context: Context, topic: Topic) -> list[str]:
        return [name.decode() for (name,) in await self._read(context, statements.GROUPS, topic.number)]

    async def list_topics(self, context: Context, prefix: str, after: str, limit: int) -> list[str]:
        within = (context.namespace.encode(), after.encode(), prefix.encode(), limit)
        return [name.decode() for (name,) in await self._read(context, statements.TOPICS, *within)]

    async def delete_topic(self, context: Context, topic: str) -> bool:
        place = (context.namespace.encode(), topic.encode())
        ((existed,),) = await self._write(context, statements.DELETE_TOPIC, *place)
        self._changed(context, topic)
        return bool(existed)

    async def purge_topic(self, context: Context, topic: str) -> int:
        place = (context.namespace.encode(), topic.encode())
        ((count,),) = await self._write(context, statements.PURGE, *place, self._listener)
        if count is None:
            raise _no_topic(topic)
        self._changed(context, topic)
        return int(count)

    async def create_group(
        self, context: Context, topic: str, group: str, start: Start, config: GroupConfig | None, *,
        create: bool = True, same: bool = False,
    ) -> Created[GroupConfig]:  # fmt: skip
        wanted = config or GroupConfig()
        ((status, created, *found),) = await self._write(
            context,
            statements.CREATE_GROUP,
            *_place(context, topic, group),
            create,
            start.latest,
            start.time,
            [
                wanted.ack_deadline, wanted.max_lease, wanted.max_attempts, wanted.backoff_min, wanted.backoff_max,
                int(wanted.dead_letter), wanted.dead_retention, wanted.expire_after_idle,
            ],
            wanted.dead_letter_topic.encode(),
            wanted.paused,
        )  # fmt: skip
        if status:
            raise _not_made(status, topic, group)
        made = _config(found)
        if same and not created and made != wanted:
            raise AlreadyExists(f"group {group!r} exists with another configuration; change it with UpdateGroup")
        return Created(made, bool(created))

    async def update_group(
        self, context: Context, topic: str, group: str, change: Callable[[GroupConfig], GroupConfig]
    ) -> GroupConfig:
        while True:
            _, number, before = await self._group(context, topic, group)
            after = change(before)
            changed = await self._write(
                context, statements.UPDATE_GROUP, number, *_values(before), *_values(after), self._listener
            )
            if changed:
                self._changed(context, topic)
                return after

    async def _group(self, context: Context, topic: str, group: str) -> tuple[int, int, GroupConfig]:
        for topic_number, number, *config in await self._read(
            context, statements.GROUP, *_place(context, topic, group)
        ):
            if number is None:
                raise not_found(2, ("", topic, group))
            return topic_number, number, _config(config)
        raise _no_topic(topic)

    async def describe_group(self, context: Context, topic: str, group: str) -> tuple[Group, Tally]:
        place = _place(context, topic, group)
        try:
            rows = await self._write(context, statements.DESCRIBE, *place, True, self._listener)
        except StoreFull:  # a store that is read-only shows what it has
            rows = await self._read(context, statements.DESCRIBE, *place, False, self._listener)
        (row,) = rows
        status, waiting, delayed, dead, oldest, consumers, flying, acknowledged, expired, removed, epoch, *config = row
        if status:
            raise not_found(status, ("", topic, group))
        held = {each.decode(): count for each, count in zip(consumers or (), flying or (), strict=True)}
        tally = Tally(waiting, delayed, sum(held.values()), dead, oldest or 0, held)
        offered = waiting + delayed + tally.in_flight + acknowledged + dead + removed + expired
        counted = (epoch, offered, acknowledged, expired, removed)
        return Group(0, group, _config(config), 0, *counted), tally

    async def list_groups(self, context: Context, topic: str) -> list[str]:
        return await self._groups(context, await self._topic(context, topic))

    async def delete_group(self, context: Context, topic: str, group: str) -> bool:
        ((existed,),) = await self._write(context, statements.DROP_GROUP, *_place(context, topic, group), False)
        self._changed(context, topic)
        return bool(existed)

    async def seek(self, context: Context, topic: str, group: str, start: Start) -> int:
        place = _place(context, topic, group)
        ((status, count),) = await self._write(
            context, statements.SEEK, *place, start.latest, start.time, self._listener
        )
        if status:
            raise not_found(status, ("", topic, group))
        self._changed(context, topic)
        return int(count)

    async def peek(
        self, context: Context, topic: str, group: str, want: tuple[State, bool | None], after: int, limit: int
    ) -> list[Peeked]:
        state, delayed = want
        place = _place(context, topic, group)
        rows = await self._read(context, statements.PEEK, *place, int(state), bool(delayed), after, limit)
        peeked = []
        for status, seq, at, failed, consumer, reason, *columns_ in rows:
            if status:
                raise not_found(status, ("", topic, group))
            entry = Entry(
                0,
                seq,
                at,
                0,
                state,
                failed=failed,
                consumer=(consumer or b"").decode(),
                reason=(reason or b"").decode(),
            )
            peeked.append(Peeked(entry, message(seq, *columns_)))
        return peeked

    async def redrive(self, context: Context, topic: str, group: str, message_ids: Sequence[str], limit: int) -> int:
        return await self._end(context, topic, group, message_ids, limit, redrive=True)

    async def discard(self, context: Context, topic: str, group: str, message_ids: Sequence[str], limit: int) -> int:
        return await self._end(context, topic, group, message_ids, limit, redrive=False)

    async def _end(
        self, context: Context, topic: str, group: str, message_ids: Sequence[str], limit: int, *, redrive: bool
    ) -> int:
        place = _place(context, topic, group)
        ((status, count),) = await self._write(
            context, statements.DEAD_END, *place, list(message_ids), limit, redrive, self._listener
        )
        if status:
            raise not_found(status, ("", topic, group))
        self._changed(context, topic)
        return int(count)

    async def sweep(self, limit: int) -> bool:
        """What time has done to all topics; whether more is left."""
        fetch = self._sessions.fetch
        ((any_topic,),) = await fetch(statements.ANY_TOPIC)
        if not any_topic:
            return False
        await fetch(statements.PARTITIONS)
        overdue = await fetch(statements.OVERDUE, limit)
        for space, topic, group, idle in overdue:
            if idle:
                await fetch(statements.DROP_GROUP, space, topic, group, True)
            else:
                await fetch(statements.DESCRIBE, space, topic, group, True, self._listener)
                self.wakeups.notify((space.decode(), topic.decode()))
        for span, slot in await fetch(statements.OUTLIVED):
            with suppress(Conflict):  # somebody reads it: another time
                await fetch(statements.DROP, span, slot)
        ((forgotten,),) = await fetch(statements.FORGET, limit)
        return limit in (len(overdue), forgotten)


def _place(context: Context, topic: str, group: str) -> tuple[bytes, bytes, bytes]:
    return context.namespace.encode(), topic.encode(), group.encode()


def _seq(message_id: str, topic: int) -> int | None:
    """Where a message is, by its id; None where that is of another topic, or not of this store."""
    try:
        number, seq = (int(part, 16) for part in message_id.split("-"))
    except ValueError:
        return None
    return seq if number == topic and f"{number:x}-{seq:x}" == message_id and seq < 1 << 63 else None


def _changeable(config: TopicConfig) -> list[int]:
    return [int(config.until_acknowledged), config.retention, config.max_bytes]


def _values(config: GroupConfig) -> Sequence[Any]:
    return (
        config.ack_deadline, config.max_lease, config.max_attempts, config.backoff_min, config.backoff_max,
        int(config.dead_letter), config.dead_letter_topic.encode(), config.dead_retention, config.expire_after_idle,
        config.paused,
    )  # fmt: skip


def _config(row: Sequence[Any]) -> GroupConfig:
    """Of `statements.GROUP_COLUMNS`."""
    deadline, lease, attempts, least, most, letter, letters, dead, idle, paused = row
    return GroupConfig(deadline, lease, attempts, least, most, DeadLetter(letter), letters.decode(), dead, idle, paused)


def _no_topic(topic: str) -> TopicNotFound:
    return TopicNotFound(f"topic {topic!r} does not exist; create it with CreateTopic")


def _not_made(status: int, topic: str, group: str) -> TopicNotFound | GroupNotFound:
    if status == 1:
        return TopicNotFound(f"topic {topic!r} does not exist, and topics of this namespace do not make themselves")
    return GroupNotFound(f"topic {topic!r} has no group {group!r}, and groups of this namespace do not make themselves")


def _not_committed(error: PrismError, topic: str, group: str, topics: Sequence[str], receipts: int) -> PrismError:
    said = str(error.__cause__)
    match sqlstate(error):
        case "PR003" if said == "0":
            return _no_topic(topic)
        case "PR006":
            return not_found(2, ("", topic, group))
        case "PR007":
            return ReceiptLost(
                f"{said} of {receipts} receipts are lost, so nothing was done; work on the messages when they come "
                "again",
                outcome=Outcome.NOT_APPLIED,
            )
    return refusal(error, topics)
