"""Files of the kind that package archives hold, in and out of a gateway by the command line and by curl, with their
checksums; transfers at anyone's pace, and through gateways that die.
"""

import asyncio
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest

import gateways
from e2e.test_shared_ways import memory_of
from missing import missing
from prism.client import Client, ObjectStore, RetryPolicy
from prism.wire.address import Address

MIB: Final = 1 << 20
SIZES: Final = (0, 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1)
SPARSE: Final = 2 << 30
MANY, FEW = 20_000, 120
"""Files, where all of the matrix is run and elsewhere."""
READERS: Final = 64
GROWTH: Final = (256 + 128) * MIB
"""Bytes that a gateway may grow by, at whatever pace others read and write: the budget of all transfers, and what is on
its way of 128 of them."""
ODD: Final = (
    "{}_1:2.3~rc1+dfsg-4ubuntu{}_amd64.deb",
    "lib{}c++-{}-dev_all.deb",
    "sp ace {} {}",
    "per%cent%2F{}-{}",
    "\u00fcml\u00e4ut-{}-{}",
    "a&b=c;d,e-{}-{}",
    "q?h#f-{}-{}",
    "'\"`$(x)-{}-{}",
    "\U0001f4e6-{}-{}",
    "back\\slash-{}-{}",
    "[x]({}){{y}}-{}",
    "-dash-{}-{}",
    ".hidden-{}-{}",
    "new\nline-{}-{}",
    "e\u0301-{}-{}",
    "\x7f\x01-{}-{}",
    "..{}..{}..",
)


