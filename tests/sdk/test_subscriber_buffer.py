"""What a subscriber has not taken yet: in order, bounded, ended with the count of what it missed."""

import asyncio

import pytest

from prism.errors import BackendUnavailable, FellBehind
from prism.sdk import SubscriberBuffer
from prism.wire import Code


async def drained(buffer: SubscriberBuffer[int]) -> list[int]:
    """What the buffer gives before it ends; it must end by having fallen behind."""
    taken: list[int] = []
    try:
        while True:
            taken.append(await anext(buffer))
    except FellBehind:
        return taken


async def test_a_reader_gets_what_is_put_in_order() -> None:
    """Messages that were there before it reads and those it waits for come in their order."""
    buffer: SubscriberBuffer[int] = SubscriberBuffer(10, 100)
    buffer.put(1, 1)
    buffer.put(2, 1)
    assert [await anext(buffer), await anext(buffer)] == [1, 2]
    waiting = asyncio.ensure_future(anext(buffer))
    await asyncio.sleep(0)
    assert not waiting.done()
    buffer.put(3, 1)
    buffer.put(4, 1)
    assert [await waiting, await anext(buffer)] == [3, 4]


@pytest.mark.parametrize(("most", "max_bytes"), [(3, 1000), (1000, 3)])
async def test_one_too_many_ends_it_with_the_count(most: int, max_bytes: int) -> None:
    """What fitted is given, then comes the error; what came after the first that did not fit is counted, all of it."""
    buffer: SubscriberBuffer[int] = SubscriberBuffer(most, max_bytes)
    for number in range(5):
        buffer.put(number, 1)
    assert await anext(buffer) == 0
    buffer.put(5, 1)
    assert await drained(buffer) == [1, 2]
    assert buffer.missed == 3
    with pytest.raises(FellBehind, match="missed 3 messages") as caught:
        await anext(buffer)
    assert (caught.value.code, caught.value.reason) == (Code.RESOURCE_EXHAUSTED, "GAP")
    assert caught.value.metadata == {"missed": "3"}


async def test_a_loss_on_the_way_counts() -> None:
    """What a store had no room for is missed like what did not fit here, also by a reader that waits."""
    buffer: SubscriberBuffer[int] = SubscriberBuffer(10, 100)
    waiting = asyncio.ensure_future(anext(buffer))
    await asyncio.sleep(0)
    buffer.miss()
    buffer.put(1, 1)
    with pytest.raises(FellBehind, match="missed 2"):
        await waiting


async def test_taking_makes_room() -> None:
    """A reader that keeps up may read for ever."""
    buffer: SubscriberBuffer[int] = SubscriberBuffer(2, 10)
    for number in range(100):
        buffer.put(number, 5)
        buffer.put(-number, 5)
        assert [await anext(buffer), await anext(buffer)] == [number, -number]
    assert buffer.missed == 0


async def test_a_single_message_may_be_larger_than_the_room() -> None:
    """A bound on bytes stops no message that nobody waits behind."""
    buffer: SubscriberBuffer[int] = SubscriberBuffer(10, 10)
    buffer.put(1, 1000)
    buffer.put(2, 1)
    assert await drained(buffer) == [1]


async def test_an_end_comes_behind_what_waits() -> None:
    """The error that ends a buffer reaches its reader after the messages, and a reader that waits at once."""
    buffer: SubscriberBuffer[int] = SubscriberBuffer(10, 10)
    buffer.put(1, 1)
    buffer.end(BackendUnavailable("gone"))
    buffer.end(BackendUnavailable("too late"))
    buffer.put(2, 1)
    assert await anext(buffer) == 1
    with pytest.raises(BackendUnavailable, match="gone"):
        await anext(buffer)
    buffer = SubscriberBuffer(10, 10)
    waiting = asyncio.ensure_future(anext(buffer))
    await asyncio.sleep(0)
    buffer.end(BackendUnavailable("gone"))
    with pytest.raises(BackendUnavailable):
        await waiting


async def test_a_reader_that_gives_up_loses_nothing() -> None:
    """A cancelled wait takes no message with it."""
    buffer: SubscriberBuffer[int] = SubscriberBuffer(10, 10)
    waiting = asyncio.ensure_future(anext(buffer))
    await asyncio.sleep(0)
    waiting.cancel()
    buffer.put(1, 1)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await anext(buffer) == 1
