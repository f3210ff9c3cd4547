"""The rules of Queue, in terms of `Rows`: every method is one transaction of a store, and may be run in any of them.

Nothing here waits. A refusal (a PrismError) is raised before anything is changed, so that it needs no rollback. The
numbers in comments are those of the rules in docs/contract.md, "Queue".
"""

import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from prism.errors import AlreadyExists, GroupNotFound, Outcome, ReceiptLost, StoreFull, TopicNotFound
from prism.sdk.queue.calls import (
    Claim,
    Created,
    Delivery,
    Lease,
    Outgoing,
    Peeked,
    Published,
    Resumed,
    Settlement,
    Start,
    Verb,
    Want,
)
from prism.sdk.queue.rows import (
    DeadLetter,
    Entry,
    Group,
    GroupConfig,
    Message,
    Remembered,
    Rows,
    State,
    Tally,
    Topic,
    TopicConfig,
)

BATCH = 1000
"""Entries that one transaction tidies up at most."""
JITTER = 0.1
_AGAIN = 60_000_000
"""Microseconds after which a message that is kept for the dead of a group is looked at again."""


class QueueEngine:
    """The rules.

    Args:
        new_id: gives the ids of messages.
        idempotency_window: microseconds that an idempotency key is remembered.
        max_unsettled: most messages of a group in flight.
    """

    def __init__(self, new_id: Callable[[], str], idempotency_window: int, max_unsettled: int) -> None:
        self.new_id = new_id
        self.idempotency_window = idempotency_window
        self.max_unsettled = max_unsettled

    # Topics and groups.

    def topic(self, rows: Rows, namespace: str, name: str) -> Topic:
        """A topic that must exist."""
        topic = rows.topic(namespace, name)
        if topic is None:
            raise TopicNotFound(f"topic {name!r} does not exist; create it with CreateTopic")
        return topic

    def group(self, rows: Rows, namespace: str, topic: str, name: str) -> tuple[Topic, Group]:
        """A group that must exist, and its topic."""
        found = self.topic(rows, namespace, topic)
        group = rows.group(found.number, name)
        if group is None:
            raise GroupNotFound(f"topic {topic!r} has no group {name!r}; create it with CreateGroup")
        return found, group

    def ensure_topic(
        self, rows: Rows, namespace: str, name: str, config: TopicConfig | None = None, *, create: bool = True
    ) -> tuple[Topic, bool]:
        """A topic, made where it does not exist, and whether it was."""
        topic = rows.topic(namespace, name)
        if topic is not None:
            return topic, False
        if not create:
            raise TopicNotFound(f"topic {name!r} does not exist, and topics of this namespace do not make themselves")
        topic = Topic(namespace, name, config or TopicConfig())
        rows.put_topic(topic)
        return topic, True

    def create_topic(self, rows: Rows, namespace: str, name: str, config: TopicConfig) -> Created[TopicConfig]:
        """A topic of this configuration."""
        topic, created = self.ensure_topic(rows, namespace, name, config)
        if topic.config != config:
            raise AlreadyExists(f"topic {name!r} exists with another configuration; change it with UpdateTopic")
        return Created(topic.config, created)

    def update_topic(
        self, rows: Rows, namespace: str, name: str, change: Callable[[TopicConfig], TopicConfig]
    ) -> TopicConfig:
        """Changes a topic; another retention is that of the messages that are there too."""
        topic = self.topic(rows, namespace, name)
        before, topic.config = topic.config, change(topic.config)
        rows.put_topic(topic)
        if topic.config.retention != before.retention:
            self._set_retention(rows, topic)
        return topic.config

    def _set_retention(self, rows: Rows, topic: Topic) -> None:
        after = 0
        while batch := rows.messages(topic.number, after, BATCH):
            for message in batch:
                after = message.seq
                message.expires_at = _expiry(message.due_at, message.ttl, topic.config)
                rows.put_message(message)
                for entry in rows.entries(message.seq):
                    entry.expires_at = message.expires_at
                    rows.put_entry(entry)

    def delete_topic(self, rows: Rows, namespace: str, name: str) -> bool:
        """Removes a topic; whether there was one."""
        topic = rows.topic(namespace, name)
        if topic is None:
            return False
        rows.remove_topic(topic)
        return True

    def create_group(
        self, rows: Rows, now: int, namespace: str, topic: str, name: str, start: Start, config: GroupConfig | None,
        *, create: bool = True, same: bool = False,
    ) -> Created[GroupConfig]:  # fmt: skip
        """A group, made where it does not exist (12: `start` counts then only); `same` where it must have `config`."""
        found, _ = self.ensure_topic(rows, namespace, topic, create=create)
        group = rows.group(found.number, name)
        if group is not None:
            if same and group.config != (config or GroupConfig()):
                raise AlreadyExists(f"group {name!r} exists with another configuration; change it with UpdateGroup")
            return Created(group.config, created=False)
        if not create:
            raise GroupNotFound(f"topic {topic!r} has no group {name!r}, and groups of this namespace do not make "
                                "themselves")  # fmt: skip
        group = Group(found.number, name, config or GroupConfig(), used_at=now)
        rows.put_group(group)
        self._offer_from(rows, now, found, group, start)
        return Created(group.config, created=True)

    def update_group(
        self, rows: Rows, namespace: str, topic: str, name: str, change: Callable[[GroupConfig], GroupConfig]
    ) -> GroupConfig:
        """Changes a group; leases keep their deadline."""
        _, group = self.group(rows, namespace, topic, name)
        group.config = change(group.config)
        rows.put_group(group)
        return group.config

    def delete_group(self, rows: Rows, namespace: str, topic: str, name: str) -> bool:
        """Removes a group; whether there was one."""
        found = rows.topic(namespace, topic)
        group = None if found is None else rows.group(found.number, name)
        if group is None:
            return False
        rows.remove_group(group)
        return True

    # Publishing.

    def publish(
        self, rows: Rows, now: int, namespace: str, messages: Sequence[Outgoing], *, create: bool = True
    ) -> list[Published]:
        """Publishes all of the messages."""
        self._check(rows, now, namespace, messages, create=create)
        return [self._publish(rows, now, namespace, each, create=create) for each in messages]

    def _check(self, rows: Rows, now: int, namespace: str, messages: Sequence[Outgoing], *, create: bool) -> None:
        room: dict[str, int] = {}
        for each in messages:
            if each.idempotency_key and self._repeated(rows, now, namespace, each.idempotency_key, each.fingerprint):
                continue
            topic = rows.topic(namespace, each.topic)
            if topic is None:
                if not create:
                    self.ensure_topic(rows, namespace, each.topic, create=False)
                continue
            config = topic.config
            if config.max_bytes and config.until_acknowledged:
                used = room.get(each.topic, 0) or rows.usage(topic.number)[1]
                room[each.topic] = used + each.size
                if used + each.size > config.max_bytes:
                    raise StoreFull(
                        f"topic {each.topic!r} holds {used} bytes of at most {config.max_bytes}; acknowledge some, or "
                        "raise max_bytes",
                        outcome=Outcome.NOT_APPLIED,
                    )

    def _repeated(self, rows: Rows, now: int, namespace: str, key: str, fingerprint: bytes) -> Sequence[str] | None:
        remembered = rows.recall(namespace, key, now)  # 14
        if remembered is None:
            return None
        if remembered.fingerprint != fingerprint:
            raise AlreadyExists("the idempotency_key was used for something else; use another key")
        return remembered.message_ids

    def _publish(self, rows: Rows, now: int, namespace: str, each: Outgoing, *, create: bool) -> Published:
        if each.idempotency_key and (
            ids := self._repeated(rows, now, namespace, each.idempotency_key, each.fingerprint)
        ):
            return Published(ids[0], duplicate=True)
        topic, _ = self.ensure_topic(rows, namespace, each.topic, create=create)
        due = max(now, each.deliver_at or now + each.delay)
        message = Message(
            topic.number, each.message_id or self.new_id(), each.payload, each.attributes, each.ordering_key, now, due,
            each.ttl, _expiry(due, each.ttl, topic.config), each.traceparent, each.size,
        )  # fmt: skip
        self._make_room(rows, topic, message.size)
        rows.add_message(message)
        for group in rows.groups(topic.number):
            self._offer(rows, group, message)
            rows.put_group(group)
        if each.idempotency_key:
            kept = Remembered(each.fingerprint, (message.message_id,))
            rows.remember(namespace, each.idempotency_key, now + self.idempotency_window, kept)
        return Published(message.message_id)

    def _make_room(self, rows: Rows, topic: Topic, size: int) -> None:
        """13: at `max_bytes` the oldest expire; what is kept until it is acknowledged never does for others.

        Such a topic refuses publishers (`_check`); a dead letter, refused to no one, comes beyond it.
        """
        if not topic.config.max_bytes or topic.config.until_acknowledged:
            return
        after, (count, used) = 0, rows.usage(topic.number)
        while count and used + size > topic.config.max_bytes:
            for message in rows.messages(topic.number, after, 1):
                after, used = message.seq, used - message.size
                self._remove(rows, topic, message, lambda _entry: False)
            count -= 1

    def _offer(self, rows: Rows, group: Group, message: Message) -> None:
        key = message.ordering_key
        blocked = bool(key) and rows.head(group.number, key) is not None  # 8
        rows.put_entry(Entry(group.number, message.seq, message.due_at, message.expires_at, key=key, blocked=blocked))
        group.offered += 1

    def _offer_from(self, rows: Rows, now: int, topic: Topic, group: Group, start: Start) -> int:
        """Offers a group what was published from a place on, and it has not as dead."""
        count, after = 0, 0
        while not start.latest and (batch := rows.messages(topic.number, after, BATCH)):
            for message in batch:
                after = message.seq
                kept = not message.gone and message.published_at >= start.time and message.expires_at > now
                if kept and rows.entry(group.number, message.seq) is None:
                    self._offer(rows, group, message)
                    count += 1
        rows.put_group(group)
        return count

    def cancel(self, rows: Rows, namespace: str, topic: str, message_ids: Sequence[str]) -> list[str]:
        """Takes messages back; those that some group will not get."""
        found = self.topic(rows, namespace, topic)
        cancelled = []
        for message_id in message_ids:
            for message in rows.find(found.number, message_id):
                taken = not message.gone
                for entry in rows.entries(message.seq):
                    if entry.state is State.WAITING:
                        self._leave(rows, found, entry)
                    else:
                        taken = False
                if taken:
                    rows.remove_message(message.seq)
                else:
                    message.gone = True
                    rows.put_message(message)
                cancelled.append(message_id)
        return list(dict.fromkeys(cancelled))

    def _leave(self, rows: Rows, topic: Topic, entry: Entry) -> None:
        """A message that was taken back was never offered."""
        group = next(each for each in rows.groups(topic.number) if each.number == entry.group)
        group.offered -= 1
        rows.put_group(group)
        rows.remove_entry(entry.group, entry.seq)
        self._unblock(rows, entry)

    # Deliveries.

    def ready(self, rows: Rows, now: int, namespace: str, topic: str, name: str) -> Claim:
        """What a claim would find, without one: `more` where there is something to do."""
        _, group = self.group(rows, namespace, topic, name)
        return self._outlook(rows, now, group, [])

    def claim(self, rows: Rows, now: int, namespace: str, topic: str, name: str, want: Want) -> Claim:
        """Leases messages that are due, the longest due first (15)."""
        found, group = self.group(rows, namespace, topic, name)
        self.tidy(rows, now, found, group)
        deliveries: list[Delivery] = []
        if want.limit and not group.config.paused:
            room = min(want.limit, self.max_unsettled - rows.in_flight(group.number))
            size, alone = 0, want.at_least_one
            for entry in rows.due(group.number, State.WAITING, now, max(room, 0)):
                if entry.expires_at <= now:
                    self._expire(rows, group, entry)
                    continue
                message = rows.message(entry.seq)
                assert message is not None, "what waits is kept"  # noqa: S101  # a defect, not an input
                if size + message.size > want.max_bytes and not alone:
                    break
                size, alone = size + message.size, False
                deliveries.append(self._lease(rows, now, group, entry, message, want))
        if group.used_at < now - 1_000_000:
            group.used_at = now
        rows.put_group(group)
        return self._outlook(rows, now, group, deliveries)

    def _outlook(self, rows: Rows, now: int, group: Group, deliveries: Sequence[Delivery]) -> Claim:
        at = None if group.config.paused else rows.next_at(group.number)
        return Claim(deliveries, group.epoch, None if at is None else max(at - now, 0) / 1e6)

    def _lease(self, rows: Rows, now: int, group: Group, entry: Entry, message: Message, want: Want) -> Delivery:
        entry.state, entry.token = State.IN_FLIGHT, secrets.randbits(63)
        entry.lease_from, entry.lease_until = now, now + group.config.ack_deadline
        entry.at = entry.lease_until
        entry.consumer, entry.session = want.consumer, want.session
        rows.put_entry(entry)
        lease = Lease(entry.seq, entry.token)
        return Delivery(lease, message, entry.failed + 1, (entry.lease_until - now) / 1e6)

    def overdue(self, rows: Rows, now: int, group: Group) -> bool:
        """Whether `tidy` would change anything."""
        return bool(
            rows.due(group.number, State.IN_FLIGHT, now, 1)
            or rows.expiring(group.number, now, 1)
            or rows.due(group.number, State.DEAD, now - group.config.dead_retention, 1)
        )

    def tidy(self, rows: Rows, now: int, topic: Topic, group: Group) -> None:
        """What time has done to a group: leases that ended, messages that expired, dead that were kept long enough."""
        for entry in rows.due(group.number, State.IN_FLIGHT, now, BATCH):
            reason = "its deadline passed" if entry.session else "its consumer is gone"
            self._fail(rows, now, topic, group, entry, now, reason)
        for entry in rows.expiring(group.number, now, BATCH):
            self._expire(rows, group, entry)
        for entry in rows.due(group.number, State.DEAD, now - group.config.dead_retention, BATCH):
            rows.remove_entry(group.number, entry.seq)
            group.dead_removed += 1

    def tidied(self, rows: Rows, now: int, namespace: str, topic: str, name: str) -> None:
        """`tidy`, of a group by its name."""
        found, group = self.group(rows, namespace, topic, name)
        self.tidy(rows, now, found, group)
        rows.put_group(group)

    def settle(
        self, rows: Rows, now: int, namespace: str, topic: str, name: str, settlements: Sequence[Settlement]
    ) -> list[float | None]:
        """What becomes of each: the seconds that are left of its lease, 0 where it has none any more, None: lost."""
        found, group = self.group(rows, namespace, topic, name)
        answers = [self._settle(rows, now, found, group, each) for each in settlements]
        rows.put_group(group)
        return answers

    def _settle(self, rows: Rows, now: int, topic: Topic, group: Group, each: Settlement) -> float | None:
        entry = self._leased(rows, now, group, each.lease)
        if entry is None:
            return None  # 3
        if entry.state is State.ACKNOWLEDGED:
            return 0.0 if each.verb is Verb.ACKNOWLEDGE else None  # 2
        match each.verb:
            case Verb.ACKNOWLEDGE:
                self._acknowledge(rows, topic, group, entry)
            case Verb.NACK:
                wait = self.backoff(group.config, entry.failed + 1) if each.delay is None else each.delay
                self._fail(rows, now, topic, group, entry, now + wait, each.reason, dead=each.dead)
            case Verb.RELEASE:
                self._release(rows, entry)
            case Verb.EXTEND | Verb.RESTART:
                if each.verb is Verb.RESTART:
                    entry.lease_from = now
                most = entry.lease_from + group.config.max_lease
                entry.at = entry.lease_until = min(now + group.config.ack_deadline, most)
                rows.put_entry(entry)
                return (entry.at - now) / 1e6
        return 0.0

    def _leased(self, rows: Rows, now: int, group: Group, lease: Lease) -> Entry | None:
        """What a lease is of, unless it is lost."""
        entry = rows.entry(group.number, lease.seq)
        if entry is None or entry.token != lease.token:
            return None
        if entry.state is State.ACKNOWLEDGED or (entry.state is State.IN_FLIGHT and entry.at > now):
            return entry
        return None

    def _acknowledge(self, rows: Rows, topic: Topic, group: Group, entry: Entry) -> None:
        entry.state = State.ACKNOWLEDGED
        rows.put_entry(entry)
        group.acknowledged += 1
        self._unblock(rows, entry)
        if topic.config.until_acknowledged:
            self._drop_if_done(rows, entry.seq)

    def _drop_if_done(self, rows: Rows, seq: int) -> None:
        """13: with UNTIL_ACKNOWLEDGED a message goes when no group needs it; its entries tell who repeats an ack."""
        if all(each.state is State.ACKNOWLEDGED for each in rows.entries(seq)):
            message = rows.message(seq)
            if message is not None and not message.gone:
                message.payload, message.attributes, message.size, message.gone = b"", {}, 0, True
                rows.put_message(message)

    def _release(self, rows: Rows, entry: Entry) -> None:
        entry.state, entry.at = State.WAITING, entry.lease_from
        entry.token, entry.consumer, entry.session = 0, "", ""
        rows.put_entry(entry)

    @staticmethod
    def backoff(config: GroupConfig, failed: int) -> int:
        """How long a message waits after so many failed attempts (6)."""
        wait = min(config.backoff_min << min(failed - 1, 40), max(config.backoff_max, config.backoff_min))
        return wait + int(wait * JITTER * random.random())  # noqa: S311  # spreads load, guards nothing

    def _fail(
        self, rows: Rows, now: int, topic: Topic, group: Group, entry: Entry, again_at: int, reason: str,
        *, dead: bool = False,
    ) -> None:  # fmt: skip
        entry.failed += 1
        entry.token, entry.session = 0, ""
        most = group.config.max_attempts
        if dead or (most and entry.failed >= most):
            self._die(rows, now, topic, group, entry, reason)
            return
        entry.state, entry.at, entry.consumer = State.WAITING, again_at, ""
        rows.put_entry(entry)

    def _die(self, rows: Rows, now: int, topic: Topic, group: Group, entry: Entry, reason: str) -> None:
        """7: kept as dead, or moved to another topic in the same transaction."""
        entry.state, entry.at, entry.reason = State.DEAD, now, reason
        if group.config.dead_letter is DeadLetter.KEEP:
            rows.put_entry(entry)
        else:
            if group.config.dead_letter is DeadLetter.TOPIC:
                self._dead_letter(rows, now, topic, group, entry)
            rows.remove_entry(entry.group, entry.seq)
            group.dead_removed += 1
        self._unblock(rows, entry)
        if topic.config.until_acknowledged:
            self._drop_if_done(rows, entry.seq)

    def _dead_letter(self, rows: Rows, now: int, topic: Topic, group: Group, entry: Entry) -> None:
        message = rows.message(entry.seq)
        assert message is not None, "what is in flight is kept"  # noqa: S101  # a defect, not an input
        noted = {
            "prism-dead-topic": topic.name,
            "prism-dead-group": group.name,
            "prism-dead-reason": entry.reason,
            "prism-dead-attempts": str(entry.failed),
            "prism-dead-published-at": str(message.published_at),
            "prism-dead-at": str(now),
        }
        letter = Outgoing(
            group.config.dead_letter_topic, message.payload, {**message.attributes, **noted}, message.ordering_key,
            traceparent=message.traceparent, size=message.size, message_id=message.message_id,
        )  # fmt: skip
        self._publish(rows, now, topic.namespace, letter, create=True)

    def _expire(self, rows: Rows, group: Group, entry: Entry) -> None:
        rows.remove_entry(entry.group, entry.seq)
        group.expired += 1
        self._unblock(rows, entry)

    def _unblock(self, rows: Rows, entry: Entry) -> None:
        """8: the next one of its key may come."""
        if entry.key and (head := rows.head(entry.group, entry.key)) is not None and head.blocked:
            head.blocked = False
            rows.put_entry(head)

    # Streams that end, break and come again.

    def give_back(self, rows: Rows, namespace: str, topic: str, name: str, session: str) -> None:
        """4: what a stream has not settled is released."""
        _, group = self.group(rows, namespace, topic, name)
        for entry in rows.held(group.number, session):
            self._release(rows, entry)

    def park(self, rows: Rows, now: int, namespace: str, topic: str, name: str, session: str, window: int) -> None:
        """4: a stream broke: its leases are kept for a while, for the next one of its consumer."""
        _, group = self.group(rows, namespace, topic, name)
        for entry in rows.held(group.number, session):
            entry.session, entry.at = "", min(entry.lease_until, now + window)
            rows.put_entry(entry)

    def adopt(
        self, rows: Rows, now: int, namespace: str, topic: str, name: str, consumer: str, session: str
    ) -> list[Resumed]:
        """4: what the stream before of this consumer had, and is its own still."""
        _, group = self.group(rows, namespace, topic, name)
        resumed = []
        for entry in rows.parked(group.number, consumer):
            message = rows.message(entry.seq)
            if entry.at > now and message is not None:
                entry.session, entry.at = session, entry.lease_until
                rows.put_entry(entry)
                resumed.append(Resumed(Lease(entry.seq, entry.token), message.size, (entry.at - now) / 1e6))
        return resumed

    def commit(
        self, rows: Rows, now: int, namespace: str, topic: str, name: str, leases: Sequence[Lease],
        messages: Sequence[Outgoing], key: str, fingerprint: bytes, *, create: bool,
    ) -> list[str]:  # fmt: skip
        """16: all acknowledged and all published, or nothing."""
        found, group = self.group(rows, namespace, topic, name)
        if key and (ids := self._repeated(rows, now, namespace, key, fingerprint)) is not None:
            return list(ids)
        entries = [self._leased(rows, now, group, each) for each in leases]
        if lost := sum(each is None or each.state is State.ACKNOWLEDGED for each in entries):
            raise ReceiptLost(
                f"{lost} of {len(entries)} receipts are lost, so nothing was done; work on the messages when they come "
                "again",
                outcome=Outcome.NOT_APPLIED,
            )
        self._check(rows, now, namespace, messages, create=create)
        for entry in entries:
            if entry is not None:
                self._acknowledge(rows, found, group, entry)
        rows.put_group(group)
        ids = [self._publish(rows, now, namespace, each, create=create).message_id for each in messages]
        if key:
            rows.remember(namespace, key, now + self.idempotency_window, Remembered(fingerprint, tuple(ids)))
        return ids

    # What operators do.

    def seek(self, rows: Rows, now: int, namespace: str, topic: str, name: str, start: Start) -> int:
        """17: moves a group; how many messages it has before it."""
        found, group = self.group(rows, namespace, topic, name)
        return self._reset(rows, now, found, group, start)

    def _reset(self, rows: Rows, now: int, topic: Topic, group: Group, start: Start) -> int:
        group.epoch += 1
        dead = 0
        for state in State:
            after = 0
            while batch := rows.listed(group.number, state, after, BATCH):
                for entry in batch:
                    after = entry.seq
                    if state is State.DEAD:
                        dead += 1
                    else:
                        rows.remove_entry(group.number, entry.seq)
        group.offered, group.acknowledged, group.expired, group.dead_removed = dead, 0, 0, 0
        return self._offer_from(rows, now, topic, group, start)

    def purge(self, rows: Rows, now: int, namespace: str, topic: str) -> int:
        """17: removes the messages of a topic; the dead stay."""
        found = self.topic(rows, namespace, topic)
        for group in rows.groups(found.number):
            self._reset(rows, now, found, group, Start(latest=True))
        count, after = 0, 0
        while batch := rows.messages(found.number, after, BATCH):
            for message in batch:
                after = message.seq
                count += not message.gone
                self._remove(rows, found, message, lambda entry: entry.state is State.DEAD)
        return count

    def _remove(self, rows: Rows, topic: Topic, message: Message, keep: Callable[[Entry], bool]) -> None:
        """Removes a message from every group that does not keep it; counted as expired where it was to be delivered."""
        kept = False
        groups = {each.number: each for each in rows.groups(topic.number)}
        for entry in rows.entries(message.seq):
            group = groups[entry.group]
            if keep(entry):
                kept = True
            elif entry.state in (State.WAITING, State.IN_FLIGHT):
                self._expire(rows, group, entry)
            else:
                group.dead_removed += entry.state is State.DEAD
                rows.remove_entry(entry.group, entry.seq)
            rows.put_group(group)
        if kept:
            message.gone, message.size = True, 0
            rows.put_message(message)
        else:
            rows.remove_message(message.seq)

    def redrive(
        self, rows: Rows, now: int, namespace: str, topic: str, name: str, message_ids: Sequence[str], limit: int
    ) -> int:
        """7: brings the dead back, as attempt 1; 8: they have no place in the order."""
        found, group = self.group(rows, namespace, topic, name)
        dead = self._dead(rows, found, group, message_ids, limit)
        for entry in dead:
            entry.state, entry.at, entry.failed, entry.key, entry.reason = State.WAITING, now, 0, "", ""
            entry.blocked, entry.consumer = False, ""
            entry.expires_at = max(entry.expires_at, now + found.config.retention)
            rows.put_entry(entry)
        return len(dead)

    def discard(self, rows: Rows, namespace: str, topic: str, name: str, message_ids: Sequence[str], limit: int) -> int:
        """Removes the dead."""
        found, group = self.group(rows, namespace, topic, name)
        dead = self._dead(rows, found, group, message_ids, limit)
        for entry in dead:
            rows.remove_entry(group.number, entry.seq)
            group.dead_removed += 1
        rows.put_group(group)
        return len(dead)

    def _dead(self, rows: Rows, topic: Topic, group: Group, message_ids: Sequence[str], limit: int) -> Sequence[Entry]:
        if not message_ids:
            return rows.listed(group.number, State.DEAD, 0, limit)
        sequence = {message.seq for each in message_ids for message in rows.find(topic.number, each)}
        found = (rows.entry(group.number, seq) for seq in sorted(sequence))
        return [each for each in found if each is not None and each.state is State.DEAD]

    def anything_overdue(self, rows: Rows, now: int) -> bool:
        """Whether `sweep` would change anything."""
        if rows.forgettable(now):
            return True
        for topic in rows.every_topic():
            for group in rows.groups(topic.number):
                if self._is_idle(rows, now, group) or self.overdue(rows, now, group):
                    return True
            if rows.outlived(topic.number, now, 1):
                return True
        return False

    @staticmethod
    def _is_idle(rows: Rows, now: int, group: Group) -> bool:
        """12: it has had no consumer for as long as it may be without one."""
        idle = group.config.expire_after_idle
        return bool(idle) and group.used_at + idle <= now and not rows.in_flight(group.number)

    def sweep(self, rows: Rows, now: int, limit: int) -> bool:
        """What time has done to all topics; whether more is left."""
        more = rows.forget(now, limit) >= limit
        for topic in rows.every_topic():
            more |= self.sweep_topic(rows, now, topic, limit)
        return more

    def sweep_topic(self, rows: Rows, now: int, topic: Topic, limit: int) -> bool:
        """What time has done to a topic."""
        for group in rows.groups(topic.number):
            if self._is_idle(rows, now, group):
                rows.remove_group(group)
            else:
                self.tidy(rows, now, topic, group)
                rows.put_group(group)
        outlived = rows.outlived(topic.number, now, limit)
        for message in outlived:
            message.expires_at = now + _AGAIN
            self._remove(rows, topic, message, lambda entry: _outlives(entry, now))
        return len(outlived) >= limit

    def describe(self, rows: Rows, now: int, namespace: str, topic: str, name: str) -> tuple[Group, Tally]:
        """18: a group and its counts, of what is not overdue."""
        _, group = self.group(rows, namespace, topic, name)
        return replace(group), rows.tally(group.number, now)

    def peek(
        self, rows: Rows, now: int, namespace: str, topic: str, name: str, want: tuple[State, bool | None],
        after: int, limit: int,
    ) -> list[Peeked]:  # fmt: skip
        """Messages in one state; of those waiting the delayed ones, the others, or all (None)."""
        _, group = self.group(rows, namespace, topic, name)
        state, delayed = want
        peeked: list[Peeked] = []
        while len(peeked) < limit and (batch := rows.listed(group.number, state, after, limit)):
            for entry in batch:
                after = entry.seq
                message = rows.message(entry.seq)
                if message is not None and len(peeked) < limit and delayed in (None, entry.at > now):
                    peeked.append(Peeked(replace(entry), message))
        return peeked


def _expiry(due: int, ttl: int, config: TopicConfig) -> int:
    """13: retention and ttl run from when a message is due."""
    return due + min(ttl or config.retention, config.retention)


def _outlives(entry: Entry, now: int) -> bool:
    return entry.state in (State.DEAD, State.IN_FLIGHT) or (entry.state is State.WAITING and entry.expires_at > now)
