"""Messages that are leased, and what becomes of them: settled, lost, dead; kept for a stream that comes again."""

import random
import secrets
from collections.abc import Sequence

from prism.sdk.queue.calls import Claim, Delivery, Lease, Outgoing, Resumed, Settlement, Verb, Want
from prism.sdk.queue.publishing import Publishing
from prism.sdk.queue.rows import DeadLetter, Entry, Group, GroupConfig, Message, Rows, State, Topic
from prism.sdk.queue.topics import BATCH

JITTER = 0.1
SECOND = 1_000_000


class Deliveries(Publishing):
    """The rules of deliveries."""

    def ready(self, rows: Rows, now: int, namespace: str, topic: str, name: str) -> Claim:
        """What a claim would find, without one: `more` where there is something to do."""
        _, group = self.group(rows, namespace, topic, name)
        if self._is_noted(now, group):
            return self._outlook(rows, now, group, [])
        return Claim([], group.epoch, 0.0)

    @staticmethod
    def _is_noted(now: int, group: Group) -> bool:
        """12: a group that may expire notes that it has a consumer, also where there is nothing for it."""
        idle = group.config.expire_after_idle
        return not idle or group.used_at > now - min(idle // 4, SECOND)

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
        if group.used_at < now - SECOND or not self._is_noted(now, group):
            group.used_at = now
        rows.put_group(group)
        return self._outlook(rows, now, group, deliveries)

    def _outlook(self, rows: Rows, now: int, group: Group, deliveries: Sequence[Delivery]) -> Claim:
        known = [] if group.config.paused else [rows.next_at(group.number)]
        if group.config.expire_after_idle:
            known.append(now + group.config.expire_after_idle // 2)
        at = min((each for each in known if each is not None), default=None)
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
