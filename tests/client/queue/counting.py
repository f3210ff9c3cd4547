"""What a group has of its messages."""

import asyncio
from contextlib import suppress
from dataclasses import asdict

from prism.client import GroupNotFound, Queue


async def until(jobs: Queue, **expected: int) -> None:
    """Waits until group `g` of topic `t` has these counts; by what it says, as nothing else tells."""
    while True:
        with suppress(GroupNotFound):  # its first consumer makes it
            counts = asdict(await jobs.describe_group("t", "g"))
            if all(counts[name] == value for name, value in expected.items()):
                return
        await asyncio.sleep(0.005)
