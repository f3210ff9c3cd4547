"""Slow readers and writers of objects beside fast ones: memory is bounded, and nobody waits for them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

import gateways
from objects import GET, PUT, content, get_through, put_through
from prism.client import Client
from prism.interfaces import objectstore as o

SLOW = 64
PAUSE = 0.25
"""Seconds for a chunk of 256 KiB: 1 MB/s."""
CHUNK = 256 << 10
MAX_EACH = 6 << 20
"""Bytes that a slow one may take: batches in the plugin, and the windows and buffers of gateway and sidecar."""


def resident(pid: int) -> int:
    """Bytes of a process that are in memory, all its children with it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = (int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in (pid, *children))
    return sum(pages) * 4096


@pytest.mark.parametrize("placement", ["in_process", "sidecar"])
async def test_slow_ones_hold_their_own_stream_only(
    tmp_path: Path, placement: str, often: Callable[[int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of them read and half write, half of each on one connection; fast ones go on beside them."""
    slow, size = max(often(SLOW), 8), often(64) << 20
    data = content(1 << 20) * (size >> 20)
    namespace = gateways.namespace("default", "files", "objectstore", path="objects")
    config = {"namespaces": [namespace | {"plugin": {"type": placement}}]}
    async with gateways.serving(config, tmp_path / "gateway") as gateway, AsyncExitStack() as stack:
        await asyncio.to_thread(gateway.wait_until_served, "default")
        fast = await stack.enter_async_context(Client(gateway.data))
        shared = await stack.enter_async_context(Client(gateway.data))
        await put_through(fast, "k", data)
        alone = await timed(fast, data)
        before = resident(gateway.pid)
        going = asyncio.Event()
        tasks = []
        for number in range(slow):
            own = number % 4 < 2
            client = await stack.enter_async_context(Client(gateway.data)) if own else shared
            work = reads_slowly(client, going) if number % 2 else writes_slowly(client, f"slow {number}", going)
            tasks.append(asyncio.create_task(work))
        await asyncio.sleep(4 * PAUSE)
        beside = [await timed(fast, data), await timed(shared, data)]
        grown = resident(gateway.pid) - before
        going.set()
        await asyncio.gather(*tasks)
        with capsys.disabled():
            print(f"\n{placement}: {slow} slow ones, {grown >> 20} MiB more; fast alone {alone:.2f} s, beside {beside}")
        assert grown < slow * MAX_EACH
        for number in range(0, slow, 2):
            found = await get_through(fast, f"slow {number}")
            assert found is not None
            assert set(found) == {120}


async def timed(client: Client, data: bytes) -> float:
    """Seconds of an object down and up."""
    since = time.monotonic()
    assert await get_through(client, "k") == data
    await put_through(client, "fast", data)
    return time.monotonic() - since


async def reads_slowly(client: Client, enough: asyncio.Event) -> None:
    """Takes chunk after chunk with pauses; in the end what is left, or nothing more."""
    responses = client.stream("default", GET, o.GetRequest(key="k"), timeout=600)
    try:
        async for _ in responses:
            if enough.is_set():
                break
            await asyncio.sleep(PAUSE)
    finally:
        await responses.aclose()


async def writes_slowly(client: Client, key: str, enough: asyncio.Event) -> None:
    """Sends chunk after chunk with pauses, until it is enough."""

    async def requests() -> AsyncIterator[o.PutRequest]:
        yield o.PutRequest(head=o.PutHead(key=key))
        size = 0
        while not enough.is_set():
            yield o.PutRequest(chunk=b"x" * CHUNK)
            size += CHUNK
            await asyncio.sleep(PAUSE)
        yield o.PutRequest(finish=o.Finish(size=size))

    await client.call("default", PUT, requests(), timeout=600)
