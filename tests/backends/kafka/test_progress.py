"""What fits into the metadata of a committed offset, and comes back."""

import random

from prism.backends.kafka.queue.progress import MOST, Failure, Progress, restored


def read(progress: Progress, offsets: range) -> None:
    for each in offsets:
        progress.fetched(each)


def test_what_is_done_behind_a_gap_comes_back() -> None:
    """The floor is the first offset that is not done; single ones behind it have a bit each."""
    progress = Progress(epoch=7, floor=100)
    read(progress, range(100, 120))
    progress.done |= {100, 101, 105, 119}
    progress.failures[103] = Failure(2, 1_790_000_000_000)
    progress.counts.acknowledged = 4
    progress.advance()
    offset, metadata = progress.snapshot()
    assert offset == 102
    again = restored(offset, metadata)
    assert again is not None
    assert (again.epoch, again.floor, again.done) == (7, 102, {105, 119})
    assert (again.failures, again.counts.acknowledged) == ({103: Failure(2, 1_790_000_000_000)}, 4)


def test_offsets_that_are_no_messages_are_passed_over() -> None:
    """Marks of transactions and what compaction removed leave gaps: nothing waits for them."""
    progress = Progress(epoch=1, floor=0)
    for each in (0, 5, 9):
        progress.fetched(each)
    progress.done |= {0, 5}
    progress.advance()
    assert progress.snapshot()[0] == 9
    progress.done.add(9)
    progress.advance()
    assert progress.snapshot()[0] == 10


def test_a_whole_window_fits_whatever_is_done_in_it() -> None:
    """10,000 bits that do not compress, and failures as far as there is room: a broker takes 4,096 bytes."""
    chance = random.Random(1)
    progress = Progress(epoch=2**48 - 1, floor=1 << 40)
    read(progress, range(1 << 40, (1 << 40) + 10_000))
    progress.done = {each for each in range((1 << 40) + 1, (1 << 40) + 10_000) if chance.random() < 0.5}
    progress.failures = {
        each: Failure(chance.randint(1, 9), 1_790_000_000_000 + chance.randint(0, 10**9))
        for each in progress.order
        if each not in progress.done and chance.random() < 0.2
    }
    offset, metadata = progress.snapshot()
    assert offset == 1 << 40
    assert len(metadata) <= MOST
    again = restored(offset, metadata)
    assert again is not None
    assert again.done == progress.done
    assert again.failures.items() <= progress.failures.items()
    assert len(again.failures) >= 100


def test_what_moves_is_as_if_it_were_done() -> None:
    """A transaction commits the offsets of what it acknowledges; nothing has changed where it fails."""
    progress = Progress(epoch=1, floor=0)
    read(progress, range(4))
    assert progress.snapshot({0, 2})[0] == 1
    assert progress.snapshot()[0] == 0


def test_what_another_has_committed_is_none_of_ours() -> None:
    """A group that a stock client has used begins anew."""
    assert restored(5, "") is None
    assert restored(5, "consumer-1") is None
    assert restored(5, "p1no-base85\x00") is None


def test_an_offset_that_is_read_twice_counts_once() -> None:
    """A partition that begins anew at its floor may be read before it by what was under way."""
    progress = Progress(epoch=1, floor=5)
    assert [progress.fetched(each) for each in (3, 5, 6, 5, 6, 7)] == [False, True, True, False, False, True]
    progress.done |= {5, 6}
    progress.advance()
    assert progress.snapshot()[0] == 7
    assert [progress.is_done(each) for each in (4, 6, 7)] == [True, True, False]
