"""The groups that one gateway is a member of: joined with the first stream, left some time after the last.

What others change of a group (its configuration, Seek, Purge, the first redriven message) is in the catalogue; `Upkeep`
has it read.
"""

import asyncio
import itertools
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from prism.backends.kafka.catalogue import Catalogue
from prism.backends.kafka.link import Link
from prism.backends.kafka.names import Names
from prism.backends.kafka.producer import Record
from prism.backends.kafka.queue import dead
from prism.backends.kafka.queue.commits import Commits
from prism.backends.kafka.queue.hand import Hand
from prism.backends.kafka.queue.held import Death
from prism.backends.kafka.queue.member import Member, now
from prism.backends.kafka.queue.records import dead_record, letter
from prism.backends.kafka.queue.rounds import Places
from prism.backends.kafka.queue.standing import Standing, config_of
from prism.backends.kafka.queue.topics import Topics
from prism.backends.kafka.transactions import Transactor
from prism.errors import GroupNotFound, PrismError, TopicNotFound
from prism.sdk.queue import Wakeups
from prism.sdk.queue.calls import Claim, Lease, Peeked, Result, Resumed, Settlement, Want
from prism.sdk.queue.rows import DeadLetter, State

Name = tuple[str, str, str]
"""Namespace, topic and group."""
MAX_UNSETTLED: Final = 10_000
_JOIN_SECONDS: Final = 10.0
_TICK: Final = 0.002


class Membership:
    """A member, and the streams that it serves.

    Attributes:
        member: of the group.
        commits: of it.
        lost: by stream, the leases that ended and that it has not been told of.
    """

    def __init__(self, member: Member, commits: Commits) -> None:
        self.member = member
        self.commits = commits
        self.lost: dict[str, list[Lease]] = {}
        self.leaving: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None

    def spread(self) -> None:
        """Notes for each stream what is lost."""
        if self.member.lost:
            for leases in self.lost.values():
                leases += self.member.lost
            self.member.lost = []


