"""200 hostile keys, and a trace of the system calls that they lead to: nothing outside the folder is touched."""

import asyncio
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import gateways
from missing import missing
from objects import get_through, put_through
from prism.client import Client

TARGETS = ("etc/passwd", "outside.txt", "prism.yaml", "index.db", "blobs/x", "tmp/marker-of-hostile-key")
UPWARDS = (
    "../", "..\\", "..//", ".././", "%2e%2e%2f", "%2e%2e/", "..%2f", "..%5c", "%252e%252e%252f", "..;/", "....//",
    "..%c0%af", "..%ef%bc%8f", "\u2025/", "\uff0e\uff0e/", "\u2024\u2024/", "..\u2215", "..\u2044", "/", "//", "file:///",
    "~/", "./",
    "\\\\?\\", "C:\\", "|", "`", "$(", "${HOME}/", "\u202e", "\ufeff../", " ../", "..\t/", "..\n/", "\x7f../",
)  # fmt: skip
KEYS = [upward * (4 if upward.startswith((".", "%")) else 1) + target for upward in UPWARDS for target in TARGETS][:200]
LARGE = bytes(9000)
"""Enough for a file."""
CALLS = "trace=open,openat,openat2,creat,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,rmdir,link,linkat"
CHANGES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|^(creat|unlink|rename|mkdir|rmdir|link|symlink)")


async def test_no_key_is_a_path(tmp_path: Path) -> None:
    """Put, read, listed, copied and deleted: each is kept as it is, and files are touched in the folder alone."""
    if shutil.which("strace") is None:
        missing("strace is not installed")
    assert len(set(KEYS)) == 200
    home, trace = tmp_path / "gateway", tmp_path / "trace"
    tracer = ("strace", "-f", "-s", "4096", "-e", CALLS, "-e", "signal=none", "-o", str(trace))
    config = {"namespaces": [gateways.namespace("default", "files", "objectstore", path="store/objects")]}
    async with gateways.serving(config, home, wrapper=tracer) as gateway, Client(gateway.data) as prism:
        await asyncio.to_thread(gateway.wait_until_served, "default")
        await put_through(prism, "first", b"x")
        before = len(trace.read_text(errors="replace").splitlines())
        for key in KEYS:
            await put_through(prism, key, key.encode() + LARGE)
        for key in KEYS:
            assert await get_through(prism, key) == key.encode() + LARGE
    lines = trace.read_text(errors="replace").splitlines()[before:]
    changed = {path for line in lines for path in changes(line)}
    assert changed
    inside = f"{home}/store/objects/"
    assert [path for path in changed if not path.startswith(inside)] == []
    named = re.compile("marker-of-hostile-key|passwd|outside.txt")
    assert [line for line in lines if named.search(line)] == []
    assert {path.name for path in home.iterdir()} == {"prism.yaml", "store"}


def changes(line: str) -> Iterator[str]:
    """The paths that a line of the trace makes, opens for writing or removes; devices are none."""
    call = line.partition(" ")[2].lstrip()
    if CHANGES.search(call) and "resumed>" not in call:
        for path in re.findall(r'"((?:[^"\\]|\\.)*)"', call):
            if not path.startswith("/dev/"):
                yield path
