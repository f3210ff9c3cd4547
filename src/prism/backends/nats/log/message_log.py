"""The log of each namespace as `prism.sdk.pubsub` reads it: a stream that takes what is published on its subjects.

A place is a number of the stream. JetStream's replicas answer reads, and may lag: where they give nothing though there
should be something, the leader is asked.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final

from nats import errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from prism.backends.nats import headers as nats_headers
from prism.backends.nats.config import NatsConfig
from prism.backends.nats.jetstream.api import JetStream, settled
from prism.backends.nats.jetstream.names import log_stream
from prism.backends.nats.jetstream.pulls import Pulls
from prism.backends.nats.jetstream.refusals import (
    MESSAGE_MISSING,
    STREAM_EXISTS,
    STREAM_MISSING,
    ApiError,
    JetStreamMissingError,
    refused,
)
from prism.backends.nats.jetstream.single_flight import SingleFlight
from prism.backends.nats.queue.incoming import from_answer, stored
from prism.backends.nats.queue.messages import Stored
from prism.backends.nats.session import NatsSession
from prism.backends.nats.subjects import Subjects, topic
from prism.context import Context
from prism.errors import BackendCredentials, BackendUnavailable, FailedPrecondition, Outcome, PrismError
from prism.interfaces.pubsub import PublishRequest
from prism.sdk.driver_errors import LATER
from prism.sdk.pubsub import Bounds, Logged, MessageLog, Page
from prism.sdk.pubsub.log import NO_TOPIC
from prism.sdk.wakeups import Waiter, Wakeups

log = logging.getLogger(__name__)

_PLACE: Final = 8
_POLL: Final = 1.0
"""Seconds after which those who wait look, should no one have told them."""
_IDLE: Final = 60.0
"""Seconds after which JetStream forgets who was told of messages and is gone."""


class NatsLog(MessageLog):
    """`prism.sdk.pubsub.MessageLog` on JetStream. It is appended to by `NatsPubSub`.

    Args:
        jetstream: has the streams.
        config: of the backend.
    """

    def __init__(self, jetstream: JetStream, config: NatsConfig) -> None:
        self._jetstream = jetstream
        self._pulls = Pulls(jetstream)
        self._config = config
        self._subjects = Subjects(config.prefix)
        self._made: dict[str, NatsSession] = {}
        self._making: SingleFlight[None] = SingleFlight()
        self._without: NatsSession | None = None
        self.wakeups = _Told(jetstream, self._stream, self.ensure)

    def _stream(self, namespace: str) -> str:
        return log_stream(self._config.prefix, namespace)

    async def ensure(self, namespace: str) -> None:
        """Makes the log of a namespace where there is none.

        Raises:
            PrismError: it cannot be made.
        """
        session = await self._jetstream.session()
        if self._made.get(namespace) is not session:
            await self._making.do((namespace, session), lambda: self._made_on(session, namespace))

    async def _made_on(self, session: NatsSession, namespace: str) -> None:
        await settled(lambda: self._make(namespace))
        self._made[namespace] = session

    async def keeps(self, namespace: str) -> bool:
        """Whether what is published in a namespace is kept: it is wanted, and the servers do it.

        Raises:
            BackendUnavailable: that cannot be known now.
        """
        if not self._config.pubsub.persistent:
            return False
        session = self._jetstream.connected
        if self._made.get(namespace) is session:
            return True
        if self._without is session:
            return False
        try:
            await self.ensure(namespace)
        except BackendUnavailable as error:
            error.outcome = Outcome.NOT_APPLIED  # the log is not made yet, and nothing was published
            raise
        except (FailedPrecondition, BackendCredentials) as error:
            if self._without is not session:
                log.warning("what is published is not kept: %s", error.message)
            self._without = session
            return False
        return True

    async def _make(self, namespace: str) -> None:
        options = self._config.pubsub
        stream = self._stream(namespace)
        wanted = {
            "name": stream,
            "subjects": [f"{self._subjects.root(namespace)}>"],
            "retention": "limits",
            "storage": "file",
            "discard": "old",
            "num_replicas": self._config.replicas,
            "max_age": int(options.retention * 1e9),
            "max_bytes": int(options.max_bytes) or -1,
            "duplicate_window": min(100_000_000, int(options.retention * 1e9)),
            "allow_direct": True,
        }
        try:
            await self._jetstream.ask(f"STREAM.CREATE.{stream}", wanted)
        except ApiError as error:
            if error.number != STREAM_EXISTS:
                raise
            await self._jetstream.ask(f"STREAM.UPDATE.{stream}", wanted)  # options may have changed

    async def append(self, context: Context, request: PublishRequest, message_id: str) -> None:
        """See MessageLog."""
        head = nats_headers.write(message_id, 0, request.attributes)
        await self.publish(context, self._subjects.of_topic(context.namespace, request.topic), request.payload, head)

    async def publish(self, context: Context, subject: str, payload: bytes, headers: Mapping[str, str]) -> None:
        """Appends a message; returns when JetStream has confirmed it."""
        await self.ensure(context.namespace)
        try:
            await settled(lambda: self._jetstream.publish(subject, payload, headers))
        except BackendUnavailable:
            self._made.pop(context.namespace, None)  # where the stream was removed nothing confirms, or nothing answers
            raise

    async def bounds(self, context: Context) -> Bounds:
        await self.ensure(context.namespace)
        try:
            info = await self._jetstream.ask(f"STREAM.INFO.{self._stream(context.namespace)}", reads=True)
        except ApiError as error:
            if error.number == STREAM_MISSING:
                self._made.pop(context.namespace, None)
                raise BackendUnavailable("the log was removed just now; try again", retry_after=LATER) from error
            raise refused(error) from error
        state = info["state"]
        identity = blake2b(info["created"].encode(), digest_size=8).digest()
        first, last = int(state["first_seq"]), int(state["last_seq"])
        return Bounds(identity, _place(max(first - 1, 0)), _place(last))

    async def before(self, context: Context, time: int) -> bytes:
        bounds = await self.bounds(context)
        at = datetime.fromtimestamp(time // 1_000_000, UTC).replace(microsecond=time % 1_000_000)
        subject = f"{self._subjects.root(context.namespace)}>"
        found = await self._pulls.since(
            self._stream(context.namespace), subject, at.isoformat().replace("+00:00", "Z"), self._config.answer_timeout
        )
        return _place(stored(found[0]).seq - 1) if found else bounds.end

    async def read(self, context: Context, after: bytes, limit: int, max_bytes: int) -> Page:
        bounds = await settled(lambda: self.bounds(context))
        place = max(after, bounds.floor)
        if place >= bounds.end:
            return Page(bounds, [], bounds.end)
        found = await settled(lambda: self._read(context.namespace, _number(place), limit, max_bytes))
        root = self._subjects.root(context.namespace)
        messages = [_logged(each, root) for each in found]
        if not messages:
            return Page(bounds, [], bounds.end)
        end = messages[-1].place
        return Page(Bounds(bounds.identity, bounds.floor, max(bounds.end, end)), messages, end)

    async def _read(self, namespace: str, after: int, limit: int, max_bytes: int) -> list[Stored]:
        stream, subject = self._stream(namespace), f"{self._subjects.root(namespace)}>"
        timeout = self._config.answer_timeout
        page = await self._pulls.read(stream, subject, after + 1, limit, timeout, max_bytes=max_bytes)
        if page:
            return [stored(each) for each in page]
        asked = {"seq": after + 1, "next_by_subj": subject}
        try:
            answer = await self._jetstream.ask(f"STREAM.MSG.GET.{stream}", asked, reads=True)
        except ApiError as error:
            if error.number == MESSAGE_MISSING:
                return []
            raise
        return [from_answer(answer["message"])]


class _Told(Wakeups):
    """Those who read logs: JetStream tells of each message that it has stored, by its headers alone."""

    def __init__(self, jetstream: JetStream, stream: Any, ensure: Any) -> None:
        super().__init__()
        self._jetstream = jetstream
        self._stream = stream
        self._ensure = ensure
        self._telling: dict[str, asyncio.Task[None]] = {}

    def join(self, key: tuple[str, str], group: str = "") -> Waiter:
        event = super().join(key, group)
        if key[0] not in self._telling:
            listening = asyncio.get_running_loop().create_task(self._listen(key[0]), name="nats-log-told")
            self._telling[key[0]] = listening
        return event

    async def _listen(self, namespace: str) -> None:
        key = (namespace, NO_TOPIC)
        while key in self.keys():
            with suppress(PrismError, ApiError, JetStreamMissingError, errors.Error, OSError):
                await self._ensure(namespace)
                session = await self._jetstream.session()
                subscription = await self._subscribed(session, namespace)
                try:
                    self.notify(key)
                    while key in self.keys() and not session.lost.done():
                        await asyncio.wait((session.lost,), timeout=_POLL)
                        self.notify(key)
                finally:
                    with suppress(PrismError, errors.Error, OSError):
                        await session.do(subscription.unsubscribe())
                continue
            self.notify(key)
            await asyncio.sleep(_POLL)
        del self._telling[namespace]

    async def _subscribed(self, session: NatsSession, namespace: str) -> Subscription:
        key, stream = (namespace, NO_TOPIC), self._stream(namespace)

        async def hear(_: Msg) -> None:
            self.notify(key)

        inbox = session.client.new_inbox()
        subscription: Subscription = await session.do(session.client.subscribe(inbox, cb=hear))
        wanted = {
            "deliver_subject": inbox,
            "deliver_policy": "new",
            "ack_policy": "none",
            "headers_only": True,
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": int(_IDLE * 1e9),
        }
        try:
            await self._jetstream.ask(f"CONSUMER.CREATE.{stream}", {"stream_name": stream, "config": wanted})
        except BaseException:
            session.spawn(subscription.unsubscribe())
            raise
        return subscription

    async def stop(self) -> None:
        """Listens no more."""
        listening = tuple(self._telling.values())
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)


def _place(number: int) -> bytes:
    return number.to_bytes(_PLACE, "big")


def _number(place: bytes) -> int:
    return int.from_bytes(place, "big")


def _logged(each: Stored, root: str) -> Logged:
    ours = nats_headers.OURS in each.headers
    attributes = nats_headers.attributes(each.headers) if ours else nats_headers.foreign(each.headers)
    message_id = each.headers.get(nats_headers.OURS, "").partition(" ")[0] or f"nats-{each.seq}"
    return Logged(_place(each.seq), topic(each.subject, root), each.payload, attributes, message_id, each.stored_at)
