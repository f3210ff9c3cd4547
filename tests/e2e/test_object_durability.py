"""What an acknowledged object has reached, seen in a trace of system calls: its bytes, its name, then the index."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest

import gateways
from e2e.test_durability import joined
from missing import missing
from objects import put_through
from prism.client import Client

MARKER = b"marker-of-the-traced-object"
ORDER = (
    re.compile(r"fsync\(\d+<[^>]*/blobs/[0-9a-f]{16}-0/[0-9a-f]{32}>\)\s*= 0"),
    re.compile(r"fsync\(\d+<[^>]*/blobs/[0-9a-f]{16}-0>\)\s*= 0"),
    re.compile(r"(fsync|fdatasync)\(\d+<[^>]*index\.db-wal>\)\s*= 0"),
    re.compile(r"TCP:\[.*grpc-status"),
)
"""The blob, the folder that has its name, the log of the index, and the answer."""


@pytest.mark.parametrize(
    ("durability", "synced"),
    [
        pytest.param("synced", True, id="synced"),
        pytest.param("store", False, id="without-sync-the-check-fails"),
    ],
)
async def test_an_object_is_synced_before_the_index_that_publishes_it(
    tmp_path: Path, durability: str, synced: bool
) -> None:
    """First its bytes, then its name, then the commit, and only then the acknowledgement."""
    if shutil.which("strace") is None:
        missing("strace is not installed")
    trace = tmp_path / "trace"
    calls = "trace=fsync,fdatasync,read,recvfrom,recvmsg,write,writev,sendto,sendmsg"
    tracer = ("strace", "-f", "-yy", "-s", "400", "-e", calls, "-o", str(trace))
    namespace = gateways.namespace("default", "files", "objectstore", path="objects", durability=durability)
    config = {"namespaces": [namespace]}
    async with gateways.serving(config, tmp_path / "gateway", wrapper=tracer) as gateway, Client(gateway.data) as prism:
        await asyncio.to_thread(gateway.wait_until_served, "default")
        await put_through(prism, "warm-up", b"x")
        await put_through(prism, "k", MARKER * 1000)
    lines = trace.read_text(errors="replace").splitlines()
    written = next(n for n, line in enumerate(lines) if "writev" in line and MARKER.decode() in line)
    assert in_order(list(joined(lines[written:]))) is synced


def in_order(lines: list[str]) -> bool:
    """Whether the four come one after the other."""
    place = -1
    for wanted in ORDER:
        place = next((n for n, line in enumerate(lines) if n > place and wanted.search(line)), len(lines))
    return place < len(lines)
