"""The rules of Queue, in terms of `Rows`: every method is one transaction of a store, and may be run in any of them.

Nothing here waits. A refusal (a PrismError) is raised before anything is changed, so that it needs no rollback. The
numbers in comments are those of the rules in docs/contract.md, "Queue". The rules are a class in parts, each over the
one before: `topics`, `publishing`, `deliveries`, and here what commits, what operators do and what time does.
"""

from collections.abc import Sequence
from dataclasses import replace

from prism.errors import Outcome, ReceiptLost
from prism.sdk.queue.calls import Lease, Outgoing, Peeked, Start
from prism.sdk.queue.deliveries import Deliveries
from prism.sdk.queue.rows import Entry, Group, Remembered, Rows, State, Tally, Topic
from prism.sdk.queue.topics import BATCH

_AGAIN = 60_000_000
"""Microseconds after which a message that is kept for the dead of a group is looked at again."""


class QueueEngine(Deliveries):
    """The rules; see `Topics` for what it is made with."""

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


def _outlives(entry: Entry, now: int) -> bool:
    return entry.state in (State.DEAD, State.IN_FLIGHT) or (entry.state is State.WAITING and entry.expires_at > now)
