"""The dead of a topic's groups, in a stream of their own: kept beyond the topic's retention, by group and number.

A message becomes dead in two steps: it is stored as dead, then JetStream is told that its group is done with it.
Between them it is in both places; who does the first step again finds it done.
"""

import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import quote, unquote

from prism.backends.nats.headers import OURS
from prism.backends.nats.jetstream.api import JetStream
from prism.backends.nats.jetstream.names import QueueNames
from prism.backends.nats.jetstream.pulls import Pulls
from prism.backends.nats.jetstream.refusals import (
    MESSAGE_MISSING,
    STREAM_EXISTS,
    STREAM_MISSING,
    WRONG_SEQUENCE,
    ApiError,
    JetStreamMissingError,
)
from prism.backends.nats.jetstream.single_flight import SingleFlight
from prism.backends.nats.queue.catalogue import Group
from prism.backends.nats.queue.incoming import stored
from prism.backends.nats.queue.messages import MESSAGE_ID, MICROS, TTL, Stored, message_id, read
from prism.sdk.queue.calls import Outgoing, Peeked
from prism.sdk.queue.rows import Entry, State

_REASON, _ATTEMPTS, _AT, _FIXED = "Prism-Dead-Reason", "Prism-Dead-Attempts", "Prism-Dead-At", "Prism-Fixed-Id"
_PAGE: Final = 100
_ONLY: Final = "Nats-Expected-Last-Subject-Sequence"


