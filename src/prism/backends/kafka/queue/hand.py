"""What one gateway has of one group: messages of its partitions that are not done, who has them, and what is due when.

It is all in memory and does not wait; what is to last is in `Progress`, which `Member` commits. Numbers in comments are
those of the rules in docs/contract.md, "Queue". Times are microseconds since 1970.
"""

import heapq
import secrets
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import Final

from prism.backends.kafka.queue.held import Change, Death, Held, Part, Partition
from prism.backends.kafka.queue.progress import Failure, Progress
from prism.errors import Conflict, Outcome
from prism.sdk.queue.calls import Delivery, Lease, Resumed, Settlement, Verb, Want
from prism.sdk.queue.deliveries import Deliveries
from prism.sdk.queue.rows import Entry, GroupConfig, Message, State

_REMEMBERED: Final = 10_000
"""Settled deliveries whose receipts are known: acknowledging twice succeeds (2)."""
_OFFSET_BITS: Final = 44
_INDEX_BITS: Final = 19


class Hand:
    """The messages of one group at one gateway.

    Args:
        config: of the group.
    """

    def __init__(self, config: GroupConfig) -> None:
        self.config = config
        self.parts: dict[Partition, Part] = {}
        self.dirty: set[Partition] = set()
        self.deaths: deque[Death] = deque()
        self.bytes = 0
        self._ready: list[tuple[int, int, int, Held]] = []
        self._later: list[tuple[int, int, int, Held]] = []
        self._ends: list[tuple[int, int, int, Held]] = []
        self._in_flight: dict[int, Held] = {}
        self._settled: OrderedDict[tuple[int, int], bool] = OrderedDict()  # whether that is committed
        self._numbers = count()
        self._tokens = count(secrets.randbits(62))  # receipts are sealed: a token only tells deliveries apart

    def add(self, part: Partition, index: int, progress: Progress) -> None:
        """A partition is this gateway's from now on; its messages come from the floor on."""
        self.parts[part] = Part(progress, index, {}, {})

    def remove(self, part: Partition) -> list[Lease]:
        """It is another's; the leases that end by that."""
        found = self.parts.pop(part, None)
        self.dirty.discard(part)
        if found is None:
            return []
        lost = []
        for held in found.held.values():
            self.bytes -= held.message.size
            held.version += 1
            if self._in_flight.pop(held.entry.seq, None) is not None:
                lost.append(Lease(held.entry.seq, held.entry.token))
        return lost

    def has(self, held: Held) -> bool:
        """Whether a message is here still; one that came back with its partition is another."""
        part = self.parts.get(held.part)
        return part is not None and part.held.get(held.message.seq) is held

    def in_flight_of(self, parts: Iterable[Partition]) -> int:
        """How many messages of these partitions are in flight, or on their way to elsewhere."""
        wanted = {*parts}
        return sum(each.part in wanted for each in self._in_flight.values())

    @property
    def ready(self) -> int:
        """How many messages are due, about."""
        return len(self._ready)

    @property
    def in_flight(self) -> Iterable[Held]:
        """The messages that somebody has."""
        return self._in_flight.values()

    def put(self, part: Partition, message: Message, refusal: str, now: int) -> None:
        """A message was read."""
        found = self.parts.get(part)
        if found is None:
            return
        offset = message.seq
        if not found.progress.fetched(offset):
            found.progress.advance()
            return
        seq = (found.index << _INDEX_BITS | part[1]) << _OFFSET_BITS | offset
        failure = found.progress.failures.get(offset)
        due = max(message.published_at, failure.due * 1000 if failure else 0)
        entry = Entry(0, seq, due, message.expires_at, key=message.ordering_key, failed=failure.count if failure else 0)
        held = Held(part, message, entry, message.due_at)
        found.held[offset] = held
        found.bytes += message.size
        self.bytes += message.size
        if refusal:
            self._die(held, refusal)  # 15
            return
        if entry.key:  # 8
            waiting = found.keys.setdefault(entry.key, deque())
            held.blocked = bool(waiting)
            waiting.append(held)
        if not held.blocked:
            self._wait(held, now)

    def _wait(self, held: Held, now: int) -> None:
        held.version += 1
        item = (held.entry.at, next(self._numbers), held.version, held)
        heapq.heappush(self._ready if held.entry.at <= now else self._later, item)

    def tidy(self, now: int) -> None:
        """Does what time has done."""
        while self._later and self._later[0][0] <= now:
            at, number, version, held = heapq.heappop(self._later)
            if held.version == version:
                heapq.heappush(self._ready, (at, number, version, held))
        while self._ends and self._ends[0][0] <= now:
            _, _, version, held = heapq.heappop(self._ends)
            if held.version == version and not held.moving:
                self._fail(held, now, "its deadline passed" if held.entry.session else "its consumer is gone")

    def next_at(self) -> int | None:
        """When something is due, or a lease ends."""
        known = [heap[0][0] for heap in (self._ready, self._later, self._ends) if heap]
        return min(known, default=None)

    def next_end(self) -> int | None:
        """When a lease ends; None where there is none."""
        while self._ends and (self._ends[0][3].version != self._ends[0][2] or self._ends[0][3].moving):
            heapq.heappop(self._ends)
        return self._ends[0][0] if self._ends else None

    def lease(self, want: Want, now: int, room: int) -> list[Delivery]:
        """Leases what is due, the longest due first (15)."""
        found: list[Delivery] = []
        size, alone = 0, want.at_least_one
        while self._ready and len(found) < min(want.limit, room):
            _, _, version, held = self._ready[0]
            part = self.parts.get(held.part)
            if held.version != version or part is None or part.closing:
                heapq.heappop(self._ready)
                continue
            if held.entry.expires_at <= now:
                heapq.heappop(self._ready)
                part.progress.counts.expired += 1  # 13
                self._done(held)
                self._unblock(held, now)  # it expires again wherever it comes again
                continue
            if size + held.message.size > want.max_bytes and not alone:
                break
            heapq.heappop(self._ready)
            size, alone = size + held.message.size, False
            found.append(self._leased(held, want, now))
        return found

    def _leased(self, held: Held, want: Want, now: int) -> Delivery:
        entry = held.entry
        entry.state, entry.token = State.IN_FLIGHT, next(self._tokens)
        entry.lease_from, entry.consumer, entry.session = now, want.consumer, want.session
        self._in_flight[entry.seq] = held
        self._until(held, now + self.config.ack_deadline)
        entry.lease_until = entry.at
        return Delivery(Lease(entry.seq, entry.token), held.message, entry.failed + 1, (entry.at - now) / 1e6)

    def _until(self, held: Held, until: int) -> None:
        held.version += 1
        held.entry.at = until
        heapq.heappush(self._ends, (until, next(self._numbers), held.version, held))

    def leased(self, lease: Lease, now: int) -> Held | None:
        """What a lease is of, unless it is lost."""
        held = self._in_flight.get(lease.seq)
        if held is None or held.entry.token != lease.token or held.entry.at <= now or held.moving:
            return None
        return held

    def settle_all(self, settlements: Sequence[Settlement], now: int) -> list[Change]:
        """What becomes of each as by `settle`, or the error of it."""
        changes: list[Change] = []
        for each in settlements:
            try:
                changes.append(self.settle(each, now))
            except Conflict as error:
                changes.append((error, None))
        return changes

    def settle(self, each: Settlement, now: int) -> Change:
        """Settles one.

        Raises:
            Conflict: it was acknowledged, and whether that is committed only the next gateway of its partition knows.
        """
        held = self.leased(each.lease, now)
        if held is None:
            return self._again(each.lease) if each.verb is Verb.ACKNOWLEDGE else (None, None)
        match each.verb:
            case Verb.ACKNOWLEDGE:
                self.acknowledge(held)
                return 0.0, held.part
            case Verb.NACK:
                wait = Deliveries.backoff(self.config, held.entry.failed + 1) if each.delay is None else each.delay
                death = self._fail(held, now, each.reason, now + wait, dead=each.dead)
                return 0.0, death or held.part
            case Verb.RELEASE:
                self._release(held, now)
                return 0.0, None
            case Verb.EXTEND | Verb.RESTART:
                entry = held.entry
                if each.verb is Verb.RESTART:
                    entry.lease_from = now
                most = entry.lease_from + self.config.max_lease
                self._until(held, min(now + self.config.ack_deadline, most))
                entry.lease_until = entry.at
                return (entry.at - now) / 1e6, None
        raise AssertionError(each.verb)

    def _again(self, lease: Lease) -> tuple[float | None, Partition | None]:
        """What was acknowledged may be acknowledged again (2)."""
        committed = self._settled.get((lease.seq, lease.token))
        if committed is None:
            return None, None
        if committed:
            return 0.0, None
        index, number = divmod(lease.seq >> _OFFSET_BITS, 1 << _INDEX_BITS)
        for name, part in self.parts.items():
            if part.index == index and name[1] == number:
                done = part.progress.is_done(lease.seq & (1 << _OFFSET_BITS) - 1)
                return (0.0, name) if done else (None, None)  # it has come back uncommitted
        raise Conflict("whether it was acknowledged before its partition went is not known", outcome=Outcome.UNKNOWN)

    def acknowledge(self, held: Held) -> None:
        """It is done; what is committed next says so."""
        if not self.has(held):
            return
        self._settled[held.entry.seq, held.entry.token] = False
        if len(self._settled) > _REMEMBERED:
            self._settled.popitem(last=False)
        self.parts[held.part].progress.counts.acknowledged += 1
        self._done(held)

    def buried(self, held: Held) -> None:
        """It is dead, and elsewhere or nowhere."""
        if self.has(held):
            self.parts[held.part].progress.counts.dead += 1
            self._done(held)

    def _done(self, held: Held) -> None:
        if not self.has(held):
            return
        self._in_flight.pop(held.entry.seq, None)
        held.version += 1
        part = self.parts[held.part]
        offset = held.message.seq
        part.held.pop(offset, None)
        part.bytes -= held.message.size
        self.bytes -= held.message.size
        part.progress.done.add(offset)
        part.progress.failures.pop(offset, None)
        self.dirty.add(held.part)
        part.fresh.append(held)

    def committed(self, fresh: Iterable[Held], now: int) -> int:
        """These are done, and that is committed: the next of their keys come (8). How many."""
        found = 0
        for held in fresh:
            receipt = (held.entry.seq, held.entry.token)
            if receipt in self._settled:
                self._settled[receipt] = True
            found += self._unblock(held, now)
        return found

    def _unblock(self, held: Held, now: int) -> int:
        part = self.parts.get(held.part) if held.entry.key else None
        waiting = part.keys.get(held.entry.key) if part is not None else None
        if part is None or not waiting or waiting[0] is not held:
            return 0
        waiting.popleft()
        if not waiting:
            del part.keys[held.entry.key]
            return 0
        waiting[0].blocked = False
        self._wait(waiting[0], now)
        return 1

    def _release(self, held: Held, now: int) -> None:
        entry = held.entry
        self._in_flight.pop(entry.seq, None)
        entry.state, entry.token, entry.consumer, entry.session = State.WAITING, 0, "", ""
        entry.at = min(held.first_due, entry.lease_from)
        self._wait(held, now)

    def _fail(
        self, held: Held, now: int, reason: str, again_at: int | None = None, *, dead: bool = False
    ) -> Death | None:
        """An attempt has failed (5)."""
        entry, most = held.entry, self.config.max_attempts
        entry.failed += 1
        if dead or (most and entry.failed >= most):
            return self._die(held, reason)
        self._in_flight.pop(entry.seq, None)
        entry.state, entry.token, entry.consumer, entry.session = State.WAITING, 0, "", ""
        entry.at = now if again_at is None else again_at
        part = self.parts.get(held.part)
        if part is not None:
            part.progress.failures[held.message.seq] = Failure(entry.failed, -(-entry.at // 1000))
            self.dirty.add(held.part)
            self._wait(held, now)
        return None

    def _die(self, held: Held, reason: str) -> Death:
        held.version += 1
        held.moving = True
        self._in_flight[held.entry.seq] = held
        death = Death(held, reason)
        self.deaths.append(death)
        return death

    def survive(self, held: Held, until: int) -> None:
        """It could not be moved or committed: its lease goes on, where it has one."""
        held.moving = False
        if self.has(held) and held.entry.seq in self._in_flight:
            self._until(held, until)

    def give_back(self, session: str, now: int) -> None:
        """Releases what a stream has (4)."""
        for held in [each for each in self._in_flight.values() if each.entry.session == session and not each.moving]:
            self._release(held, now)

    def park(self, session: str, window: int, now: int) -> None:
        """Keeps what a stream had, for the next one of its consumer (4)."""
        for held in [each for each in self._in_flight.values() if each.entry.session == session and not each.moving]:
            held.entry.session = ""
            self._until(held, min(held.entry.lease_until, now + window))

    def adopt(self, consumer: str, session: str, now: int) -> list[Resumed]:
        """What the stream before of this consumer had (4)."""
        resumed = []
        for held in [*self._in_flight.values()]:
            entry = held.entry
            if entry.consumer == consumer and not entry.session and entry.at > now and not held.moving:
                entry.session = session
                self._until(held, entry.lease_until)
                resumed.append(Resumed(Lease(entry.seq, entry.token), held.message.size, (entry.at - now) / 1e6))
        return resumed

    def listed(self, state: State, now: int, *, delayed: bool | None) -> Sequence[Held]:
        """Messages in a state, in their order."""
        found = []
        for part in self.parts.values():
            for held in part.held.values():
                is_late = held.entry.at > now
                if held.entry.state is state and (state is not State.WAITING or delayed in (None, is_late)):
                    found.append(replace(held, entry=replace(held.entry)))
        return sorted(found, key=lambda each: each.entry.seq)
