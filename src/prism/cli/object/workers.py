"""Some tasks side by side, whose first failure is the command's."""

import asyncio
from collections.abc import Awaitable, Callable


async def workers(count: int, work: Callable[[], Awaitable[None]]) -> None:
    """Runs as many of them until all have ended; raises what the first one that failed raised."""

    async def one() -> None:
        await work()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(one())
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
