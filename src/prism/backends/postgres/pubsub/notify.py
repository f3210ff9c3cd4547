"""PubSub by LISTEN and NOTIFY: nothing is kept, and a message is as large as a notification may be.

One session of an instance listens for all namespaces while there is a subscription; when it is lost, messages may be,
so every subscription ends with GAP. What callers publish at the same time is notified in one transaction, after which
PostgreSQL sends it: commits that notify wait for each other.
"""

import asyncio
import time
from base64 import b85decode, b85encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

import asyncpg

from prism.backends.postgres.errors import translate
from prism.backends.postgres.lane import Call, Lane, Work
from prism.backends.postgres.sessions import Session, Sessions
from prism.backends.postgres.statements import Statement
from prism.context import Context
from prism.errors import FailedPrecondition, InvalidArgument, MessagesLost, Outcome, Unimplemented, Violation
from prism.interfaces.pubsub import Message, PublishRequest, PublishResponse, PubSub, SubscribeRequest
from prism.sdk import Bounds, MessageIds, SubscriberBuffer, SubscriptionIndex
from prism.sdk.deadline import check_time

NOTIFY: Final = Statement(
    "SELECT pg_notify('prism.pubsub.notify.' || hashtext('@name'), m) FROM unnest($1::text[]) AS m", writes=True
)
CHANNEL: Final = Statement("SELECT 'prism.pubsub.notify.' || hashtext('@name')", writes=False)

MAX_NOTIFICATION: Final = 7_999
"""Bytes that a notification may have."""
MAX_PAYLOAD: Final = 6_000
"""Bytes of a payload; with its topic, its key and a few attributes it fits."""
_BUFFER_MESSAGES: Final = 4096
_BATCHES: Final = Bounds(calls=256, size=1 << 20, in_flight=1)
_PROBE: Final = 5.0
"""Seconds between two looks whether the listening session answers, and that it has to do so."""


