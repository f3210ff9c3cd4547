"""Objects by the programs that people have: curl over HTTP/1.1 and HTTP/2, and wget."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.objects_http import site as sites
from gateway.objects_http.site import OBJECTS, Site
from missing import missing

SIZES = [0, 1, (5 << 20) - 1, 5 << 20, (5 << 20) + 1]
VERSIONS = ("--http1.1", "--http2-prior-knowledge")


@pytest.fixture(autouse=True)
def _programs() -> None:
    for name in ("curl", "wget"):
        if shutil.which(name) is None:
            missing(f"{name} is not installed")


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A data port with objects in memory."""
    async with sites.site() as made:
        yield made


async def run(*arguments: str | Path, stdin: bytes = b"", code: int = 0) -> bytes:
    """What a program prints."""
    process = await asyncio.create_subprocess_exec(
        *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate(stdin)
    assert process.returncode == code, err.decode()
    return out


async def curl(site: Site, version: str, *arguments: str | Path, key: str = "k", stdin: bytes = b"") -> bytes:
    """curl on an object."""
    url = f"http://{site.address}{OBJECTS}/{key}"
    return await run(
        "curl", "-sS", "--fail-with-body", "--globoff", "--path-as-is", version, *arguments, url, stdin=stdin
    )


@pytest.mark.parametrize("version", VERSIONS)
async def test_curl_puts_and_gets(site: Site, tmp_path: Path, version: str) -> None:
    """Files of sizes about a part's, by -T and from a pipe; ranges, and a download that goes on."""
    for size in SIZES:
        data = os.urandom(size)
        source, target = tmp_path / "in", tmp_path / "out"
        await asyncio.to_thread(source.write_bytes, data)
        await curl(site, version, "-T", source)
        assert await curl(site, version) == data
        await curl(site, version, "-T", "-", key="piped", stdin=data)
        assert await curl(site, version, key="piped") == data
        if size > 1:
            assert await curl(site, version, "-r", f"1-{size // 2}") == data[1 : size // 2 + 1]
            await asyncio.to_thread(target.write_bytes, data[: size // 2])
            await curl(site, version, "-C", "-", "-o", target)
            assert await asyncio.to_thread(target.read_bytes) == data
    head = await curl(site, version, "-I")
    assert f"content-length: {SIZES[-1]}".encode() in head.lower()
    await curl(site, version, "-X", "DELETE")
    assert b"404" in await curl_status(site, version)


async def curl_status(site: Site, version: str, *arguments: str) -> bytes:
    """The status alone."""
    url = f"http://{site.address}{OBJECTS}/k"
    return await run("curl", "-sS", version, "-o", os.devnull, "-w", "%{http_code}", *arguments, url)


@pytest.mark.parametrize("version", VERSIONS)
async def test_curl_waits_to_be_asked(site: Site, tmp_path: Path, version: str) -> None:
    """A condition that does not hold is said before a byte of the file is sent."""
    source = tmp_path / "in"
    with source.open("wb") as file:
        file.truncate(50 << 20)
    await site.put("k", b"old")
    url = f"http://{site.address}{OBJECTS}/k"
    told = ("-H", "expect: 100-continue", "-H", "if-none-match: *", "--expect100-timeout", "20")
    wanted = "%{http_code} %{size_upload}"
    said = await run("curl", "-sS", version, "-o", os.devnull, "-w", wanted, *told, "-T", source, url)
    status, sent = said.split()
    assert status == b"412"
    assert int(sent) <= (0 if version == "--http1.1" else 65_535)  # there curl sends what a first window takes
    assert site.port.objects._http.transfers.bytes["received"] == 3


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_refused_upload_is_not_read(site: Site, tmp_path: Path, version: str) -> None:
    """Without waiting for anything: curl has its answer, and most of the file stays where it is."""
    source = tmp_path / "in"
    with source.open("wb") as file:
        file.truncate(200 << 20)
    url = f"http://{site.address}{OBJECTS}/k"
    told = ("-H", "expect:", "-H", "content-range: bytes 0-1/2")
    wanted = "%{http_code} %{size_upload}"
    said = await run("curl", "-sS", version, "-o", os.devnull, "-w", wanted, *told, "-T", source, url)
    status, sent = said.split()
    assert status == b"400"
    assert int(sent) < 50 << 20


async def test_wget_goes_on(site: Site, tmp_path: Path) -> None:
    """wget -c completes what is there, and does nothing for a file that is whole."""
    data = os.urandom(1 << 20)
    await site.put("k", data)
    target = tmp_path / "k"
    await asyncio.to_thread(target.write_bytes, data[:300_000])
    for _ in range(2):
        await run("wget", "-q", "-c", "-O", target, f"http://{site.address}{OBJECTS}/k")
        assert await asyncio.to_thread(target.read_bytes) == data
    sent = site.port.objects._http.transfers.bytes["sent"]
    assert sent == len(data) - 300_000


async def test_many_transfers_share_a_connection(site: Site, tmp_path: Path) -> None:
    """Over HTTP/2, each at its own pace, none mixed with another."""
    bodies = {f"k{number}": os.urandom(300_000 + number) for number in range(10)}
    for key, body in bodies.items():
        await site.put(key, body)
    url = f"http://{site.address}{OBJECTS}"
    arguments = [text for key in bodies for text in (f"{url}/{key}", "-o", str(tmp_path / key))]
    await run("curl", "-sS", "--http2-prior-knowledge", "--parallel", "--parallel-immediate", *arguments)
    for key, body in bodies.items():
        assert await asyncio.to_thread((tmp_path / key).read_bytes) == body
