"""Subscriptions to what persists: from a place in the log through all that is kept to what comes, without a seam.

Numbers in comments are those of the rules in docs/contract.md, "PubSub that persists".
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from google.protobuf.timestamp_pb2 import Timestamp

from prism.context import Context
from prism.errors import (
    BackendUnavailable,
    InvalidArgument,
    LimitExceeded,
    PositionExpired,
    Violation,
)
from prism.interfaces.pubsub import Kind, Message, OnGap, SubscribeRequest
from prism.sdk.pubsub.log import Bounds, Logged, MessageLog, Page
from prism.sdk.pubsub.options import PubSubOptions
from prism.sdk.pubsub.positions import Positions
from prism.sdk.pubsub.tail import AT_ONCE, Tail
from prism.sdk.subscriber_buffer import SubscriberBuffer
from prism.sdk.topics import matcher
from prism.sdk.turns import Turns

PAGE_BYTES = 256 << 10
"""Of what one subscription reads from the store at once, and holds."""
_BUFFER_MESSAGES = 4096
"""That may wait for a subscription without `start`."""
_READS = 8
"""Pages that are read at the same time for subscriptions which are behind; namespaces take turns."""


class LogReader:
    """Serves `Subscribe` from the logs of a store.

    Args:
        log: what is read.
        options: of the backend's configuration.
    """

    def __init__(self, log: MessageLog, options: PubSubOptions) -> None:
        self._log = log
        self._options = options
        self._tails: dict[str, Tail] = {}
        self._turns = Turns(_READS)
        self._catching_up = 0
        self._stopped = False

    @property
    def subscriptions(self) -> int:
        """How many are open."""
        return sum(map(len, self._tails.values()))

    async def stop(self) -> None:
        """Ends the subscriptions."""
        self._stopped = True
        for tail in self._tails.values():
            tail.end(_stopped())
            await tail.stop()

    async def subscribe(self, request: SubscribeRequest, context: Context) -> AsyncGenerator[Message, None]:
        """A subscription with `start`."""
        if request.queue_group:
            violation = Violation("queue_group", "one with `start`", "what persists is not shared by a group")
            raise InvalidArgument(str(violation), violations=[violation])
        subscription = self._new(request, context)
        tail = self._tail(context.namespace)
        changed = await tail.join()
        try:
            gap = await self._begin(subscription, context, request)
            self._check_room(subscription, tail)
            context.established()
            if gap:
                yield subscription.answer(Kind.PUB_SUB_KIND_GAP)
            yield subscription.answer(Kind.PUB_SUB_KIND_PROGRESS)  # 1
            async with aclosing(self._followed(subscription, context, tail, changed)) as answers:
                async for answer in answers:
                    yield answer
        finally:
            self._note_behind(subscription, behind=False)
            await self._leave(context.namespace, tail, changed)

    async def listen(self, request: SubscribeRequest, context: Context) -> AsyncGenerator[Message, None]:
        """A subscription without `start`: what comes from now on, until it has read too slowly."""
        tail = self._tail(context.namespace)
        changed = await tail.join()
        try:
            bounds = await self._log.bounds(context)
            buffer = _NewMessages(bounds.end, _BUFFER_MESSAGES, self._options.buffer_bytes)
            entry = tail.listeners.join(request.topic_pattern, "", buffer)
            try:
                context.established()
                async for message in buffer:
                    yield _message(message)
            finally:
                tail.listeners.leave(entry)
        finally:
            await self._leave(context.namespace, tail, changed)

    def _new(self, request: SubscribeRequest, context: Context) -> "StandingSubscription":
        return StandingSubscription(request, Positions(context.namespace, request.topic_pattern))

    def _tail(self, namespace: str) -> Tail:
        if self._stopped:
            raise _stopped()
        tail = self._tails.get(namespace)
        if tail is None:
            tail = self._tails[namespace] = Tail(self._log, namespace, self._options.buffer_bytes)
        return tail

    async def _leave(self, namespace: str, tail: Tail, changed: asyncio.Event) -> None:
        await tail.leave(changed)
        if not tail and self._tails.get(namespace) is tail:
            del self._tails[namespace]

    async def _begin(self, subscription: "StandingSubscription", context: Context, request: SubscribeRequest) -> bool:
        """Sets where a subscription begins; whether messages are missing before that."""
        start, since = request.start, b""
        if start.HasField("time"):
            since = await self._log.before(context, start.time.seconds * 1_000_000 + start.time.nanos // 1000)
        bounds = await self._log.bounds(context)
        subscription.identity, subscription.place = bounds.identity, bounds.end
        match start.WhichOneof("at"):
            case "earliest":
                subscription.place = bounds.floor
            case "time":
                subscription.place = max(since, bounds.floor)
            case "position":
                identity, place = subscription.positions.read(start.position)
                if identity != bounds.identity or not bounds.floor <= place <= bounds.end:
                    subscription.skip_to(bounds)
                    return True
                subscription.place = place
        return False

    def _check_room(self, subscription: "StandingSubscription", tail: Tail) -> None:
        """Counts one that begins behind what is at hand, or refuses it."""
        if tail.after(subscription.identity, subscription.place) is not None:
            return
        most = self._options.max_catching_up
        if self._catching_up >= most:
            raise LimitExceeded(
                f"{self._catching_up} subscriptions of this gateway read what was published before, and no more than "
                f"{most} may at once (pubsub.max_catching_up); subscribe again in a moment",
                metadata={"limit": "pubsub.max_catching_up"},
                retry_after=1.0,
            )
        self._note_behind(subscription, behind=True)

    def _note_behind(self, subscription: "StandingSubscription", *, behind: bool) -> None:
        self._catching_up += behind - subscription.behind
        subscription.behind = behind

    async def _followed(
        self, subscription: "StandingSubscription", context: Context, tail: Tail, changed: asyncio.Event
    ) -> AsyncGenerator[Message, None]:
        loop = asyncio.get_running_loop()
        interval = self._options.progress_interval
        due = loop.time() + interval
        while True:
            changed.clear()
            if self._stopped:
                raise _stopped()
            found = tail.after(subscription.identity, subscription.place)
            self._note_behind(subscription, behind=found is None)
            end = b""
            if found is None:
                page = await self._read(context, subscription.place)
                if page.bounds.identity != subscription.identity or page.bounds.floor > subscription.place:
                    subscription.skip_to(page.bounds)
                    yield subscription.answer(Kind.PUB_SUB_KIND_GAP)  # 5
                    continue
                found, end = page.messages, page.end
            for message in found:
                if (answer := subscription.pass_by(message)) is not None:
                    yield answer
                    due = loop.time() + interval
            subscription.place = max(end, subscription.place)
            if loop.time() >= due:  # 1
                due = loop.time() + interval
                yield subscription.answer(Kind.PUB_SUB_KIND_PROGRESS)
            if not found and not end:
                if tail.failure is not None:
                    raise tail.failure.clone()
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(due):
                        await changed.wait()

    async def _read(self, context: Context, place: bytes) -> Page:
        await self._turns.take(context.namespace)
        try:
            await asyncio.sleep(0)  # a store in memory answers at once
            return await self._log.read(context, place, AT_ONCE, PAGE_BYTES)
        finally:
            self._turns.give_back()


def _stopped() -> BackendUnavailable:
    return BackendUnavailable("the backend was stopped; subscribe again")


class _NewMessages(SubscriberBuffer[Logged]):
    """Messages behind a place: those that are read late, though they were there before, are not for its reader."""

    __slots__ = ("_since",)

    def __init__(self, since: bytes, max_messages: int, max_bytes: int) -> None:
        super().__init__(max_messages, max_bytes)
        self._since = since

    def put(self, message: Logged, size: int) -> None:
        if message.place > self._since:
            super().put(message, size)


class StandingSubscription:
    """Where a subscription stands."""

    def __init__(self, request: SubscribeRequest, positions: Positions) -> None:
        self.positions = positions
        self.identity = b""
        self.place = b""
        self.behind = False
        self._skips = request.on_gap == OnGap.PUB_SUB_ON_GAP_SKIP
        self._matches = matcher(request.topic_pattern)

    def skip_to(self, bounds: Bounds) -> None:
        """Messages are missing: it goes on with the earliest one, where that is what it wants.

        Raises:
            PositionExpired: it is not.
        """
        if not self._skips:
            raise PositionExpired(
                "messages behind this position are kept no longer; subscribe from the earliest one, or with on_gap SKIP"
            )
        self.identity, self.place = bounds.identity, bounds.floor

    def pass_by(self, message: Logged) -> Message | None:
        """Stands behind a message; the answer where it is one of its own."""
        self.place = message.place
        if not self._matches(message.topic):
            return None
        answer = _message(message)
        answer.position = self.positions.give(self.identity, self.place)
        return answer

    def answer(self, kind: Kind) -> Message:
        """Says where it stands."""
        return Message(kind=kind, position=self.positions.give(self.identity, self.place))


def _message(logged: Logged) -> Message:
    seconds, micros = divmod(logged.published_at, 1_000_000)
    return Message(
        topic=logged.topic,
        payload=logged.payload,
        attributes=logged.attributes,
        message_id=logged.message_id,
        published_at=Timestamp(seconds=seconds, nanos=micros * 1000),
    )