def archive(folder: Path, count: int, largest: int) -> dict[str, bytes]:
    """A folder of packages in a pool; the checksum of each file, by its path."""
    chosen = random.Random(count)
    sums = {}
    for number in range(count):
        name = ODD[number % len(ODD)].format(number, chosen.randrange(100))
        path = f"pool/main/{chosen.choice('abcdefgh')}/{number % 97}/{name}"
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        size = SIZES[number] if number < len(SIZES) else chosen.choice((0, 100, 4000, 20_000))
        data = chosen.randbytes(size)
        target.write_bytes(data)
        sums[path] = hashlib.sha256(data).digest()
    large = folder / "pool" / "sparse.iso"
    with large.open("wb") as file:
        file.truncate(largest)
        file.seek(largest // 2)
        file.write(b"in the midst")
    sums["pool/sparse.iso"] = checksum(large)
    return sums


def checksum(path: Path) -> bytes:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def checksums(folder: Path) -> dict[str, bytes]:
    """Of every file beneath a folder."""
    return {
        str(Path(root, name).relative_to(folder)): checksum(Path(root, name))
        for root, _, names in os.walk(folder)
        for name in names
    }


@pytest.fixture
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[gateways.GatewayProcess]:
    """One with objects in a folder; the backend in its process unless a test places it elsewhere."""
    placement = getattr(request, "param", "in_process")
    store = gateways.namespace("default", "files", "objectstore", path="objects")
    config = {"namespaces": [store | {"plugin": {"type": placement}}]}
    with gateways.running(config, tmp_path / "gateway") as process:
        process.wait_until_served("default")
        yield process


def prism(gateway: gateways.GatewayProcess, folder: Path, *arguments: str) -> str:
    """What the command prints."""
    environment = os.environ | {"PRISM_ENDPOINT": gateway.data, "XDG_STATE_HOME": str(folder / "state")}
    done = subprocess.run(
        [sys.executable, "-m", "prism", "object", *arguments], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def curl(gateway: gateways.GatewayProcess, folder: Path, transfers: list[tuple[str, Path]], *, up: bool) -> None:
    """All of them, some at a time."""
    sections = []
    for key, path in transfers:
        url = f"http://{gateway.data}/objects/default?key={quote(key, safe='')}"
        shown = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        where = [f'upload-file = "{shown}"', 'output = "/dev/null"'] if up else [f'output = "{shown}"']
        sections.append("\n".join(["globoff", "fail", f'url = "{url}"', *where, ""]))
    config = folder / "curl.config"
    config.write_text("next\n".join(sections))
    subprocess.run(
        ["curl", "-sS", "--no-progress-meter", "--parallel", "--parallel-max", "16", "--fail-early", "-K", str(config)],
        check=True,
    )


def test_an_archive_goes_in_and_out(gateway: gateways.GatewayProcess, tmp_path: Path, whole: bool) -> None:
    """Every name and size by `prism object` and by curl, in either direction: checksums equal, listings equal."""
    if shutil.which("curl") is None:
        missing("curl is not installed")
    source = tmp_path / "source"
    sums = archive(source, MANY if whole else FEW, SPARSE if whole else 65 * MIB)
    prism(gateway, tmp_path, "put", "-r", "default", "prism/", str(source), "--parallel", "8")
    curl(gateway, tmp_path, [(f"curl/{name}", source / name) for name in sums], up=True)
    for prefix in ("prism/", "curl/"):
        listed = [each["key"] for each in json.loads(prism(gateway, tmp_path, "list", "default", prefix, "-o", "json"))]
        assert listed == sorted((prefix + name for name in sums), key=str.encode)
    # What one has put, the other gets.
    prism(gateway, tmp_path, "get", "-r", "default", "curl/", str(tmp_path / "by-prism"), "--parallel", "8")
    assert checksums(tmp_path / "by-prism") == sums
    shutil.rmtree(tmp_path / "by-prism")
    for name in sums:
        (tmp_path / "by-curl" / name).parent.mkdir(parents=True, exist_ok=True)
    curl(gateway, tmp_path, [(f"prism/{name}", tmp_path / "by-curl" / name) for name in sums], up=False)
    assert checksums(tmp_path / "by-curl") == sums


@pytest.mark.parametrize("gateway", ["in_process", "sidecar"], indirect=True)
async def test_slow_readers_and_writers_cost_little(gateway: gateways.GatewayProcess, whole: bool) -> None:
    """64 of each over plain HTTP hold little of a large object, and one who is fast goes on beside them."""
    size = (200 if whole else 24) * MIB
    data = bytes(MIB)

    async def large() -> AsyncIterator[bytes]:
        for _ in range(size // MIB):
            yield data

    async with Client(gateway.data) as prism_client:
        objects = prism_client.objects()
        await objects.put("large", large())
        before = memory_of(gateway.pid)
        where = Address.parse(gateway.data)
        writers = []
        for number in range(READERS):
            for request in (
                "GET /objects/default/large HTTP/1.1\r\nhost: x\r\n\r\n",
                f"PUT /objects/default/slow{number} HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n",
            ):
                reader, writer = await asyncio.open_connection(where.host, where.port)
                writer.write(request.encode() + (bytes(100_000) if request.startswith("PUT") else b""))
                writers.append((reader, writer))
        for reader, _ in writers[::2]:
            await reader.readexactly(MIB)
        grown = (memory_of(gateway.pid) - before) * MIB
        got = 0
        async with asyncio.timeout(60), objects.get("large") as fast:
            async for chunk in fast:
                got += len(chunk)
        assert got == size
        for _, writer in writers:
            writer.transport.abort()
        assert grown < GROWTH
        assert [each.key async for each in objects.list("slow")] == []


@pytest.mark.parametrize("signal", ["KILL", "TERM"])
async def test_an_upload_and_a_download_outlive_their_gateway(tmp_path: Path, signal: str) -> None:
    """Killed, or stopped in order, in the midst of both: when it is back they go on, and are whole."""
    data = random.Random(2).randbytes(24 * MIB)
    source, target = tmp_path / "source", tmp_path / "target"
    await asyncio.to_thread(source.write_bytes, data)
    store = gateways.namespace("default", "files", "objectstore", path="objects")
    first = gateways.GatewayProcess({"namespaces": [store]}, tmp_path / "gateway")
    await asyncio.to_thread(first.start)
    config = {"namespaces": [store], "gateway": {"listen": first.data, "drain_timeout": 0.1}}
    await asyncio.to_thread(first.stop)
    gateway = gateways.GatewayProcess(config, tmp_path / "gateway")
    await asyncio.to_thread(gateway.start)
    moved = asyncio.Event()
    count = 0

    def progress(size: int) -> None:
        nonlocal count
        count += size
        if count > 5 * MIB:
            moved.set()

    retry = RetryPolicy(first_delay=0.05, longest_delay=0.2)
    try:
        async with Client(gateway.data, retry=retry) as prism_client:
            objects = prism_client.objects()
            for work in (
                lambda: objects.upload("k", source, part_size=MIB, parallel=2, on_progress=progress),
                lambda: _slow_download(objects, target, progress),
            ):
                moved.clear()
                count = 0
                working = asyncio.create_task(work())
                await asyncio.wait((working, asyncio.create_task(moved.wait())), return_when=asyncio.FIRST_COMPLETED)
                assert not working.done(), f"it ended before it was cut: {working.exception()!r}"
                await asyncio.to_thread(gateway.kill if signal == "KILL" else gateway.stop)
                await asyncio.to_thread(gateway.start)
                await working
                assert count == len(data)
            assert [each async for each in objects.list_uploads()] == []
        assert await asyncio.to_thread(target.read_bytes) == data
    finally:
        await asyncio.to_thread(gateway.stop)


async def _slow_download(objects: ObjectStore, target: Path, progress: object) -> None:
    """One that can be interrupted: nothing is done as fast as this by itself."""
    with await asyncio.to_thread(target.open, "wb") as file:
        async with objects.get("k", on_progress=progress) as reader:  # type: ignore[arg-type]
            async for chunk in reader:
                file.write(chunk)
                await asyncio.sleep(0.002)
