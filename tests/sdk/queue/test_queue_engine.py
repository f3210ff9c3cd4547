"""The rules of Queue that are about long times, on rows in memory and by a clock that the test sets."""

from contextlib import nullcontext
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from prism.backends.memory.queue import MemoryRows
from prism.errors import AlreadyExists, GroupNotFound
from prism.sdk.queue import QueueEngine
from prism.sdk.queue.calls import Delivery, Outgoing, Settlement, Start, Verb, Want
from prism.sdk.queue.rows import HOUR, DeadLetter, Group, GroupConfig, State, Tally, TopicConfig

DAY = 24 * HOUR
SECOND = 1_000_000


class World:
    """One topic `t` with a group `g`, and its clock."""

    def __init__(self, max_unsettled: int = 1000, topic: TopicConfig | None = None, **group: Any) -> None:
        ids = count(1)
        self.rows = MemoryRows()
        self.engine = QueueEngine(lambda: f"m{next(ids)}", DAY, max_unsettled)
        self.now = 1_000 * DAY
        self.engine.create_topic(self.rows, "ns", "t", topic or TopicConfig())
        self.engine.create_group(self.rows, self.now, "ns", "t", "g", Start(), GroupConfig(**group))

    def publish(self, name: str = "work", **more: Any) -> str:
        message = Outgoing("t", name.encode(), {}, size=len(name), **more)
        return self.engine.publish(self.rows, self.now, "ns", [message])[0].message_id

    def claim(self, limit: int = 10) -> list[Delivery]:
        want = Want(limit, 1 << 20, at_least_one=True, consumer="c", session="s")
        return list(self.engine.claim(self.rows, self.now, "ns", "t", "g", want).deliveries)

    def settle(self, delivery: Delivery, verb: Verb, **more: Any) -> float | None:
        return self.engine.settle(self.rows, self.now, "ns", "t", "g", [Settlement(delivery.lease, verb, **more)])[0]

    def sweep(self) -> None:
        while self.engine.sweep(self.rows, self.now, 100):
            pass

    def described(self) -> tuple[Group, Tally]:
        self.engine.tidied(self.rows, self.now, "ns", "t", "g")
        group, tally = self.engine.describe(self.rows, self.now, "ns", "t", "g")
        parts = (tally.waiting, tally.delayed, tally.in_flight, tally.dead)
        assert group.offered == sum(parts) + group.acknowledged + group.dead_removed + group.expired
        return group, tally

    def usage(self) -> tuple[int, int]:
        topic = self.engine.topic(self.rows, "ns", "t")
        return self.rows.usage(topic.number)


def test_retention_removes_what_no_group_needs() -> None:
    """13: acknowledged or not; what was not is expired, and a later group gets none of it."""
    world = World()
    world.publish("one")
    world.publish("two")
    (first, _) = world.claim()
    world.settle(first, Verb.ACKNOWLEDGE)
    world.now += DAY + HOUR
    world.sweep()
    world.sweep()  # the lease of the other one ended before it expired
    group, _ = world.described()
    assert (group.acknowledged, group.expired, world.usage()) == (1, 1, (0, 0))
    world.engine.create_group(world.rows, world.now, "ns", "t", "later", Start(), None)
    assert world.engine.describe(world.rows, world.now, "ns", "t", "later")[0].offered == 0


def test_the_dead_outlive_the_topic_s_retention() -> None:
    """7: they are kept dead_retention, for Redrive, which begins their retention anew; others get nothing of them."""
    world = World(dead_retention=14 * DAY)
    message_id = world.publish()
    (delivery,) = world.claim()
    world.settle(delivery, Verb.NACK, dead=True, reason="broken")
    world.now += 10 * DAY
    world.sweep()
    assert world.described()[1].dead == 1
    world.engine.create_group(world.rows, world.now, "ns", "t", "later", Start(), None)
    assert world.engine.describe(world.rows, world.now, "ns", "t", "later")[0].offered == 0
    assert world.engine.redrive(world.rows, world.now, "ns", "t", "g", [message_id], 0) == 1
    world.now += HOUR
    world.sweep()
    (again,) = world.claim()
    assert (again.message.message_id, again.attempt, again.message.payload) == (message_id, 1, b"work")


