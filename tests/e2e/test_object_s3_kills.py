"""`kill -9` of plugin, S3 server and gateway in the middle of many puts: the old object or the new one, no litter."""

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


def version_of(number: int, version: int) -> bytes:
    """What a key has in one version of it."""
    size = 5 * MIB + 1 + version if number % LARGE == 3 else SIZES[(number + version) % len(SIZES)] + 7 * version
    return content(size, number + version * KEYS)


class Ledger:
    """What may be under each key: the version that was acknowledged last, and those that were sent since."""

    def __init__(self, keys: int) -> None:
        self.possible = [{0} for _ in range(keys)]
        self.acknowledged = 0
        self._enough = asyncio.Event()
        self._wanted = 0

    def sent(self, number: int, version: int) -> None:
        """It may be there from now on."""
        self.possible[number].add(version)

    def confirmed(self, number: int, version: int) -> None:
        """It is there, and nothing before it."""
        self.possible[number] = {version}
        self.acknowledged += 1
        if self.acknowledged >= self._wanted:
            self._enough.set()

    async def until(self, more: int) -> None:
        """Waits until so many more were acknowledged."""
        self._enough.clear()
        self._wanted = self.acknowledged + more
        async with asyncio.timeout(120):
            await self._enough.wait()


async def test_kills_leave_whole_objects(
    tmp_path: Path, server: Versitygw, whole: bool, often: Callable[[int], int]
) -> None:
    """The plugin, the server and the gateway are killed, each a third through as many puts as there are keys: what was
    acknowledged is there, and else what was sent since, whole; no upload is open.
    """
    keys = KEYS if whole else often(FEW)
    ledger = Ledger(keys)
    gateway = at(server, tmp_path / "gateway", "sidecar")
    await asyncio.to_thread(gateway.start)
    try:
        await asyncio.to_thread(gateway.wait_until_served, "default")
        async with Client(gateway.data) as prism:
            await put_all(prism, ledger, 0)
        assert ledger.acknowledged == keys
        for version, victim in enumerate(("plugin", "server", "gateway"), start=1):
            await put_until_killed(gateway, server, ledger, version, victim)
            if victim != "gateway":
                await asyncio.to_thread(gateway.wait_until_served, "default")
    finally:
        await asyncio.to_thread(gateway.stop)
    later = at(server, tmp_path / "later", "in_process", sweep_interval=0.1, objects={"upload_ttl": 0.2})
    await asyncio.to_thread(later.start)
    try:
        await asyncio.to_thread(later.wait_until_served, "default")
        async with Client(later.data) as prism:
            for number in range(keys):
                found = await get_through(prism, f"key {number}")
                assert found in [version_of(number, each) for each in ledger.possible[number]], number
        await until_no_upload_is_open(server)
    finally:
        await asyncio.to_thread(later.stop)


def at(server: Versitygw, folder: Path, placement: str, **more: Any) -> gateways.GatewayProcess:
    """A gateway whose default namespace is on the bucket."""
    entry = gateways.namespace(
        "default", "s3", "objectstore", endpoint=server.url, bucket=BUCKET, part_size="5MiB", **more
    )
    entry |= {
        "credentials": server.credentials(),
        "plugin": {"type": placement},
    }
    return gateways.GatewayProcess({"namespaces": [entry]}, folder)


async def put_all(prism: Client, ledger: Ledger, version: int) -> None:
    """Puts a version of each key, many at once; those of a version that is killed may fail."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def put(number: int) -> None:
        async with turns:
            ledger.sent(number, version)
            try:
                await put_through(prism, f"key {number}", version_of(number, version))
            except PrismError:
                if not version:
                    raise
                return
            ledger.confirmed(number, version)

    await asyncio.gather(*map(put, range(len(ledger.possible))))


async def put_until_killed(
    gateway: gateways.GatewayProcess, server: Versitygw, ledger: Ledger, version: int, victim: str
) -> None:
    """Puts a version of each key; a third through, one of the three is killed."""
    keys, before = len(ledger.possible), ledger.acknowledged
    async with Client(gateway.data) as prism:
        putting = asyncio.create_task(put_all(prism, ledger, version))
        await ledger.until(keys // 3)
        if victim == "plugin":
            (plugin,) = children_of(gateway.pid)
            os.kill(plugin, signal.SIGKILL)
        elif victim == "server":
            await asyncio.to_thread(server.kill)
        else:
            await asyncio.to_thread(gateway.kill)
        if victim != "plugin":
            await prism.close()
        await putting
    assert 0 < ledger.acknowledged - before < keys
    await asyncio.to_thread(server.start)


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