class Dead:
    """The dead of one namespace.

    Args:
        jetstream, pulls, names: of the namespace.
        replicas: how many servers keep them.
        timeout: seconds in which JetStream must answer.
    """

    def __init__(self, jetstream: JetStream, pulls: Pulls, names: QueueNames, replicas: int, timeout: float) -> None:
        self._jetstream = jetstream
        self._pulls = pulls
        self._names = names
        self._replicas = replicas
        self._timeout = timeout
        self._making: SingleFlight[None] = SingleFlight()

    async def bury(self, group: Group, message: Stored, attempts: int, reason: str) -> None:
        """Stores a message as dead; does nothing where it is."""
        headers = {name: value for name, value in message.headers.items() if not name.startswith("Nats-")}
        _, _, published = headers.get(OURS, "").partition(" ")
        headers |= {
            OURS: f"{message_id(message)} {published or message.stored_at}",
            _FIXED: "1",
            _REASON: quote(reason),
            _ATTEMPTS: str(attempts),
            _AT: str(time.time_ns() // 1000),
            _ONLY: "0",
            TTL: f"{max(group.config.dead_retention // MICROS, 1)}s",
        }
        subject = self._names.dead(group.topic, group.name, message.seq)
        try:
            try:
                await self._jetstream.publish(subject, message.payload, headers)
            except JetStreamMissingError:
                await self._making.do(group.topic, lambda: self._create(group.topic))
                await self._jetstream.publish(subject, message.payload, headers)
        except ApiError as error:
            if error.number not in WRONG_SEQUENCE:
                raise

    async def _create(self, topic: str) -> None:
        stream = self._names.dead_stream(topic)
        wanted = {
            "name": stream,
            "subjects": [f"{self._names.dead(topic, '*')}"],
            "num_replicas": self._replicas,
            "storage": "file",
            "retention": "limits",
            "allow_msg_ttl": True,
            "allow_direct": True,
            "metadata": {"prism-dead-of": topic},
        }
        try:
            await self._jetstream.ask(f"STREAM.CREATE.{stream}", wanted)
        except ApiError as error:
            if error.number != STREAM_EXISTS:
                raise

    async def has(self, group: Group, seq: int) -> bool:
        """Whether a message of the topic is dead in a group."""
        asked = {"last_by_subj": self._names.dead(group.topic, group.name, seq)}
        stream = self._names.dead_stream(group.topic)
        try:
            await self._jetstream.ask(f"STREAM.MSG.GET.{stream}", asked, reads=True)
        except ApiError as error:
            if error.number in (MESSAGE_MISSING, STREAM_MISSING):
                return False
            raise
        return True

    async def numbers(self, topic: str, group: str) -> list[int]:
        """The numbers that the dead of a group have in the topic."""
        asked = {"subjects_filter": self._names.dead(topic, group)}
        stream = self._names.dead_stream(topic)
        try:
            info = await self._jetstream.ask(f"STREAM.INFO.{stream}", asked, reads=True)
        except ApiError as error:
            if error.number == STREAM_MISSING:
                return []
            raise
        return [int(each.rpartition(".")[2]) for each in info["state"].get("subjects") or {}]

    async def listed(self, group: Group, after: int, limit: int) -> list[Stored]:
        """The dead of a group behind a number of their own, the longest dead first."""
        if not await self.numbers(group.topic, group.name):
            return []
        stream, subject = self._names.dead_stream(group.topic), self._names.dead(group.topic, group.name)
        found = await self._pulls.read(stream, subject, after + 1, limit, self._timeout)
        return [stored(each) for each in found]

    async def chosen(self, group: Group, message_ids: Sequence[str], limit: int) -> AsyncIterator[Stored]:
        """Those of these ids, or as many as `limit`."""
        after, left = 0, len(message_ids) or limit
        wanted = set(message_ids)
        while left > 0 and (page := await self.listed(group, after, _PAGE)):
            for each in page:
                after = each.seq
                if left > 0 and (not wanted or message_id(each) in wanted):
                    left -= 1
                    yield each

    async def redrive(self, group: Group, message: Stored) -> None:
        """Publishes one for its group alone; then it is dead no more."""
        headers = {name: value for name, value in message.headers.items() if name not in _NOT_REDRIVEN}
        headers[MESSAGE_ID] = f"redriven {group.name} {message.seq}".encode().hex()
        await self._jetstream.publish(self._names.redriven(group.topic, group.name), message.payload, headers)
        await self.remove(group, message)

    async def remove(self, group: Group, message: Stored) -> None:
        """Removes one."""
        stream = self._names.dead_stream(group.topic)
        try:
            await self._jetstream.ask(f"STREAM.MSG.DELETE.{stream}", {"seq": message.seq, "no_erase": True})
        except ApiError as error:
            if error.number not in (MESSAGE_MISSING, STREAM_MISSING):
                raise

    async def forget(self, topic: str, group: str) -> None:
        """Removes all of a group."""
        stream = self._names.dead_stream(topic)
        try:
            await self._jetstream.ask(f"STREAM.PURGE.{stream}", {"filter": self._names.dead(topic, group)})
        except ApiError as error:
            if error.number != STREAM_MISSING:
                raise


_NOT_REDRIVEN: Final = frozenset({
    _REASON, _ATTEMPTS, _AT, _ONLY, TTL, "Prism-Expires", "Nats-Stream", "Nats-Subject", "Nats-Sequence",
    "Nats-Time-Stamp", "Nats-Last-Sequence", "Nats-Num-Pending",
})  # fmt: skip


def letter(group: Group, message: Stored, attempts: int, reason: str) -> Outgoing:
    """A dead message as one for another topic, under its id."""
    found = read(message)
    noted = {
        "prism-dead-topic": group.topic,
        "prism-dead-group": group.name,
        "prism-dead-reason": reason,
        "prism-dead-attempts": str(attempts),
        "prism-dead-published-at": str(found.published_at),
        "prism-dead-at": str(time.time_ns() // 1000),
    }
    return Outgoing(
        group.config.dead_letter_topic, found.payload, {**found.attributes, **noted}, traceparent=found.traceparent,
        idempotency_key=json.dumps(["dead", group.topic, group.name, group.epoch, message.seq]),
        message_id=found.message_id, size=found.size,
    )  # fmt: skip


def peeked(message: Stored) -> Peeked:
    """A dead message as Peek shows it."""
    headers = message.headers
    attempts, at = int(headers.get(_ATTEMPTS, 0)), int(headers.get(_AT, message.stored_at))
    entry = Entry(0, message.seq, at, 0, State.DEAD, failed=attempts, reason=unquote(headers.get(_REASON, "")))
    published = headers.get(OURS, "").partition(" ")[2]
    shown = read(message)
    return Peeked(entry, replace(shown, published_at=int(published) if published.isdecimal() else shown.published_at))
