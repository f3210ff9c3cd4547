"""One namespace's queues in this gateway: what it knows of topics and groups, and what its consumers have."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from prism.backends.nats.jetstream.api import JetStream
from prism.backends.nats.jetstream.names import QueueNames
from prism.backends.nats.jetstream.pulls import Pulls
from prism.backends.nats.jetstream.refusals import ApiError, JetStreamMissingError
from prism.backends.nats.jetstream.single_flight import SingleFlight
from prism.backends.nats.queue.catalogue import Catalogue, Group, margin
from prism.backends.nats.queue.dead import Dead, letter
from prism.backends.nats.queue.fetching import Fetching
from prism.backends.nats.queue.held import Held
from prism.backends.nats.queue.incoming import Incoming
from prism.backends.nats.queue.instances import ANSWER, Instances
from prism.backends.nats.queue.leases import Delivered
from prism.backends.nats.queue.messages import Stored
from prism.backends.nats.queue.publishing import Publishing
from prism.backends.nats.queue.state import Counted, Record, State, kept
from prism.backends.nats.session import NatsSession
from prism.errors import GroupNotFound, PrismError, TopicNotFound
from prism.sdk.queue.rows import DeadLetter
from prism.sdk.wakeups import Wakeups

log = logging.getLogger(__name__)

_ASKED_AGAIN: Final = 20
KNOWN: Final = 2.0
"""Seconds after which what is known of a group is asked again, should no one have told of a change."""
TERM: Final = b"+TERM"
PASSED: Final = "its deadline passed"


@dataclass(slots=True)
class Member:
    """A group as this gateway serves it."""

    group: Group
    fetching: Fetching
    held: Held
    asked_at: float
    session: NatsSession | None = None


class Space:
    """One namespace's queues.

    Args:
        jetstream, pulls: of the connection.
        prefix: of all subjects.
        namespace: whose.
        replicas: how many servers keep what is stored.
        window: seconds that idempotency keys are remembered.
        timeout: seconds in which JetStream must answer.
        wakeups: of all who wait in this gateway.
    """

    def __init__(
        self, jetstream: JetStream, pulls: Pulls, prefix: str, namespace: str, replicas: int, window: float,
        timeout: float, wakeups: Wakeups,
    ) -> None:  # fmt: skip
        self.names = QueueNames(prefix, namespace)
        self.jetstream = jetstream
        self.pulls = pulls
        self.state = State(jetstream, self.names, replicas)
        self.catalogue = Catalogue(jetstream, self.names, replicas, window)
        self.dead = Dead(jetstream, pulls, self.names, replicas, timeout)
        self.publishing = Publishing(jetstream, self.names, self.catalogue)
        self.instances = Instances(jetstream, self.names, self.state, self.changed, self.flying, self.done, self.learn)
        self._namespace = namespace
        self._wakeups = wakeups
        self._members: dict[tuple[str, str], Member] = {}
        self._changes: dict[str, int] = {}
        self._asking: SingleFlight[Member] = SingleFlight()
        self._remembering: SingleFlight[None] = SingleFlight()

    def changed(self, topic: str) -> None:
        """A topic or a group of it was changed, moved or removed."""
        self.publishing.forget(topic)
        self._changes[topic] = self._changes.get(topic, 0) + 1
        for (name, _), member in self._members.items():
            if name == topic:
                member.asked_at = 0.0
        self._wakeups.notify((self._namespace, topic))

    def flying(self, topic: str, group: str) -> list[Any]:
        """What consumers of this gateway have of a group, and what is delayed (attempt 0)."""
        member = self._members.get((topic, group))
        return [] if member is None else member.held.known()

    async def member(self, topic: str, group: str, *, fresh: bool = False) -> Member:
        """A group; asked of JetStream where that was long ago.

        Raises:
            TopicNotFound, GroupNotFound: there is none.
        """
        known = self._members.get((topic, group))
        if known is not None and not fresh and time.monotonic() - known.asked_at < KNOWN:
            return known
        if fresh:  # an answer that is under way may be older than what the caller has just done
            return await self._asked(topic, group)
        return await self._asking.do((topic, group), lambda: self._asked(topic, group))

    async def _asked(self, topic: str, group: str) -> Member:
        key = topic, group
        await self.instances.join()
        known, asked_at, changes = self._members.get(key), time.monotonic(), self._changes.get(topic, 0)
        try:
            found = await self.catalogue.group(topic, group)
        except (TopicNotFound, GroupNotFound):
            if known is not None and self._members.get(key) is known:
                del self._members[key]
                await known.fetching.stop()
            raise
        if self._changes.get(topic, 0) != changes:
            asked_at = 0.0  # this may be what was before
        known = self._members.get(key)
        if known is not None and known.group.consumer == found.consumer:
            known.group = known.fetching.group = found
            known.asked_at = asked_at
            return known
        fetching = Fetching(self.pulls, self._wakeups, (self._namespace, topic), found, self.release)
        member = self._members[key] = Member(found, fetching, Held(), asked_at)
        if known is not None:
            await known.fetching.stop()  # its durable is gone, and what came from it with it
        return member

    async def remember(self, member: Member) -> None:
        """Learns from other gateways what their consumers have acknowledged, where a server may have been killed.

        A server that alone keeps a stream writes down what is acknowledged ten times a second; killed, it delivers
        again what gateways know to be done.
        """
        session = await self.jetstream.session()
        if member.session is not session:
            await self._remembering.do(id(member), lambda: self._remembered(member, session))

    async def _remembered(self, member: Member, session: NatsSession) -> None:
        group = member.group
        for _ in range(1 if member.session is None else _ASKED_AGAIN):
            answers, all_of_them = await self.instances.done(group.topic, group.name)
            member.held.done(answers)
            if all_of_them:
                break
            await asyncio.sleep(ANSWER)
        member.session = session

    def done(self, topic: str, group: str) -> list[int]:
        """What consumers of this gateway have lately acknowledged."""
        member = self._members.get((topic, group))
        return [] if member is None else member.held.recent()

    def learn(self, topic: str, group: str, numbers: list[int]) -> None:
        """A group is done with messages."""
        if (member := self._members.get((topic, group))) is not None:
            member.held.done(numbers)

    async def release(self, group: Group, came: Incoming) -> None:
        """Gives back what came and no consumer takes: at once, and no attempt counts."""
        before = await self.state.record(group.topic, group.name, came.stored.seq) if came.delivery > 1 else None
        uncounted = before.uncounted if before else 0
        attempt, most = came.delivery - uncounted, group.config.max_attempts
        subject = f"$JS.ACK.{group.stream}.{group.consumer}.{came.delivery}.{came.stored.seq}.{came.place}.0.0"
        if most and attempt > most:
            await self.bury(group, came.stored, attempt - 1, (before and before.reason) or PASSED)
            await self.jetstream.confirm([(subject, TERM)])
            return
        await self.note(group, came.stored.seq, Record(came.delivery, over=True, uncounted=uncounted + 1))
        await self.jetstream.confirm([(subject, b"-NAK")])

    async def note(self, group: Group, seq: int, record: Record) -> None:
        """Writes what became of a delivery."""
        longest = group.config.ack_deadline + group.config.max_lease
        await self.state.note(group.topic, group.name, seq, record, kept(group.retention, longest))

    async def bury(self, group: Group, message: Stored, attempts: int, reason: str) -> None:
        """A message is dead: kept so, moved, or dropped; then JetStream may forget it."""
        config = group.config
        if config.dead_letter is DeadLetter.KEEP:
            await self.dead.bury(group, message, attempts, reason)
            return
        if config.dead_letter is DeadLetter.TOPIC:
            await self.publishing.one(letter(group, message, attempts, reason), create=True)
        await self.count(group, lambda before: replace(before, dead_removed=before.dead_removed + 1))

    async def count(self, group: Group, change: Callable[[Counted], Counted]) -> None:
        """Counts something of a group."""
        await self.state.count(group.topic, group.name, change)

    async def stop(self) -> None:
        """Ends; what has come for no one is given back."""
        try:
            for member in [*self._members.values()]:
                for came in await member.fetching.stop():
                    await self._given_back(member.group, came)
        finally:
            await self.instances.stop()

    async def _given_back(self, group: Group, came: Incoming) -> None:
        try:
            await self.release(group, came)
        except (PrismError, ApiError, JetStreamMissingError) as error:
            log.info("a message of group %r of %r comes again after its deadline: %s", group.name, group.topic, error)


def until(group: Group, delivered: Delivered, milliseconds: int) -> tuple[str, bytes]:
    """What JetStream is told for a delivery to end in so many milliseconds: whose message it is, it then forgets."""
    delay = max(milliseconds, 1) * 1_000_000
    return delivered.subject(group.stream, group.consumer), b'-NAK {"delay": %d}' % delay


def beyond(group: Group) -> int:
    """Milliseconds by which JetStream's deadlines come later."""
    return margin(group.config.ack_deadline) // 1000
