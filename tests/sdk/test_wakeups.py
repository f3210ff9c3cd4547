"""Who is woken, and how many."""

import asyncio
from collections.abc import Sequence

from prism.context import Context
from prism.interfaces import queue as q
from prism.sdk.queue import QueueOptions, StoredQueue
from prism.sdk.queue.calls import Claim, Created, Resumed
from prism.sdk.queue.rows import GroupConfig
from prism.sdk.wakeups import Waiter, Wakeups

KEY = ("ns", "t")


def woken(*waiters: Waiter) -> list[bool]:
    """Which are, and no more."""
    found = [each.is_set() for each in waiters]
    for each in waiters:
        each.clear()
    return found


def test_as_many_of_each_group_as_there_is_something_for() -> None:
    """They take turns; of another group as many; who takes nothing is passed by, and told what concerns all."""
    wakeups = Wakeups()
    first, second, full, other = (wakeups.join(KEY, group) for group in ("g", "g", "g", "h"))
    full.takes = False
    wakeups.notify_takers(KEY, 1)
    assert woken(first, second, full, other) == [True, False, False, True]
    wakeups.notify_takers(KEY, 1, "g")
    assert woken(first, second, full, other) == [False, True, False, False]
    wakeups.notify_takers(KEY, 5)
    assert woken(first, second, full, other) == [True, True, False, True]
    wakeups.notify(KEY)
    assert woken(first, second, full, other) == [True] * 4


def test_who_leaves_passes_it_on() -> None:
    """What one was woken for and has not looked at is another's."""
    wakeups = Wakeups()
    first, second = wakeups.join(KEY, "g"), wakeups.join(KEY, "g")
    wakeups.notify_takers(KEY, 1)
    assert woken(second) == [False]
    wakeups.leave(KEY, first)
    assert woken(second) == [True]
    wakeups.leave(KEY, second)
    assert len(wakeups) == 0


class Counting:
    """A store of queues that has nothing, and counts how often it is asked."""

    def __init__(self) -> None:
        self.wakeups = Wakeups()
        self.claims = 0

    async def secret(self) -> bytes:
        return b"secret"

    async def create_group(self, *_: object, **__: object) -> Created[GroupConfig]:
        return Created(GroupConfig(), created=False)

    async def adopt(self, *_: object) -> Sequence[Resumed]:
        return []

    async def park(self, *_: object) -> None:
        pass

    async def claim(self, *_: object) -> Claim:
        self.claims += 1
        return Claim([], 1, None)


async def test_one_message_is_looked_for_by_one_consumer() -> None:
    """Sixteen that wait do not all ask the store for the same message."""
    store = Counting()
    queue = StoredQueue(store, QueueOptions())  # type: ignore[arg-type]  # all that is asked of it

    async def requests() -> object:
        yield q.ConsumeRequest(subscribe=q.Subscribe(topic="t", group="g"))
        await asyncio.Event().wait()

    async def read() -> None:
        async for _ in queue.consume(requests(), Context("ns")):  # type: ignore[arg-type]
            pass

    tasks = [asyncio.create_task(read()) for _ in range(16)]
    async with asyncio.timeout(10):
        while store.claims < 16:  # noqa: ASYNC110  # nothing tells
            await asyncio.sleep(0.001)
    store.wakeups.notify_takers(KEY, 1)
    async with asyncio.timeout(10):
        while store.claims < 17:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)
    assert store.claims == 17
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
