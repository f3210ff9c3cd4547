"""Which wire runs: the native one where it is installed, fits and is not left out. And the tests of its core crate."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from missing import missing

_ROOT = Path(__file__).parents[2]
_WHICH = "from prism.wire.native import DESCRIPTION, WIRE; print(WIRE, DESCRIPTION, sep=': ')"


def _which(**environment: str) -> str:
    """What a process with this environment says."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PRISM_NATIVE", "PYTHONPATH")}
    command = [sys.executable, "-c", _WHICH]
    done = subprocess.run(command, env=kept | environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_it_is_used_where_it_is_installed() -> None:
    """Nothing need be configured."""
    if importlib.util.find_spec("prism_native") is None:
        missing("Rust did not build the native part of the wire here: `make test` says why")
    assert _which().startswith("native: native, prism-native ")


def test_it_can_be_left_out() -> None:
    """By a variable, for one process."""
    assert _which(PRISM_NATIVE="0") == "python: in plain Python: PRISM_NATIVE is 0"


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("INTERFACE, __version__ = 0, '9.9'", "prism-native 9.9 is of another version of Prism"),
        ("raise ImportError('no GLIBC_2.99')", "prism-native cannot be loaded: no GLIBC_2.99"),
        ("raise ModuleNotFoundError", "prism-native is not installed"),
    ],
)
def test_one_that_does_not_fit_is_not_used(tmp_path: Path, module: str, why: str) -> None:
    """All goes on in Python, and says why."""
    (tmp_path / "prism_native.py").write_text(module)
    assert _which(PYTHONPATH=str(tmp_path)).startswith(f"python: in plain Python: {why}")


_STREAM = """
import asyncio, sys
from prism.wire import Channel, Method, Server, ServerCall
from prism.wire.grpc.inbox import Inbox
async def many(call: ServerCall) -> None:
    for number in range(100):
        await call.send(bytes((number,)) * 65_536)
fed = []
feed = Inbox.feed
def counted(self, data, start, stop):
    fed.append(stop - start)
    feed(self, data, start, stop)
Inbox.feed = counted
async def main():
    method = Method("/a.B/C", many, server_streaming=True)
    async with Server({method.path: method}.get) as server:
        await server.listen(f"unix:{sys.argv[1]}")
        async with Channel(f"unix:{sys.argv[1]}") as channel, channel.open(method.path) as call:
            await call.send(b"")
            await call.end()
            number = 0
            async for message in call:
                assert message == bytes((number,)) * 65_536
                number += 1
            assert number == 100
asyncio.run(main())
print(sum(fed))
"""


@pytest.mark.parametrize(("native", "least", "most"), [("1", 0, 4 << 20), ("0", 6_553_600, 6_560_000)])
def test_messages_of_a_stream_are_taken_out_of_a_read_at_once(
    tmp_path: Path, native: str, least: int, most: int
) -> None:
    """What Python is fed is what stands alone in a read, or calls for more than to be taken."""
    if importlib.util.find_spec("prism_native") is None:
        missing("Rust did not build the native part of the wire here: `make test` says why")
    command = [sys.executable, "-c", _STREAM, str(tmp_path / "s")]
    done = subprocess.run(
        command, env=os.environ | {"PRISM_NATIVE": native}, capture_output=True, text=True, check=True
    )
    assert least <= int(done.stdout) <= most


def test_the_core_crate() -> None:
    """The examples of the RFCs, and what ends a run, in Rust."""
    if shutil.which("cargo") is None or subprocess.run(["cargo", "--version"], capture_output=True).returncode:
        missing("Rust is not installed: the tests of the native part's core crate need cargo")
    command = ["cargo", "test", "--quiet", "--locked", "--package", "prism-wire-core"]
    done = subprocess.run(command, cwd=_ROOT / "native", capture_output=True, text=True, check=False)
    if "failed to download" in done.stderr or "failed to get" in done.stderr:
        missing(f"Rust cannot have its crates here: {done.stderr.strip()[-300:]}")
    assert done.returncode == 0, done.stdout + done.stderr
