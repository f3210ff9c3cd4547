"""Defects of the rules of Queue on memory, each breaking one of them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from prism.errors import PrismError, ReceiptLost
from prism.sdk.queue import QueueEngine
from prism.sdk.queue.calls import Claim, Lease, Settlement, Verb, Want
from prism.sdk.queue.rows import Entry, Group, Rows, State, Topic


class RedeliversTheAcknowledged(QueueEngine):
    """What is acknowledged waits again."""

    def _acknowledge(self, rows: Rows, topic: Topic, group: Group, entry: Entry) -> None:
        super()._acknowledge(rows, topic, group, entry)
        entry.state = State.WAITING
        rows.put_entry(entry)


class ForgetsTheNacked(QueueEngine):
    """What is nacked never comes again."""

    def _settle(self, rows: Rows, now: int, topic: Topic, group: Group, each: Settlement) -> float | None:
        found = super()._settle(rows, now, topic, group, each)
        if each.verb is Verb.NACK and found is not None and not each.dead:
            rows.remove_entry(group.number, each.lease.seq)
        return found


class RedeliversTooEarly(QueueEngine):
    """A lease is half as long as it should be."""

    def claim(self, rows: Rows, now: int, namespace: str, topic: str, name: str, want: Want) -> Claim:
        claim = super().claim(rows, now, namespace, topic, name, want)
        _, group = self.group(rows, namespace, topic, name)
        for each in claim.deliveries:
            entry = rows.entry(group.number, each.lease.seq)
            assert entry is not None
            entry.at = now + group.config.ack_deadline // 2
            rows.put_entry(entry)
        return replace(claim, wait=0.01)


class IgnoresExtensions(QueueEngine):
    """An extension succeeds and changes nothing."""

    def _settle(self, rows: Rows, now: int, topic: Topic, group: Group, each: Settlement) -> float | None:
        if each.verb is Verb.EXTEND:
            entry = self._leased(rows, now, group, each.lease)
            return None if entry is None else (entry.at - now) / 1e6
        return super()._settle(rows, now, topic, group, each)


class CountsAnAttemptTooFew(QueueEngine):
    """The first failure of a message is not counted."""

    def _fail(
        self, rows: Rows, now: int, topic: Topic, group: Group, entry: Entry, again_at: int, reason: str, **more: Any
    ) -> None:
        if not entry.reason:
            entry.failed, entry.reason = entry.failed - 1, "once"
        super()._fail(rows, now, topic, group, entry, again_at, reason, **more)


class CountsReleases(QueueEngine):
    """What is given back has failed."""

    def _release(self, rows: Rows, entry: Entry) -> None:
        entry.failed += 1
        super()._release(rows, entry)


class ObeysStaleNacks(QueueEngine):
    """A nack needs no receipt that is its own still."""

    def _settle(self, rows: Rows, now: int, topic: Topic, group: Group, each: Settlement) -> float | None:
        entry = rows.entry(group.number, each.lease.seq)
        if each.verb is Verb.NACK and entry is not None and entry.state is State.IN_FLIGHT:
            each = replace(each, lease=Lease(each.lease.seq, entry.token))
        return super()._settle(rows, now, topic, group, each)


class LosesOrderAfterANack(QueueEngine):
    """A nack lets the next one of its key come."""

    def _fail(
        self, rows: Rows, now: int, topic: Topic, group: Group, entry: Entry, again_at: int, reason: str, **more: Any
    ) -> None:
        key, entry.key = entry.key, ""
        super()._fail(rows, now, topic, group, entry, again_at + 50_000, reason, **more)
        self._unblock(rows, Entry(group.number, 0, 0, 0, key=key))


class RedrivesToAnotherGroup(QueueEngine):
    """Redrive publishes the message anew."""

    def redrive(
        self, rows: Rows, now: int, namespace: str, topic: str, name: str, message_ids: Sequence[str], limit: int
    ) -> int:
        count = super().redrive(rows, now, namespace, topic, name, message_ids, limit)
        found = self.topic(rows, namespace, topic)
        for group in rows.groups(found.number):
            for message in rows.messages(found.number, 0, 1000):
                self._offer(rows, group, message)
        return count


class StarvesAConsumer(QueueEngine):
    """All goes to who asked first."""

    _first = ""

    def claim(self, rows: Rows, now: int, namespace: str, topic: str, name: str, want: Want) -> Claim:
        self._first = self._first or want.session
        if want.session and want.session != self._first and name == "g":
            return replace(super().claim(rows, now, namespace, topic, name, replace(want, limit=0)), wait=1.0)
        return super().claim(rows, now, namespace, topic, name, want)


class ExceedsTheWindow(QueueEngine):
    """A consumer gets one more than it takes."""

    def claim(self, rows: Rows, now: int, namespace: str, topic: str, name: str, want: Want) -> Claim:
        return super().claim(rows, now, namespace, topic, name, replace(want, limit=want.limit + 1))


class CommitsByHalf(QueueEngine):
    """What can be acknowledged is, whatever becomes of the rest."""

    def commit(
        self, rows: Rows, now: int, namespace: str, topic: str, name: str, leases: Sequence[Lease], *more: Any,
        **named: Any,
    ) -> list[str]:  # fmt: skip
        try:
            return super().commit(rows, now, namespace, topic, name, leases, *more, **named)
        except ReceiptLost as error:
            self.settle(rows, now, namespace, topic, name, [Settlement(each, Verb.ACKNOWLEDGE) for each in leases])
            lost: PrismError = error
            raise lost from None


class AgesWhatIsBuffered(QueueEngine):
    """What is fetched ages, sent or not."""

    def _settle(self, rows: Rows, now: int, topic: Topic, group: Group, each: Settlement) -> float | None:
        if each.verb is Verb.RESTART:
            entry = self._leased(rows, now, group, each.lease)
            return None if entry is None else (entry.at - now) / 1e6
        return super()._settle(rows, now, topic, group, each)


class DoublesARunningHandler(QueueEngine):
    """A stream that breaks, as one does whose gateway is reloaded, loses what its handlers work on at once."""

    def park(self, rows: Rows, now: int, namespace: str, topic: str, name: str, session: str, window: int) -> None:
        super().park(rows, now, namespace, topic, name, session, 0)
