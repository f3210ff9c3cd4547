"""The wheel of deadlines."""

import asyncio
import itertools
from time import monotonic

from prism.wire.timer import DeadlineWheel, Expiring


class Entry:
    """Something with a deadline, and when it expired."""

    def __init__(self, seconds: float) -> None:
        self.expires = monotonic() + seconds
        self.ended = False
        self.bucket: set[Expiring] | None = None
        self.expired: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def expire(self) -> None:
        """Note when."""
        self.ended = True
        self.expired.set_result(monotonic())


async def test_entries_expire_in_order_and_never_early() -> None:
    """Whether they are due within a tick, within some, or passed before they came."""
    wheel = DeadlineWheel(asyncio.get_running_loop())
    entries = [Entry(seconds) for seconds in (-1, 0, 0.005, 0.03, 0.06, 0.03)]
    for entry in entries:
        wheel.add(entry)
    expired = await asyncio.gather(*[entry.expired for entry in entries])
    assert all(at >= entry.expires for at, entry in zip(expired, entries, strict=True))
    wheel.close()


async def test_what_has_ended_is_left_alone() -> None:
    """Whether it ended within the first tick, or later."""
    wheel = DeadlineWheel(asyncio.get_running_loop())
    early, late, last = Entry(0.005), Entry(1.0), Entry(1.1)
    for entry in (early, late, last):
        wheel.add(entry)
    early.ended = True
    filed = Entry(0.03)
    wheel.add(filed)
    await filed.expired
    assert late.bucket is not None
    late.bucket.discard(late)
    await last.expired
    assert not early.expired.done()
    assert not late.expired.done()
    wheel.close()


async def test_deadlines_that_pass_at_once_are_told_some_at_a_time() -> None:
    """Each may be a handler to cancel: others have their turns in between."""
    loop = asyncio.get_running_loop()
    wheel = DeadlineWheel(loop)
    entries = [Entry(0.03) for _ in range(200)]
    for entry in entries:
        wheel.add(entry)
    expired: list[int] = []

    def turn() -> None:
        expired.append(sum(entry.expired.done() for entry in entries))
        if expired[-1] < len(entries):
            loop.call_soon(turn)

    loop.call_soon(turn)
    await asyncio.gather(*[entry.expired for entry in entries])
    assert max(after - before for before, after in itertools.pairwise(expired)) <= 20
    wheel.close()


async def test_far_deadlines_share_their_buckets() -> None:
    """Thousands of calls with an hour to go do not make thousands of sets."""
    wheel = DeadlineWheel(asyncio.get_running_loop())
    entries = [Entry(3600 + number / 10) for number in range(1000)]
    near = Entry(0.03)
    for entry in [*entries, near]:
        wheel.add(entry)
    await near.expired
    assert len({id(entry.bucket) for entry in entries}) <= 2
    wheel.close()


async def test_an_entry_that_fails_takes_no_other_s_deadline() -> None:
    """Nor those that are added later."""
    loop = asyncio.get_running_loop()
    failures: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _, context: failures.append(context))
    wheel = DeadlineWheel(loop)

    class Failing(Entry):
        def expire(self) -> None:
            """Fail."""
            super().expire()
            raise RuntimeError("a defect")

    entries = [Entry(0.03) for _ in range(30)]
    for entry in (*entries, Failing(0.03), *(others := [Entry(0.03) for _ in range(30)])):
        wheel.add(entry)
    await asyncio.gather(*[entry.expired for entry in (*entries, *others)])
    later = Entry(0.01)
    wheel.add(later)
    await later.expired
    assert len(failures) == 1
    wheel.close()
