"""The logs of PubSub on PostgreSQL: what callers publish at the same time is appended in one transaction."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import asyncpg

from prism.backends.postgres.lane import Call, Lane, Work
from prism.backends.postgres.sessions import Rows, Session, Sessions
from prism.backends.postgres.statements import Statement
from prism.backends.postgres.watch import Watch
from prism.context import Context
from prism.errors import Conflict, PrismError
from prism.interfaces.pubsub import PublishRequest
from prism.sdk import Bounds as BatchBounds
from prism.sdk.pubsub import Bounds, Logged, MessageLog, Page, PubSubOptions
from prism.sdk.wakeups import Wakeups

PUBLISH = Statement("SELECT @.pubsub_publish($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", writes=True)
PARTITIONS = Statement("SELECT @.pubsub_partitions($1)", writes=True)
BOUNDS = Statement("SELECT * FROM @.pubsub_bounds($1)", writes=False)
# One statement, so one state of the log: the bounds, then the messages.
READ = Statement(
    """
    SELECT b.identity, b.low, b.high, m.seq, m.topic, m.message_id, m.attributes, m.payload
    FROM @.pubsub_bounds($1) AS b LEFT JOIN @.pubsub_read($1, $2, $3, $4) AS m ON true ORDER BY m.seq
    """,
    writes=False,
)
BEFORE = Statement("SELECT @.pubsub_before($1, $2)", writes=False)
OUTLIVED = Statement("SELECT * FROM @.pubsub_outlived($1)", writes=True)
DROP = Statement("SELECT @.pubsub_drop($1, $2)", writes=True)
WATCH = Statement("SELECT * FROM @.pubsub_watch($1, $2, $3, $4)", writes=True)
CHANNEL = Statement("SELECT 'prism.pubsub.' || hashtext('@name')", writes=False)
HOLDS_LOG = Statement("SELECT EXISTS (SELECT FROM @.pubsub_space WHERE namespace = $1)", writes=False)
ANY_LOG = Statement("SELECT EXISTS (SELECT FROM @.pubsub_space)", writes=False)

_BATCHES = BatchBounds(calls=512, size=4 << 20, in_flight=1)
_SPANS = (3_600, 172_800, 5_184_000)
"""Longest retention, in seconds, of all spans but the last; see queue/log.sql."""
_OVERHEAD = 200


class Append(Call):
    """A message on its way."""

    __slots__ = ("message_id", "namespace", "request")

    def __init__(self, namespace: str, request: PublishRequest, message_id: str) -> None:
        super().__init__()
        self.namespace = namespace
        self.request = request
        self.message_id = message_id


class PostgresLog(MessageLog):
    """`prism.sdk.pubsub.MessageLog` in one schema. A place is the number of the message before it.

    Args:
        sessions: with that schema.
        reads: a lane for what changes nothing.
        writes: a lane for what does.
        open_session: for one more session, which listens while somebody waits.
        options: of the backend's configuration.
    """

    def __init__(
        self,
        sessions: Sessions,
        reads: Lane[Work, Any],
        writes: Lane[Work, Any],
        open_session: Callable[[], Awaitable[Session]],
        options: PubSubOptions,
    ) -> None:
        self.wakeups = Wakeups()
        self._sessions = sessions
        self._reads = reads
        self._writes = writes
        self._listener = secrets.randbits(62)
        self._retention = int(options.retention * 1e6)
        self._span = 1 + sum(options.retention > longest for longest in _SPANS)
        self._max_bytes = int(options.max_bytes)
        self._appends: Lane[Append, None] = Lane(self._append, _BATCHES, reads=False)
        self._watch = Watch(self.wakeups, self._look, CHANNEL, self._fetch, open_session)

    async def stop(self) -> None:
        """Watches no more."""
        await self._watch.stop()

    async def drain(self) -> None:
        """Waits until every call is answered."""
        await self._appends.drain()

    async def _fetch(self, statement: Statement, *arguments: Any, context: Context | None = None) -> Rows:
        work = Work(lambda: self._sessions.fetch(statement, *arguments))
        rows: Rows = await self._reads.call(context or Context(""), work)
        return rows

    async def _look(self, keys: Sequence[tuple[str, str]], *, listens: bool) -> Rows:
        spaces = [namespace.encode() for namespace, _ in keys]
        return await self._fetch(WATCH, spaces, self._span, self._listener, listens)

    async def append(self, context: Context, request: PublishRequest, message_id: str) -> None:
        await self._appends.call(context, Append(context.namespace, request, message_id), size=request.ByteSize())
        self.wakeups.notify((context.namespace, ""))

    async def _append(self, calls: Sequence[Append]) -> list[None]:
        spaces: dict[str, int] = {}
        of = [spaces.setdefault(each.namespace, len(spaces) + 1) for each in calls]
        requests = [each.request for each in calls]
        noted = [
            PublishRequest(attributes=each.attributes).SerializeToString() if each.attributes else None
            for each in requests
        ]
        sizes = [
            len(each.payload) + len(each.topic) + len(attributes or b"") + _OVERHEAD
            for each, attributes in zip(requests, noted, strict=True)
        ]
        arguments = (
            [space.encode() for space in spaces],
            of,
            [each.topic.encode() for each in requests],
            [each.message_id for each in calls],
            noted,
            [each.payload for each in requests],
            sizes,
            self._span,
            self._max_bytes,
            self._listener,
        )

        async def publish() -> None:
            try:
                await self._sessions.fetch(PUBLISH, *arguments)
            except PrismError as error:
                if not isinstance(error.__cause__, asyncpg.CheckViolationError):  # no partition for the time
                    raise
                await self._sessions.fetch(PARTITIONS, self._span)
                await self._sessions.fetch(PUBLISH, *arguments)

        await self._writes.call(Context(""), Work(publish))
        return [None] * len(calls)

    async def bounds(self, context: Context) -> Bounds:
        ((identity, low, high),) = await self._fetch(BOUNDS, context.namespace.encode(), context=context)
        return Bounds(identity, _place(low), _place(high))

    async def before(self, context: Context, time: int) -> bytes:
        ((place,),) = await self._fetch(BEFORE, context.namespace.encode(), time, context=context)
        return (await self.bounds(context)).end if place is None else _place(place)

    async def read(self, context: Context, after: bytes, limit: int, max_bytes: int) -> Page:
        place = int.from_bytes(after, "big")
        rows = await self._fetch(READ, context.namespace.encode(), place, limit, max_bytes, context=context)
        identity, low, high = rows[0][:3]
        bounds = Bounds(identity, _place(low), _place(high))
        found = [_logged(row[3:]) for row in rows if row[3] is not None]
        return Page(bounds, found, found[-1].place if found else bounds.end)

    async def sweep(self) -> None:
        """Removes what has been kept for its time, as far as whole partitions are."""
        ((any_log,),) = await self._sessions.fetch(ANY_LOG)
        if not any_log:
            return
        await self._sessions.fetch(PARTITIONS, self._span)
        for span, slot in await self._sessions.fetch(OUTLIVED, self._retention):
            with suppress(Conflict):  # somebody reads it: another time
                await self._sessions.fetch(DROP, span, slot)


def _place(number: int) -> bytes:
    return int(number).to_bytes(8, "big")


def _logged(row: Sequence[Any]) -> Logged:
    seq, topic, message_id, attributes, payload = row
    noted = PublishRequest.FromString(attributes).attributes if attributes else {}
    return Logged(_place(seq), topic.decode(), payload, noted, message_id, seq)
