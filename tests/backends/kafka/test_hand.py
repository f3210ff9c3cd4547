"""What a gateway has of a group, without Kafka: partitions that are lost and come back."""

import pytest

from prism.backends.kafka.queue.hand import Hand
from prism.backends.kafka.queue.held import Held
from prism.backends.kafka.queue.progress import Progress
from prism.errors import Conflict, Outcome
from prism.sdk.queue.calls import Delivery, Settlement, Verb, Want
from prism.sdk.queue.rows import GroupConfig, Message

PART = ("t", 0)
NOW = 1_790_000_000_000_000


def hand_with(*offsets: int, floor: int = 0) -> Hand:
    """Messages of one partition, none of them done."""
    hand = Hand(GroupConfig())
    hand.add(PART, 0, Progress(1, floor))
    read(hand, *offsets)
    return hand


def read(hand: Hand, *offsets: int, key: str = "") -> None:
    for offset in offsets:
        message = Message(0, f"m{offset}", b"x", {}, key, NOW, NOW, 0, NOW * 2, seq=offset, size=1)
        hand.put(PART, message, "", NOW)


def leased(hand: Hand) -> list[Delivery]:
    return hand.lease(Want(100, 1 << 20, True, "c", "s"), NOW, 100)


def acknowledged(hand: Hand, delivery: Delivery) -> object:
    return hand.settle(Settlement(delivery.lease, Verb.ACKNOWLEDGE), NOW)


def test_what_was_not_committed_is_not_acknowledged_again() -> None:
    """CONTRACT, Queue 2: a partition goes before the commit: what became of it is not known until it comes back."""
    hand = hand_with(0, 1)
    first, _ = leased(hand)
    assert acknowledged(hand, first) == (0.0, PART)
    assert acknowledged(hand, first) == (0.0, PART), "acknowledging twice succeeds"
    hand.remove(PART)
    with pytest.raises(Conflict) as raised:
        acknowledged(hand, first)
    assert raised.value.outcome is Outcome.UNKNOWN
    hand.add(PART, 0, Progress(1, 0))
    assert acknowledged(hand, first) == (None, None), "it was not committed, and comes again"
    hand.remove(PART)
    hand.add(PART, 0, Progress(1, 1))
    assert acknowledged(hand, first) == (0.0, PART), "it was committed"


def test_one_that_is_doubtful_leaves_the_others() -> None:
    """What is asked for several at once is answered for each: of the one of a partition that went it is not known."""
    hand = hand_with(0)
    (gone,) = leased(hand)
    acknowledged(hand, gone)
    hand.remove(PART)
    hand.add(("t", 1), 0, Progress(1, 0))
    hand.put(("t", 1), Message(0, "m", b"x", {}, "", NOW, NOW, 0, NOW * 2, seq=7, size=1, partition=1), "", NOW)
    (here,) = leased(hand)
    (doubt, _), certain = hand.settle_all([Settlement(each.lease, Verb.ACKNOWLEDGE) for each in (gone, here)], NOW)
    assert isinstance(doubt, Conflict)
    assert doubt.outcome is Outcome.UNKNOWN
    assert certain == (0.0, ("t", 1))


def test_what_was_committed_may_be_acknowledged_again_wherever_its_partition_is() -> None:
    """CONTRACT, Queue 2: acknowledging twice succeeds."""
    hand = hand_with(0)
    (first,) = leased(hand)
    held = hand.leased(first.lease, NOW)
    assert held is not None
    acknowledged(hand, first)
    hand.committed([held], NOW)
    hand.remove(PART)
    assert acknowledged(hand, first) == (0.0, None)


def test_a_message_that_came_back_is_another() -> None:
    """What is done with the one before changes nothing of it: neither acknowledged, nor dead, nor leased again."""
    hand = hand_with(0)
    (delivery,) = leased(hand)
    before = hand.leased(delivery.lease, NOW)
    assert isinstance(before, Held)
    hand.remove(PART)
    hand.add(PART, 0, Progress(1, 0))
    read(hand, 0)
    assert not hand.has(before)
    hand.acknowledge(before)
    hand.buried(before)
    hand.survive(before, NOW)
    progress = hand.parts[PART].progress
    assert (progress.done, progress.counts.acknowledged, progress.counts.dead) == (set(), 0, 0)
    assert [each.message.message_id for each in leased(hand)] == ["m0"]