class Notification(Call):
    """A message on its way."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class NotifyPubSub(PubSub):
    """Serves PubSub by notifications.

    Args:
        sessions: with the schema whose name tells the channel.
        reads: a lane for what changes nothing.
        writes: a lane for what does.
        open_session: for one more session, which listens.
        buffer_bytes: of each subscription.
    """

    def __init__(
        self,
        sessions: Sessions,
        reads: Lane[Work, Any],
        writes: Lane[Work, Any],
        open_session: Callable[[], Awaitable[Session]],
        buffer_bytes: int,
    ) -> None:
        self._sessions = sessions
        self._reads = reads
        self._writes = writes
        self._open_session = open_session
        self._buffer_bytes = buffer_bytes
        self._ids = MessageIds()
        self._spaces: dict[str, SubscriptionIndex[Message]] = {}
        self._session: Session | None = None
        self._listening = asyncio.Lock()
        self._probing: asyncio.Task[None] | None = None
        self._lane: Lane[Notification, None] = Lane(self._notify, _BATCHES, reads=False)

    @property
    def subscriptions(self) -> int:
        """How many are open."""
        return sum(map(len, self._spaces.values()))

    async def publish(self, request: PublishRequest, context: Context) -> PublishResponse:
        check_time(context, writes=True)
        message_id = self._ids.next()
        text = _written(context.namespace, request, message_id)
        if len(request.payload) > MAX_PAYLOAD or len(text) > MAX_NOTIFICATION:
            raise _too_large(request, len(text))
        await self._lane.call(context, Notification(text), size=len(text))
        return PublishResponse(message_id=message_id)

    async def _notify(self, calls: Sequence[Notification]) -> list[None]:
        texts = [each.text for each in calls]
        await self._writes.call(Context(""), Work(lambda: self._sessions.fetch(NOTIFY, texts)))
        return [None] * len(calls)

    async def subscribe(self, request: SubscribeRequest, context: Context) -> AsyncIterator[Message]:
        if request.HasField("start"):
            raise Unimplemented(
                "this namespace serves PubSub by LISTEN and NOTIFY, which keeps nothing; leave out `start`, or use a "
                "namespace with `pubsub: log`",
                capability="persistent",
            )
        await self._listen()
        space = self._spaces.setdefault(context.namespace, SubscriptionIndex())
        buffer: SubscriberBuffer[Message] = SubscriberBuffer(_BUFFER_MESSAGES, self._buffer_bytes)
        entry = space.join(request.topic_pattern, "", buffer)
        try:
            if self._session is None:  # it was lost meanwhile
                raise _lost()
            context.established()
            async for message in buffer:
                yield message
        finally:
            space.leave(entry)
            if not space and self._spaces.get(context.namespace) is space:
                del self._spaces[context.namespace]
            if not self._spaces:
                self._hang_up()

    async def _listen(self) -> None:
        """Has a session listen, if none does."""
        async with self._listening:
            if self._session is not None:
                return
            ((channel,),) = await self._reads.call(Context(""), Work(lambda: self._sessions.fetch(CHANNEL)))
            try:
                session = await self._open_session()
                if session.pooled:
                    session.connection.terminate()
                    raise FailedPrecondition(
                        "a pooler in front of PostgreSQL gives each transaction another session, so none can listen: "
                        "connect to PostgreSQL directly, or use `pubsub: log`"
                    )
                session.connection.add_termination_listener(self._ended)
                try:
                    await session.connection.add_listener(channel, self._heard)
                except BaseException:
                    session.connection.terminate()
                    raise
            except FailedPrecondition:
                raise
            except Exception as error:
                raise translate(error, writes=False, sent=False) from error
            self._session = session
            self._probing = asyncio.create_task(self._probe(session), name="postgres-notify-probe")

    async def _probe(self, session: Session) -> None:
        """Ends a session that does not answer: its server or the way to it may be gone without a word."""
        try:
            while True:
                await asyncio.sleep(_PROBE)
                await session.connection.fetch("SELECT 1", timeout=_PROBE)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            session.connection.terminate()

    def _heard(self, _connection: object, _process: int, _channel: str, said: object) -> None:
        namespace, key, message = _read(str(said))
        if (space := self._spaces.get(namespace)) is not None:
            space.deliver(message.topic, message, message.ByteSize(), key)

    def _ended(self, connection: object) -> None:
        session = self._session
        if session is None or session.connection is not connection:
            return
        self._hang_up()
        for space in self._spaces.values():
            space.end(_lost())

    def _hang_up(self) -> None:
        session, self._session = self._session, None
        probing, self._probing = self._probing, None
        if probing is not None and probing is not asyncio.current_task():
            probing.cancel()
        if session is not None:
            session.connection.remove_termination_listener(self._ended)
            session.connection.terminate()

    async def stop(self) -> None:
        """Ends the subscriptions."""
        for space in self._spaces.values():
            space.end(_lost())
        self._hang_up()
        await self._lane.drain()
        self._lane.close()


def _written(namespace: str, request: PublishRequest, message_id: str) -> str:
    """A notification: the namespace, the key and the message, without what is empty."""
    message = Message(
        topic=request.topic, payload=request.payload, attributes=request.attributes, message_id=message_id
    )
    message.published_at.FromMicroseconds(time.time_ns() // 1000)
    parts = (namespace.encode(), request.ordering_key.encode(), message.SerializeToString())
    packed = b"".join(len(part).to_bytes(2, "big") + part for part in parts[:2]) + parts[2]
    return b85encode(packed).decode()


def _read(text: str) -> tuple[str, str, Message]:
    packed = b85decode(text)
    found = []
    for _ in range(2):
        end = 2 + int.from_bytes(packed[:2], "big")
        found.append(packed[2:end].decode())
        packed = packed[end:]
    return found[0], found[1], Message.FromString(packed)


def _too_large(request: PublishRequest, size: int) -> InvalidArgument:
    found = f"{len(request.payload)} bytes, {size} with all that goes with them"
    limit = (
        f"by LISTEN and NOTIFY a payload has at most {MAX_PAYLOAD}, and a whole message {MAX_NOTIFICATION}; send less, "
        "or use `pubsub: log`"
    )
    violation = Violation("payload", found, limit)
    return InvalidArgument(str(violation), violations=[violation], outcome=Outcome.NOT_APPLIED)


def _lost() -> MessagesLost:
    return MessagesLost(
        "the session that listens at PostgreSQL was lost, and messages with it; subscribe again", retry_after=0.1
    )
