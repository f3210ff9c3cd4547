"""Subscribing to NATS: one subscription there for each subscriber here, with its buffer."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.timestamp_pb2 import Timestamp
from nats import errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from prism.backends.nats import headers
from prism.backends.nats.config import NatsConfig
from prism.backends.nats.errors import not_allowed, translate
from prism.backends.nats.link import Link
from prism.backends.nats.session import NatsSession
from prism.backends.nats.subjects import topic
from prism.errors import BackendUnavailable, MessagesLost, PrismError
from prism.interfaces.pubsub import Message
from prism.sdk import Bounds, Coalescer, MessageIds, SubscriberBuffer

_BOUNDS = Bounds(calls=500, in_flight=2)
_QUEUE_MESSAGES = 1 << 16
_QUEUE_BYTES = 8 << 20


@dataclass(eq=False, slots=True)
class NatsSubscription:
    """One subscriber.

    Attributes:
        root: what the subjects of its namespace begin with.
        subject: what it listens to.
        queue: its queue group; empty for none.
        buffer: where its messages go.
        session: where it stands, once it does; None again when it was lost.
        subscription: the driver's.
    """

    root: str
    subject: str
    queue: str
    buffer: SubscriberBuffer[Message]
    session: NatsSession | None = None
    subscription: Subscription | None = None


class Subscriber:
    """Listens over one link."""

    def __init__(self, config: NatsConfig) -> None:
        self._config = config
        self._lane: Coalescer[NatsSubscription, None] = Coalescer(self._join, bounds=_BOUNDS, reads=True)
        self._subscriptions: dict[int, NatsSubscription] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._ids = MessageIds()
        self.link: Link

    def __len__(self) -> int:
        return len(self._subscriptions)

    async def join(self, namespace: str, root: str, subject: str, queue: str) -> NatsSubscription:
        """A subscriber begins; when this returns, the server knows.

        Raises:
            PrismError: it cannot.
        """
        buffer: SubscriberBuffer[Message] = SubscriberBuffer(self._config.buffer_messages, self._config.buffer_bytes)
        entry = NatsSubscription(root, subject, queue, buffer)
        joined = self._lane.submit(namespace, entry)
        try:
            await asyncio.shield(joined)
        except asyncio.CancelledError:
            joined.add_done_callback(lambda done: self._leave_late(done, entry))
            raise
        return entry

    def leave(self, entry: NatsSubscription) -> None:
        """A subscriber ends; does nothing the second time."""
        session, subscription = entry.session, entry.subscription
        entry.session = entry.subscription = None
        if subscription is None or session is None:
            return
        self._subscriptions.pop(subscription._id, None)
        if not session.lost.done():
            task = asyncio.get_running_loop().create_task(_unsubscribe(session, subscription))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    def on_lost(self) -> None:
        """The connection broke: what was published meanwhile is missed."""
        lost = MessagesLost("the connection to NATS broke and messages may have been missed; subscribe again")
        self._end(lost)

    def stop(self) -> None:
        """Ends all subscriptions."""
        self._end(BackendUnavailable("the backend was stopped; subscribe again"))

    def _end(self, error: PrismError) -> None:
        subscriptions, self._subscriptions = self._subscriptions, {}
        for entry in subscriptions.values():
            entry.session = entry.subscription = None
            entry.buffer.end(error.clone())

    def _leave_late(self, joined: "asyncio.Future[None]", entry: NatsSubscription) -> None:
        if not joined.cancelled() and joined.exception() is None:
            self.leave(entry)

    async def _join(self, batch: Sequence[NatsSubscription]) -> Sequence[Exception | None]:
        session = self.link.session()
        session.on_overrun = self._overrun
        try:
            return await session.do(self._joined(session, batch))
        except (errors.Error, OSError) as error:
            raise translate(error) from error

    async def _joined(self, session: NatsSession, batch: Sequence[NatsSubscription]) -> list[Exception | None]:
        with session.denials() as denied:
            for entry in batch:
                await self._subscribe(session, entry)
            await session.flush()
        return [self._refused(entry, denied) if denied else None for entry in batch]

    async def _subscribe(self, session: NatsSession, entry: NatsSubscription) -> None:
        buffer, root, ids = entry.buffer, entry.root, self._ids

        async def deliver(message: Msg) -> None:
            buffer.put(_message(message, root, ids), len(message.data) + len(message.subject))

        entry.session = session
        entry.subscription = await session.client.subscribe(
            entry.subject,
            queue=entry.queue,
            cb=deliver,
            # The buffer is the bound. The driver empties its own queue into it after each read.
            pending_msgs_limit=max(self._config.buffer_messages, _QUEUE_MESSAGES),
            pending_bytes_limit=max(self._config.buffer_bytes, _QUEUE_BYTES),
        )
        self._subscriptions[entry.subscription._id] = entry

    def _refused(self, entry: NatsSubscription, denied: Sequence[str]) -> Exception | None:
        if any(f'subscription to "{entry.subject.lower()}"' in each for each in denied):
            self.leave(entry)
            return not_allowed(f"subscribe to {entry.subject!r}")
        return None

    def _overrun(self, number: int) -> None:
        """The driver had a message for a subscription and no room for it."""
        entry = self._subscriptions.get(number)
        if entry is not None:
            entry.buffer.miss()


async def _unsubscribe(session: NatsSession, subscription: Subscription) -> None:
    try:
        await session.do(subscription.unsubscribe())
    except (PrismError, errors.Error, OSError):
        return  # the connection is gone, and the subscription with it


def _message(message: Msg, root: str, ids: MessageIds) -> Message:
    found = Message(topic=topic(message.subject, root), payload=message.data)
    if not headers.read(message.headers, found):
        seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
        found.message_id = ids.next()
        found.published_at.CopyFrom(Timestamp(seconds=seconds, nanos=nanoseconds // 1000 * 1000))
    return found
