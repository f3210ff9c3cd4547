"""The well-behaved client beside an attack: it keeps calling, every call must be answered, and it looks each time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from prism.wire import Channel, Deadline
from wire.hostile.gauge import Gauge

LEAST_CALLS = 20
TIMEOUT = 120.0  # seconds for a whole attack, and for one call in it: far more than either needs
_LARGE = b"x" * 100_000

Echo = Callable[[bytes], Awaitable[bytes]]


class Bystander:
    """Calls until it is told to stop; `answered` says how often it has been right."""

    def __init__(self, echo: Echo, gauge: Gauge) -> None:
        self.answered = 0
        self._echo = echo
        self._gauge = gauge
        self._stopping = False
        self._progress = asyncio.Event()

    async def run(self) -> None:
        """Small calls, and now and then one that needs many frames and windows."""
        while not self._stopping or self.answered < LEAST_CALLS:
            message = b"%d" % self.answered if self.answered % 10 else _LARGE
            assert await self._echo(message) == message
            self.answered += 1
            self._gauge.look()
            self._progress.set()

    def stop(self) -> None:
        """Enough, once the least has been done."""
        self._stopping = True

    async def until(self, condition: Callable[[], bool]) -> None:
        """Go on until the condition holds; it is looked at after each answer."""
        while not condition():
            self._progress.clear()
            await self._progress.wait()

    async def calls(self, count: int) -> None:
        """Go on for that many answers."""
        goal = self.answered + count
        await self.until(lambda: self.answered >= goal)


@asynccontextmanager
async def calling(echo: Echo, gauge: Gauge) -> AsyncIterator[Bystander]:
    """Call all the while, and fail with the first call that does."""
    bystander = Bystander(echo, gauge)
    async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as group:
        group.create_task(bystander.run())
        await bystander.calls(1)
        yield bystander
        bystander.stop()


@asynccontextmanager
async def standing_by(address: str, gauge: Gauge) -> AsyncIterator[Bystander]:
    """A bystander with a channel of ours."""
    async with Channel(address) as channel:

        async def echo(message: bytes) -> bytes:
            return await channel.unary("/test.Test/Echo", message, deadline=Deadline.after(TIMEOUT))

        async with calling(echo, gauge) as bystander:
            yield bystander
