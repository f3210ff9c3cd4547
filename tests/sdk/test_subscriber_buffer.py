"""What a subscriber has not taken yet: in order, bounded, ended with the count of what it missed."""

import asyncio

import pytest

from prism.errors import BackendUnavailable, FellBehind
from prism.sdk import Feed
from prism.wire import Code


async def drained(feed: Feed[int]) -> list[int]:
    """What the feed gives before it ends; it must end by having fallen behind."""
    taken: list[int] = []
    try:
        while True:
            taken.append(await anext(feed))
    except FellBehind:
        return taken


async def test_a_reader_gets_what_is_put_in_order() -> None:
    """Messages that were there before it reads and those it waits for come in their order."""
    feed: Feed[int] = Feed(10, 100)
    feed.put(1, 1)
    feed.put(2, 1)
    assert [await anext(feed), await anext(feed)] == [1, 2]
    waiting = asyncio.ensure_future(anext(feed))
    await asyncio.sleep(0)
    assert not waiting.done()
    feed.put(3, 1)
    feed.put(4, 1)
    assert [await waiting, await anext(feed)] == [3, 4]


@pytest.mark.parametrize(("most", "most_bytes"), [(3, 1000), (1000, 3)])
async def test_one_too_many_ends_it_with_the_count(most: int, most_bytes: int) -> None:
    """What fitted is given, then comes the error; what came after the first that did not fit is counted, all of it."""
    feed: Feed[int] = Feed(most, most_bytes)
    for number in range(5):
        feed.put(number, 1)
    assert await anext(feed) == 0
    feed.put(5, 1)
    assert await drained(feed) == [1, 2]
    assert feed.missed == 3
    with pytest.raises(FellBehind, match="missed 3 messages") as caught:
        await anext(feed)
    assert (caught.value.code, caught.value.reason) == (Code.RESOURCE_EXHAUSTED, "GAP")
    assert caught.value.metadata == {"missed": "3"}


async def test_a_loss_on_the_way_counts() -> None:
    """What a store had no room for is missed like what did not fit here, also by a reader that waits."""
    feed: Feed[int] = Feed(10, 100)
    waiting = asyncio.ensure_future(anext(feed))
    await asyncio.sleep(0)
    feed.miss()
    feed.put(1, 1)
    with pytest.raises(FellBehind, match="missed 2"):
        await waiting


async def test_taking_makes_room() -> None:
    """A reader that keeps up may read for ever."""
    feed: Feed[int] = Feed(2, 10)
    for number in range(100):
        feed.put(number, 5)
        feed.put(-number, 5)
        assert [await anext(feed), await anext(feed)] == [number, -number]
    assert feed.missed == 0


async def test_a_single_message_may_be_larger_than_the_room() -> None:
    """A bound on bytes stops no message that nobody waits behind."""
    feed: Feed[int] = Feed(10, 10)
    feed.put(1, 1000)
    feed.put(2, 1)
    assert await drained(feed) == [1]


async def test_an_end_comes_behind_what_waits() -> None:
    """The error that ends a feed reaches its reader after the messages, and a reader that waits at once."""
    feed: Feed[int] = Feed(10, 10)
    feed.put(1, 1)
    feed.end(BackendUnavailable("gone"))
    feed.end(BackendUnavailable("too late"))
    feed.put(2, 1)
    assert await anext(feed) == 1
    with pytest.raises(BackendUnavailable, match="gone"):
        await anext(feed)
    feed = Feed(10, 10)
    waiting = asyncio.ensure_future(anext(feed))
    await asyncio.sleep(0)
    feed.end(BackendUnavailable("gone"))
    with pytest.raises(BackendUnavailable):
        await waiting


async def test_a_reader_that_gives_up_loses_nothing() -> None:
    """A cancelled wait takes no message with it."""
    feed: Feed[int] = Feed(10, 10)
    waiting = asyncio.ensure_future(anext(feed))
    await asyncio.sleep(0)
    waiting.cancel()
    feed.put(1, 1)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await anext(feed) == 1