def test_the_dead_go_after_their_retention() -> None:
    """7: after dead_retention they are kept no longer, and stay counted."""
    world = World(dead_retention=DAY // 2)
    world.publish()
    (delivery,) = world.claim()
    world.settle(delivery, Verb.NACK, dead=True)
    world.now += DAY // 2
    group, tally = world.described()
    assert (group.dead_removed, tally.dead) == (1, 0)


def test_an_idle_group_is_removed_where_it_is_to_be() -> None:
    """12: after expire_after_idle without a consumer; never unless it is set."""
    lasting, brief = World(), World(expire_after_idle=HOUR)
    for world in (lasting, brief):
        world.now += 40 * DAY
        world.sweep()
    assert lasting.described()[0].name == "g"
    with pytest.raises(GroupNotFound):
        brief.described()


def test_a_group_whose_consumer_waits_is_not_idle() -> None:
    """12: who looks as often as it is told to is a consumer, also where there is nothing for it."""
    world = World(expire_after_idle=HOUR)
    until = world.now + DAY
    while world.now < until:
        found = world.engine.ready(world.rows, world.now, "ns", "t", "g")
        if found.wait == 0:
            want = Want(1, 1 << 20, at_least_one=True, consumer="c", session="s")
            found = world.engine.claim(world.rows, world.now, "ns", "t", "g", want)
        assert found.wait is not None
        assert 0 < found.wait <= HOUR / SECOND / 2
        world.now += int(found.wait * SECOND)
        world.sweep()
    assert world.described()[0].name == "g"


def test_a_key_that_is_used_twice_in_a_batch() -> None:
    """14: for something else: refused before anything of the batch is stored; for the same: published once."""
    world = World()
    first = Outgoing("t", b"1", {}, idempotency_key="k", fingerprint=b"1")
    for other, kept in ((replace(first, payload=b"2", fingerprint=b"2"), 0), (first, 1)):
        with pytest.raises(AlreadyExists) if not kept else nullcontext():
            world.engine.publish(world.rows, world.now, "ns", [first, other])
        assert world.described()[0].offered == kept


def test_a_group_has_at_most_max_unsettled_in_flight() -> None:
    """10: then nothing more of it is delivered until something is settled."""
    world = World(max_unsettled=3)
    for _ in range(5):
        world.publish()
    first, *others = world.claim()
    assert (len(others), world.claim()) == (2, [])
    world.settle(first, Verb.ACKNOWLEDGE)
    assert len(world.claim()) == 1


def test_what_begins_anew_has_a_whole_lease() -> None:
    """1: what was fetched and is sent later has its whole ack_deadline from then on, and max_lease too."""
    world = World(ack_deadline=10 * SECOND, max_lease=15 * SECOND)
    world.publish()
    (delivery,) = world.claim()
    world.now += 9 * SECOND
    assert world.settle(delivery, Verb.RESTART) == 10.0
    world.now += 9 * SECOND
    assert world.settle(delivery, Verb.EXTEND) == 6.0  # to fifteen seconds after it was sent
    world.now += 6 * SECOND
    assert world.settle(delivery, Verb.EXTEND) is None


def test_a_message_of_a_key_that_expires_lets_the_next_one_come() -> None:
    """8: expired is done."""
    world = World(ack_deadline=HOUR)
    world.publish("a1", ordering_key="a", ttl=SECOND)
    world.publish("a2", ordering_key="a")
    world.now += 2 * SECOND
    (delivery,) = world.claim()
    assert delivery.message.payload == b"a2"
    assert world.described()[0].expired == 1


def test_backoff_doubles_up_to_its_longest() -> None:
    """6: and is up to a tenth longer."""
    config = GroupConfig(backoff_min=SECOND, backoff_max=5 * SECOND)
    for failed, least in ((1, 1), (2, 2), (3, 4), (4, 5), (400, 5)):
        waits = [QueueEngine.backoff(config, failed) for _ in range(20)]
        assert all(least * SECOND <= wait <= 1.1 * least * SECOND for wait in waits)


def test_another_retention_holds_for_what_is_there() -> None:
    """13: UpdateTopic changes when messages expire that were published before."""
    world = World()
    world.publish()
    world.engine.update_topic(world.rows, "ns", "t", lambda _before: TopicConfig(retention=HOUR))
    world.now += HOUR
    assert world.claim() == []
    assert world.described()[0].expired == 1


def test_every_state_has_its_own_place() -> None:
    """The rows of memory give entries back by state, whatever happened to them before."""
    world = World()
    for _ in range(3):
        world.publish()
    done, dead, _ = world.claim()
    world.settle(done, Verb.ACKNOWLEDGE)
    world.settle(dead, Verb.NACK, dead=True)
    group, _ = world.described()
    found = {state: len(world.rows.listed(group.number, state, 0, 10)) for state in State}
    assert found == {State.WAITING: 0, State.IN_FLIGHT: 1, State.ACKNOWLEDGED: 1, State.DEAD: 1}


def test_what_is_not_overdue_needs_no_sweep() -> None:
    """Nothing is written where time has done nothing."""
    world = World(ack_deadline=HOUR)
    world.publish()
    world.publish()
    world.claim(1)
    assert not world.engine.anything_overdue(world.rows, world.now)
    assert world.engine.anything_overdue(world.rows, world.now + HOUR)
    world.now += HOUR
    world.sweep()
    assert not world.engine.anything_overdue(world.rows, world.now)


def test_a_dead_letter_takes_no_room_from_what_is_not_acknowledged() -> None:
    """13: a topic that keeps until acknowledged refuses what does not fit, and what comes from a group is not refused:
    it comes beyond the bound, and nothing that was there expires for it."""
    world = World(max_attempts=1, dead_letter=DeadLetter.TOPIC, dead_letter_topic="letters")
    full = TopicConfig(until_acknowledged=True, max_bytes=8)
    world.engine.create_topic(world.rows, "ns", "letters", full)
    world.engine.create_group(world.rows, world.now, "ns", "letters", "g", Start(), GroupConfig())
    kept = Outgoing("letters", b"12345678", {}, size=8)
    world.engine.publish(world.rows, world.now, "ns", [kept])
    world.publish()
    world.settle(world.claim()[0], Verb.NACK)
    group, tally = world.engine.describe(world.rows, world.now, "ns", "letters", "g")
    assert (tally.waiting, group.expired) == (2, 0)


def test_a_group_whose_consumer_waits_is_in_use() -> None:
    """12: it is idle without a consumer, not without messages; a consumer that waits is told when to show itself."""
    world = World(expire_after_idle=HOUR)
    for _ in range(8):
        wait = world.engine.ready(world.rows, world.now, "ns", "t", "g").wait
        assert wait is not None
        assert wait * SECOND <= HOUR // 2
        world.now += int(wait * SECOND)
        assert world.engine.ready(world.rows, world.now, "ns", "t", "g").wait == 0
        assert world.claim() == []
        world.sweep()
    assert world.described()[0].name == "g"


def test_what_is_taken_back_takes_no_room() -> None:
    """13: at max_bytes the oldest expire, and none because another one was cancelled."""
    world = World(topic=TopicConfig(max_bytes=10))
    cancelled = world.publish("aaaa")
    (held,) = world.claim()
    assert world.engine.cancel(world.rows, "ns", "t", [cancelled]) == [cancelled]
    for name in ("bbbb", "cccc", "dddd"):
        world.publish(name)
    assert world.usage() == (2, 8)
    assert world.described()[0].expired == 1
    assert world.settle(held, Verb.ACKNOWLEDGE) == 0.0
