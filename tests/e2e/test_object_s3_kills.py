"""`kill -9` of gateway, plugin and S3 server in the middle of many puts: the old object or the new one, no litter."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import gateways
from e2e.test_plugins import children_of
from missing import missing
from objects import content, get_through, put_through
from prism.acceptance.store.polling import eventually
from prism.client import Client
from prism.errors import PrismError

pytest.importorskip("aiobotocore")

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from prism.backends.s3.testing import ServerMissing, Versitygw, make_bucket  # needs the driver

KEYS = 500
FEW = 150
AT_ONCE = 32
MIB = 1 << 20
SIZES = (0, 1, 4096, 65_537, 400_000)
LARGE = 25
"""Each of so many objects goes by parts."""

BUCKET = "kills"


@pytest.fixture
async def server() -> AsyncIterator[Versitygw]:
    """A server of the test's own, with the bucket."""
    try:
        server = Versitygw()
    except ServerMissing as absent:
        missing(str(absent))
    await asyncio.to_thread(server.start)
    await make_bucket(server.url, server.credentials(), BUCKET, versions=False)
    yield server
    await asyncio.to_thread(server.stop)


def old_and_new(number: int) -> tuple[bytes, bytes]:
    """The contents of a key before and after."""
    if number % LARGE == 3:
        return content(5 * MIB + 1, number), content(6 * MIB, number + KEYS)
    size = SIZES[number % len(SIZES)]
    return content(size, number), content(SIZES[(number + 1) % len(SIZES)] + 7, number + KEYS)


@pytest.mark.parametrize("victim", ["gateway", "plugin", "server"])
async def test_a_kill_leaves_whole_objects(
    tmp_path: Path, server: Versitygw, victim: str, whole: bool, often: Callable[[int], int]
) -> None:
    """By a ledger of the test's own: what was acknowledged is there, what was not is old or new; no upload is open."""
    keys = KEYS if whole else often(FEW)
    gateway = at(server, tmp_path / "gateway", victim)
    await asyncio.to_thread(gateway.start)
    try:
        await asyncio.to_thread(gateway.wait_until_served, "default")
        async with Client(gateway.data) as prism:
            await put_all(prism, keys, 0, lambda _: None)
        acknowledged = await put_until_killed(gateway, server, keys, victim)
        assert 0 < len(acknowledged) < keys
    finally:
        await asyncio.to_thread(gateway.stop)
    await asyncio.to_thread(server.start)
    later = at(server, tmp_path / "later", "", sweep_interval=0.1, objects={"upload_ttl": 0.2})
    await asyncio.to_thread(later.start)
    try:
        await asyncio.to_thread(later.wait_until_served, "default")
        async with Client(later.data) as prism:
            found = [await get_through(prism, f"key {number}") for number in range(keys)]
        await until_no_upload_is_open(server)
    finally:
        await asyncio.to_thread(later.stop)
    wrong = [number for number in range(keys) if found[number] not in old_and_new(number)]
    lost = [number for number in acknowledged if found[number] != old_and_new(number)[1]]
    assert (wrong, lost) == ([], [])


def at(server: Versitygw, folder: Path, victim: str, **more: Any) -> gateways.GatewayProcess:
    """A gateway whose default namespace is on the bucket."""
    entry = gateways.namespace(
        "default", "s3", "objectstore", endpoint=server.url, bucket=BUCKET, part_size="5MiB", **more
    )
    entry |= {
        "credentials": server.credentials(),
        "plugin": {"type": "sidecar" if victim == "plugin" else "in_process"},
    }
    return gateways.GatewayProcess({"namespaces": [entry]}, folder)


async def put_all(prism: Client, keys: int, which: int, acknowledged: Callable[[int], None]) -> None:
    """Puts each key, many at once; new ones until they fail."""
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


async def put_until_killed(gateway: gateways.GatewayProcess, server: Versitygw, keys: int, victim: str) -> set[int]:
    """What was acknowledged until one of the three was killed, a third through, and afterwards."""
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
        if victim == "plugin":
            (plugin,) = children_of(gateway.pid)
            os.kill(plugin, signal.SIGKILL)
        elif victim == "server":
            await asyncio.to_thread(server.kill)
        else:
            await asyncio.to_thread(gateway.kill)
        seen = set(acknowledged)
        await prism.close()
        await putting
    return seen


async def until_no_upload_is_open(server: Versitygw) -> None:
    """Asks the server itself until the sweep has ended all."""
    account = server.credentials()
    async with get_session().create_client(
        "s3",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=account["access_key_id"],
        aws_secret_access_key=account["secret_access_key"],
        config=AioConfig(s3={"addressing_style": "path"}),
    ) as client:

        async def none_open() -> bool:
            return not (await client.list_multipart_uploads(Bucket=BUCKET)).get("Uploads")

        await eventually(none_open, "a sweep tells nothing")