class Groups:
    """The memberships of one gateway.

    Args:
        link: to Kafka.
        names: of the installation.
        catalogue: of topics and groups.
        topics: the same, as they are asked for.
        wakeups: of those who wait for messages.
        max_item: bytes of a payload that can be delivered.
    """

    def __init__(
        self, link: Link, names: Names, catalogue: Catalogue, topics: Topics, wakeups: Wakeups, max_item: int
    ) -> None:
        self._link = link
        self._options = link.config.queue
        self._names = names
        self._catalogue = catalogue
        self._topics = topics
        self._wakeups = wakeups
        self._max_item = max_item
        self._members: dict[Name, Membership] = {}
        self._closing: dict[Name, asyncio.Task[None]] = {}
        self._source = link.config.instance or secrets.token_hex(8)
        self._numbers = itertools.count(1)

    @property
    def waiting_partitions(self) -> int:
        """Partitions that wait for what is unsettled, and are not read meanwhile."""
        return sum(each.member.waiting_partitions for each in self._members.values())

    @property
    def memberships(self) -> int:
        """How many groups this gateway is a member of."""
        return len(self._members)

    async def stop(self) -> None:
        """Leaves all groups."""
        await asyncio.gather(*(self._left(name) for name in [*self._members]))
        await asyncio.gather(*self._closing.values(), return_exceptions=True)

    def _standing(self, name: Name) -> tuple[Standing, dict[str, Any]]:
        namespace, topic, group = name
        record = self._topics.group_record(self._catalogue.table, namespace, topic, group)
        config = self._topics.known(namespace, topic)
        assert config is not None  # noqa: S101  # the record was found below it
        starts = {int(each): offset for each, offset in (record["starts"] or {}).items()}
        skips = {int(each): offsets for each, offsets in record.get("skips", {}).items()}
        return Standing(config_of(record), record["epoch"], starts, config.retention, skips), record

    def _read(self, name: Name, record: Mapping[str, Any]) -> list[str]:
        topics = [self._topics.kafka_name(name[0], name[1])]
        return [*topics, self._names.redriven(*name)] if record["redriven"] else topics

    async def _joined(self, name: Name) -> Membership:
        """The membership in a group, made where there is none."""
        while (closing := self._closing.get(name)) is not None:
            await asyncio.wait((closing,))
        found = self._members.get(name)
        if found is not None:
            return found
        standing, record = self._standing(name)
        hand = Hand(standing.config)
        transactor = Transactor(self._link, f"{self._names.prefix}.{self._source}.{next(self._numbers)}")
        commits = Commits(self._link, hand, transactor, lambda death: self._deadly(name, death), now)
        key = (name[0], name[1])

        def changed(count: int) -> None:
            membership.spread()
            if count >= MAX_UNSETTLED:
                self._wakeups.notify(key)
            else:
                self._wakeups.notify_takers(key, count, name[2])

        member = Member(
            self._link, self._names.group(*name), self._read(name, record), standing, commits, changed, self._max_item
        )
        membership = self._members[name] = Membership(member, commits)
        member.start()
        return membership

    async def leave(self, namespace: str, topic: str, group: str) -> None:
        """Leaves a group."""
        await self._left((namespace, topic, group))

    async def leave_idle(self, namespace: str, topic: str, group: str) -> None:
        """Leaves a group that no stream of this gateway reads."""
        found = self._members.get((namespace, topic, group))
        if found is not None and not found.lost:
            await self._left((namespace, topic, group))

    async def _left(self, name: Name) -> None:
        if name in self._members:
            await asyncio.shield(self._close(name))

    def _close(self, name: Name) -> "asyncio.Task[None]":
        found = self._members.pop(name)
        if found.leaving is not None and found.leaving is not asyncio.current_task():
            found.leaving.cancel()
        closing = asyncio.get_running_loop().create_task(found.member.close())
        self._closing[name] = closing
        closing.add_done_callback(lambda _: self._closing.pop(name, None))
        return closing

    async def claim(self, namespace: str, topic: str, group: str, want: Want) -> Claim:
        """Leases what is due to a stream."""
        name = (namespace, topic, group)
        found = await self._joined(name)
        member, hand = found.member, found.member.hand
        if member.failure is not None:
            self._close(name)
            raise member.failure.clone()
        found.lost.setdefault(want.session, [])
        instant = now()
        hand.tidy(instant)
        deliveries = []
        if want.limit and not hand.config.paused:
            room = MAX_UNSETTLED - sum(1 for _ in hand.in_flight)
            deliveries = hand.lease(want, instant, room)
        found.commits.collect()
        member.balance()
        found.spread()
        self._watch_leases(name, found)
        lost, found.lost[want.session] = found.lost[want.session], []
        at = None if hand.config.paused else hand.next_at()
        wait = None if at is None else max(at - now(), 0) / 1e6
        return Claim(deliveries, member.standing.epoch & 0x7FFFFFFF, wait, revoked=lost)

    async def settle(self, namespace: str, topic: str, group: str, settlements: Sequence[Settlement]) -> list[Result]:
        """What becomes of each; answers when it is committed. What is doubtful of one leaves the others."""
        found = self._members.get((namespace, topic, group))
        if found is None:
            self._standing((namespace, topic, group))
            return [None] * len(settlements)
        hand, commits, instant = found.member.hand, found.commits, now()
        hand.tidy(instant)
        answers: list[Result] = []
        waits: list[asyncio.Future[bool] | asyncio.Future[Places] | None] = []
        parts: dict[tuple[str, int], asyncio.Future[bool]] = {}
        changes = hand.settle_all(settlements, instant)
        commits.collect()
        for seconds, what in changes:
            answers.append(seconds)
            if isinstance(what, Death):
                waits.append(commits.buried(what))
            elif what is not None:
                if what not in parts:
                    parts[what] = commits.wait(what)
                waits.append(parts[what])
            else:
                waits.append(None)
        self._wakeups.notify_takers((namespace, topic), len(settlements), group)
        for number, wait in enumerate(waits):
            try:
                if wait is not None and await asyncio.shield(wait) is False:
                    answers[number] = None
            except PrismError as error:
                answers[number] = error
        found.member.balance()
        self._wakeups.notify_takers((namespace, topic), len(settlements), group)
        return answers

    async def commit(
        self, namespace: str, topic: str, group: str, leases: Sequence[Lease], records: Sequence[Record]
    ) -> bool:
        """Acknowledges and publishes, all of it or nothing; False where a lease is lost."""
        found = self._members.get((namespace, topic, group))
        if found is None:
            return False
        hand, instant = found.member.hand, now()
        hand.tidy(instant)
        held = [hand.leased(each, instant) for each in leases]
        known = [each for each in held if each is not None]
        if len(known) < len(leases):
            return False
        await asyncio.shield(found.commits.move(known, records).done)
        self._wakeups.notify_takers((namespace, topic), len(leases), group)
        return True

    def _watch_leases(self, name: Name, found: Membership) -> None:
        """Does what is to be done when a lease ends, whether a stream asks or not."""
        end = found.member.hand.next_end()
        if end is None or found.timer is not None or self._members.get(name) is not found:
            return

        def ended() -> None:
            found.timer = None
            found.member.hand.tidy(now())
            found.commits.collect()
            self._wakeups.notify_takers((name[0], name[1]), 1, name[2])
            self._watch_leases(name, found)

        seconds = max((end - now()) / 1e6, 0.0) + _TICK
        found.timer = asyncio.get_running_loop().call_later(seconds, ended)

    def give_back(self, namespace: str, topic: str, group: str, session: str) -> None:
        """A stream has ended: what it has is released."""
        self._ended((namespace, topic, group), session, lambda hand: hand.give_back(session, now()))

    def park(self, namespace: str, topic: str, group: str, session: str, window: int) -> None:
        """A stream broke: what it has is kept for a while."""
        self._ended((namespace, topic, group), session, lambda hand: hand.park(session, window, now()))

    def _ended(self, name: Name, session: str, what: Callable[[Hand], None]) -> None:
        found = self._members.get(name)
        if found is None:
            return
        what(found.member.hand)
        if found.timer is not None:  # leases may end sooner now
            found.timer.cancel()
            found.timer = None
        self._watch_leases(name, found)
        found.lost.pop(session, None)
        self._wakeups.notify((name[0], name[1]))
        if not found.lost and found.leaving is None:
            found.leaving = asyncio.get_running_loop().create_task(self._linger(name, found))

    async def _linger(self, name: Name, found: Membership) -> None:
        """Leaves the group, unless a stream comes, when what was kept for one is kept no longer.

        Sooner where others come: they would wait for the partitions that no stream reads here.
        """
        try:
            found.member.moved.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._options.linger):
                    await found.member.moved.wait()
            while not found.lost:
                found.member.hand.tidy(now())
                found.commits.collect()
                ends = [each.entry.at for each in found.member.hand.in_flight]
                if not ends:
                    break
                await asyncio.sleep(max((min(ends) - now()) / 1e6, 0.05))
        finally:
            found.leaving = None
        if not found.lost and self._members.get(name) is found:
            await self._left(name)

    async def adopt(self, namespace: str, topic: str, group: str, consumer: str, session: str) -> list[Resumed]:
        """A stream begins: joins the group, and gives it what is kept for its consumer."""
        name = (namespace, topic, group)
        found = await self._joined(name)
        standing, _ = self._standing(name)
        if standing.epoch != found.member.standing.epoch:
            await self._begun_anew(name, found)
            found = await self._joined(name)
        found.lost[session] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(_JOIN_SECONDS):
                await found.member.assigned.wait()
        return found.member.hand.adopt(consumer, session, now())

    def partitions(self, namespace: str, topic: str, group: str) -> list[int]:
        """The partitions that this gateway has."""
        found = self._members.get((namespace, topic, group))
        return [] if found is None else found.member.partitions

    def is_member(self, namespace: str, topic: str, group: str) -> bool:
        """Whether this gateway is one of the group's."""
        return (namespace, topic, group) in self._members

    async def visit(self, namespace: str, topic: str, group: str) -> None:
        """Joins a group for a moment, and commits where it stands: brokers forget that of a group that no one joins."""
        found = await self._joined((namespace, topic, group))
        with suppress(TimeoutError):
            async with asyncio.timeout(_JOIN_SECONDS):
                await found.member.assigned.wait()
        found.member.hand.dirty |= found.member.hand.parts.keys()
        await found.commits.flush()
        await self.leave_idle(namespace, topic, group)

    def hand(self, namespace: str, topic: str, group: str) -> Hand | None:
        """What this gateway has of a group."""
        found = self._members.get((namespace, topic, group))
        return None if found is None else found.member.hand

    def listed(self, namespace: str, topic: str, group: str, state: State, *, delayed: bool | None) -> list[Peeked]:
        """The messages in a state that this gateway has."""
        hand = self.hand(namespace, topic, group)
        found = [] if hand is None else hand.listed(state, now(), delayed=delayed)
        return [Peeked(each.entry, each.message) for each in found]

    async def _deadly(self, name: Name, death: Death) -> Sequence[Record]:
        """Where a message goes that died (7)."""
        namespace, topic, group = name
        message, entry = death.held.message, death.held.entry
        record = self._topics.group_record(self._catalogue.table, namespace, topic, group)
        config = config_of(record)
        if config.dead_letter is DeadLetter.DROP:
            return []
        if config.dead_letter is DeadLetter.TOPIC:
            target = config.dead_letter_topic
            await self._topics.create_topic(namespace, target, None)
            noted = {
                "prism-dead-topic": topic,
                "prism-dead-group": group,
                "prism-dead-reason": death.reason,
                "prism-dead-attempts": str(entry.failed),
                "prism-dead-published-at": str(message.published_at),
                "prism-dead-at": str(now()),
            }
            return [letter(message, self._topics.kafka_name(namespace, target), noted)]
        place = self._names.dead(*name)
        if not record["dead"]:
            await self._topics.make(place, 1, dead.settings(config))
            await self._topics.change_group(*name, lambda each: {**each, "dead": True})
        redriven = death.held.part[0] == self._names.redriven(*name)
        return [dead_record(message, place, death.reason, entry.failed, now(), redriven=redriven)]

    async def refresh(self) -> None:
        """Takes up what others have changed."""
        await self._catalogue.sync()
        for name, found in [*self._members.items()]:
            try:
                standing, record = self._standing(name)
            except (GroupNotFound, TopicNotFound) as error:
                found.member.fail(error)
                continue
            before = found.member.standing
            if standing.epoch != before.epoch:
                await self._begun_anew(name, found)
                continue
            if standing.config != before.config or standing.retention != before.retention:
                found.member.standing, found.member.hand.config = standing, standing.config
                self._wakeups.notify((name[0], name[1]))
            if (topics := self._read(name, record)) != [*found.member.topics]:
                found.member.resubscribe(topics)
            idle = standing.config.expire_after_idle
            if idle and found.lost and now() - record["used"] > idle // 4:
                await self._topics.change_group(*name, lambda each: {**each, "used": now()})

    async def _begun_anew(self, name: Name, found: Membership) -> None:
        """The group was moved: what its streams have is revoked, and they get messages from where it stands."""
        streams = [*found.lost]
        await self._left(name)
        again = await self._joined(name)
        again.lost = {each: [] for each in streams}
        self._wakeups.notify((name[0], name[1]))
