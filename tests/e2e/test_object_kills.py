"""`kill -9` in the middle of many puts of objects: each key has the old one or the new one, whole."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import gateways
from e2e.test_plugins import children_of
from objects import content, get_through, put_through
from prism.client import Client
from prism.errors import PrismError

KEYS = 500
AT_ONCE = 32
INLINE = 8 << 10
"""Bytes of an object that needs no file."""
SIZES = (0, 1, 4096, 65_537, 400_000)


def old_and_new(number: int) -> tuple[bytes, bytes]:
    """The contents of a key before and after."""
    size = SIZES[number % len(SIZES)]
    return content(size, number), content(SIZES[(number + 1) % len(SIZES)] + 7, number + KEYS)


@pytest.mark.parametrize("placement", ["in_process", "sidecar"])
async def test_a_kill_leaves_whole_objects(tmp_path: Path, placement: str, often: Callable[[int], int]) -> None:
    """By a ledger of the test's own: what was acknowledged is there, and what was not is old or new."""
    keys = often(KEYS)
    folder = tmp_path / "gateway" / "objects"
    namespace = gateways.namespace("default", "files", "objectstore", path="objects", sweep_interval=0.1)
    gateway = gateways.GatewayProcess(
        {"namespaces": [namespace | {"plugin": {"type": placement}}]}, tmp_path / "gateway"
    )
    await asyncio.to_thread(gateway.start)
    try:
        await asyncio.to_thread(gateway.wait_until_served, "default")
        async with Client(gateway.data) as prism:
            await put_all(prism, keys, 0, lambda count: None)
        acknowledged = await put_until_killed(gateway, keys, placement)
        assert 0 < len(acknowledged) < keys
        if placement == "in_process":
            await asyncio.to_thread(gateway.start)
        await asyncio.to_thread(gateway.wait_until_served, "default")
        async with Client(gateway.data) as prism:
            found = [await get_through(prism, f"key {number}") for number in range(keys)]
            wrong = [number for number in range(keys) if found[number] not in old_and_new(number)]
            lost = [number for number in acknowledged if found[number] != old_and_new(number)[1]]
            full = sum(1 for each in found if each is not None and len(each) > INLINE)
            await until_files(folder / "blobs", full)
    finally:
        await asyncio.to_thread(gateway.stop)
    assert (wrong, lost) == ([], [])


async def put_all(prism: Client, keys: int, which: int, acknowledged: Callable[[int], None]) -> None:
    """Puts each key, many at once, until one fails."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def put(number: int) -> None:
        async with turns:
            try:
                await put_through(prism, f"key {number}", old_and_new(number)[which])
            except PrismError:
                if not which:
                    raise
                return
            acknowledged(number)

    await asyncio.gather(*map(put, range(keys)))


async def put_until_killed(gateway: gateways.GatewayProcess, keys: int, placement: str) -> set[int]:
    """What was acknowledged until the process with the store was killed, a third through."""
    acknowledged: set[int] = set()
    enough = asyncio.Event()

    def note(number: int) -> None:
        acknowledged.add(number)
        if len(acknowledged) >= keys // 3:
            enough.set()

    async with Client(gateway.data) as prism:
        putting = asyncio.create_task(put_all(prism, keys, 1, note))
        async with asyncio.timeout(120):
            await enough.wait()
        if placement == "sidecar":
            (plugin,) = children_of(gateway.pid)
            os.kill(plugin, signal.SIGKILL)
            seen = set(acknowledged)
            await prism.close()
        else:
            await asyncio.to_thread(gateway.kill)
            seen = acknowledged
        await putting
    return seen


async def until_files(folder: Path, count: int) -> None:
    """Waits until there are so many files: one for each object that is not small."""
    async with asyncio.timeout(30):
        while files_in(folder) != count:  # noqa: ASYNC110  # a folder tells nothing
            await asyncio.sleep(0.05)


def files_in(folder: Path) -> int:
    """How many files are below a folder."""
    return sum(len(files) for _, _, files in os.walk(folder))
