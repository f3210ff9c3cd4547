"""Messages on their way into a topic's stream: one alone, later by a schedule, or several as one atomic batch."""

import asyncio
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final

from nats import errors

from prism.backends.nats.errors import translate
from prism.backends.nats.jetstream.api import JetStream
from prism.backends.nats.jetstream.names import QueueNames
from prism.backends.nats.jetstream.refusals import (
    MESSAGE_MISSING,
    STREAM_MISSING,
    ApiError,
    JetStreamMissingError,
)
from prism.backends.nats.jetstream.single_flight import SingleFlight
from prism.backends.nats.queue.catalogue import Catalogue, missing_topic
from prism.backends.nats.queue.incoming import from_answer
from prism.backends.nats.queue.messages import (
    FINGERPRINT,
    MESSAGE_ID,
    TTL,
    Stored,
    keep_for,
    message_id,
    numbered,
    written,
)
from prism.errors import AlreadyExists, Outcome
from prism.interfaces.capabilities import undeclared
from prism.sdk import MessageIds
from prism.sdk.queue.calls import Outgoing, Published
from prism.sdk.queue.rows import TopicConfig

_EXPECTED: Final = "Nats-Expected-Last-Msg-Id"
_WRONG_ID: Final = 10070


class Publishing:
    """Publishes for one namespace.

    Args:
        jetstream, names, catalogue: of the namespace.
    """

    def __init__(self, jetstream: JetStream, names: QueueNames, catalogue: Catalogue) -> None:
        self._jetstream = jetstream
        self._names = names
        self._catalogue = catalogue
        self._ids = MessageIds()
        self._retentions: dict[str, int] = {}
        self._making: SingleFlight[object] = SingleFlight()

    def forget(self, topic: str) -> None:
        """A topic has changed."""
        self._retentions.pop(topic, None)

    async def publish(self, messages: Sequence[Outgoing], *, create: bool) -> list[Published]:
        """All of the messages or none.

        Raises:
            Unimplemented: they are of several topics, or some are delayed.
        """
        if len(messages) == 1:
            return [await self.one(messages[0], create=create)]
        return await self._batch(messages, create=create)

    async def one(self, message: Outgoing, *, create: bool) -> Published:
        """One message."""
        subject, headers, base = await self._prepared(message, create=create)
        for again in (False, True):
            try:
                stored = await self._jetstream.publish(subject, message.payload, headers)
                break
            except JetStreamMissingError:
                if again:
                    raise
                await self._make(message.topic, create=create)
        if stored.get("duplicate"):
            return await self._repeated(message, base, int(stored["seq"]))
        return Published(self._id(message, base, int(stored["seq"])))

    def _id(self, message: Outgoing, base: str, seq: int) -> str:
        if message.message_id:
            return message.message_id
        return base if self._due(message) else numbered(base, seq)

    async def _make(self, topic: str, *, create: bool) -> None:
        if not create:
            raise missing_topic(topic)
        await self._making.do(topic, lambda: self._catalogue.create_topic(topic, TopicConfig()))

    @staticmethod
    def _due(message: Outgoing) -> int:
        """When a message is due, in microseconds; 0 for at once."""
        at = time.time_ns() // 1000
        due = message.deliver_at or (at + message.delay if message.delay else 0)
        return due if due > at else 0

    async def _prepared(self, message: Outgoing, *, create: bool) -> tuple[str, dict[str, str], str]:
        """Subject and headers of a message, and what its id begins with."""
        base = self._ids.next()
        key = message.idempotency_key
        if key:
            digest = blake2b(json.dumps([message.topic, key, message.fingerprint.hex()]).encode(), digest_size=16)
            base = digest.hexdigest()
        headers = written(message, base)
        if key:
            headers[MESSAGE_ID] = blake2b(key.encode(), digest_size=24).hexdigest()
        due = self._due(message)
        if message.ttl:
            retention = await self._retention(message.topic, create=create)
            at = due or time.time_ns() // 1000
            keep_for(headers, at, message.ttl, retention, "Nats-Schedule-TTL" if due else TTL)
        if not due:
            return self._names.topic(message.topic), headers, base
        when = datetime.fromtimestamp(due // 1_000_000, UTC).replace(microsecond=due % 1_000_000)
        headers["Nats-Schedule"] = f"@at {when.isoformat().replace('+00:00', 'Z')}"
        headers["Nats-Schedule-Target"] = self._names.topic(message.topic)
        headers[TTL] = "never"  # retention runs from when it is due; what is published then has none of this
        return self._names.delayed(message.topic, base), headers, base

    async def _retention(self, topic: str, *, create: bool) -> int:
        if topic not in self._retentions:
            if create:
                await self._make(topic, create=True)
            config, _ = await self._catalogue.topic(topic)
            self._retentions[topic] = config.retention
        return self._retentions[topic]

    async def _repeated(self, message: Outgoing, base: str, seq: int) -> Published:
        """What was published under this key; where it is not kept any more, it is taken for the same."""
        found = await self.stored(message.topic, seq)
        if found is None:
            return Published(self._id(message, base, seq), duplicate=True)
        if message.fingerprint and found.headers.get(FINGERPRINT, "") != message.fingerprint.hex():
            raise used_for_something_else()
        return Published(message_id(found) if not self._due(message) else base, duplicate=True)

    async def stored(self, topic: str, seq: int) -> Stored | None:
        """A message by its number; None where it is not kept."""
        stream = self._names.stream(topic)
        try:
            answer = await self._jetstream.ask(f"STREAM.MSG.GET.{stream}", {"seq": seq}, reads=True)
        except ApiError as error:
            if error.number in (MESSAGE_MISSING, STREAM_MISSING):
                return None
            raise
        return from_answer(answer["message"])

    async def _batch(self, messages: Sequence[Outgoing], *, create: bool) -> list[Published]:
        topics = {each.topic for each in messages}
        if len(topics) > 1:
            raise undeclared("atomic_commit", "an atomic batch for more than one topic")
        if any(self._due(each) for each in messages):
            raise undeclared("atomic_commit", "an atomic batch with a delayed message")
        (topic,) = topics
        found: list[Published | None] = [None] * len(messages)
        first: dict[str, int] = {}
        for index, each in enumerate(messages):
            key = each.idempotency_key
            if key and messages[first.setdefault(key, index)].fingerprint != each.fingerprint:
                raise used_for_something_else()
        for index in first.values():
            found[index] = await self._known(messages[index])
        fresh = [
            index for index, each in enumerate(messages)
            if found[index] is None and first.get(each.idempotency_key, index) == index
        ]  # fmt: skip
        bases = await self._sent_batch(topic, [messages[index] for index in fresh], create=create) if fresh else []
        for index, published in zip(fresh, bases, strict=True):
            found[index] = published
        results = []
        for index, each in enumerate(messages):
            made = found[index]
            if made is None:
                same = found[first[each.idempotency_key]]
                assert same is not None, "the first one of a key was published"  # noqa: S101  # a defect, not an input
                made = Published(same.message_id, duplicate=True)
            results.append(made)
        return results

    async def _known(self, message: Outgoing) -> Published | None:
        """What was published under a key before; None where nothing was: JetStream looks for it first, then refuses."""
        subject, headers, base = await self._prepared(message, create=True)
        try:
            stored = await self._jetstream.publish(subject, b"", headers | {_EXPECTED: secrets.token_hex(16)})
        except (JetStreamMissingError, ApiError) as error:
            if isinstance(error, ApiError) and error.number != _WRONG_ID:
                raise
            return None
        return await self._repeated(message, base, int(stored["seq"]))

    async def _sent_batch(self, topic: str, messages: Sequence[Outgoing], *, create: bool) -> list[Published]:
        prepared = [await self._prepared(each, create=create) for each in messages]
        for again in (False, True):
            try:
                last = await self._commit_batch(messages, prepared)
                break
            except JetStreamMissingError:
                if again:
                    raise
                await self._make(topic, create=create)
        begin = int(last["seq"]) - len(messages) + 1
        return [
            Published(self._id(each, base, begin + index))
            for index, (each, (_, _, base)) in enumerate(zip(messages, prepared, strict=True))
        ]

    async def _commit_batch(
        self, messages: Sequence[Outgoing], prepared: Sequence[tuple[str, dict[str, str], str]]
    ) -> Mapping[str, Any]:
        batch = secrets.token_hex(16)
        session = await self._jetstream.session()
        for number, (each, (subject, headers, _)) in enumerate(zip(messages, prepared, strict=True), 1):
            numbered_headers = headers | {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
            if number == len(messages):
                numbered_headers["Nats-Batch-Commit"] = "1"
                return await self._jetstream.publish(subject, each.payload, numbered_headers)
            try:
                await session.do(session.client.publish(subject, each.payload, headers=numbered_headers))
            except (errors.Error, OSError) as error:
                raise translate(error, Outcome.NOT_APPLIED) from error
        raise AssertionError("a batch has messages")

    async def cancel(self, topic: str, message_ids: Sequence[str]) -> list[str]:
        """Takes messages back; those that were there."""
        await self._catalogue.topic(topic)
        done = await asyncio.gather(*(self._cancelled(topic, each) for each in message_ids))
        return [each for each, was in zip(message_ids, done, strict=True) if was]

    async def _cancelled(self, topic: str, wanted: str) -> bool:
        stream = self._names.stream(topic)
        base, _, number = wanted.rpartition("-")
        if base and number.isdecimal():
            found = await self.stored(topic, int(number))
            if found is None or message_id(found) != wanted:
                return False
            try:
                await self._jetstream.ask(f"STREAM.MSG.DELETE.{stream}", {"seq": found.seq, "no_erase": True})
            except ApiError as error:
                if error.number in (MESSAGE_MISSING, STREAM_MISSING):
                    return False
                raise
            return True
        if not wanted.isalnum():
            return False
        answer = await self._jetstream.ask(f"STREAM.PURGE.{stream}", {"filter": self._names.delayed(topic, wanted)})
        return bool(answer.get("purged"))


def used_for_something_else() -> AlreadyExists:
    """An idempotency key comes again with another message."""
    return AlreadyExists("the idempotency_key was used for something else; use another key")
