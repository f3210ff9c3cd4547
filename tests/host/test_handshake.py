"""A plugin that a host has started: the line on standard output, the socket behind it, and its end."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from host.standalone import command
from prism._proto.grpc.health.v1 import health_pb2
from prism.host.go_plugin import COOKIE, COOKIE_VALUE, handshake_line
from prism.host.testing import NotStarted, running
from prism.wire import Channel, Deadline


class Started:
    """A plugin that a host started.

    Attributes:
        process: the process.
        line: its first line on standard output.
    """

    def __init__(self, process: asyncio.subprocess.Process, line: str) -> None:
        self.process = process
        self.line = line

    @property
    def path(self) -> Path:
        """Where it listens, as its line says."""
        return Path(self.line.split("|")[3])

    async def end(self, number: signal.Signals) -> int:
        """Its exit code after a signal."""
        self.process.send_signal(number)
        async with asyncio.timeout(20):
            return await self.process.wait()


async def start(folder: Path, *words: str, versions: str = "1") -> Started:
    """Starts one as a host does."""
    handshake = {COOKIE: COOKIE_VALUE, "PLUGIN_PROTOCOL_VERSIONS": versions, "PLUGIN_UNIX_SOCKET_DIR": str(folder)}
    process = await asyncio.create_subprocess_exec(
        *(words or command("memory")),
        env=os.environ | handshake,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        return Started(process, (await process.stdout.readline()).decode())


@pytest.fixture
async def started(tmp_path: Path) -> AsyncIterator[Started]:
    """A memory plugin, started by a host."""
    started = await start(tmp_path)
    yield started
    if started.process.returncode is None:
        started.process.kill()
        await started.process.wait()


async def ask(started: Started, path: str, message: bytes) -> bytes:
    """Calls a method on its socket."""
    async with Channel(f"unix:{started.path}") as channel:
        return await channel.unary(path, message, deadline=Deadline.after(10))


async def test_the_line(started: Started, tmp_path: Path) -> None:
    """go-plugin's: core version, protocol, network, address, gRPC; the socket is in the host's folder, for us alone."""
    assert started.line == handshake_line(f"unix:{started.path}")
    assert started.line.split("|")[:3] == ["1", "1", "unix"]
    assert started.path.parent == tmp_path
    assert started.path.stat().st_mode & 0o777 == 0o600


async def test_a_host_of_other_versions_is_told_ours(tmp_path: Path) -> None:
    """The line says which version is spoken, and it is the host that compares, as with every go-plugin."""
    started = await start(tmp_path, versions="2,3")
    assert started.line.split("|")[1] == "1"
    assert await started.end(signal.SIGTERM) == 0


async def test_a_folder_whose_name_is_too_long(tmp_path: Path) -> None:
    """The kernel allows a socket's path 107 bytes; the log says what the matter is."""
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    started = await start(folder)
    assert started.line == ""
    assert started.process.stderr is not None
    assert b"AF_UNIX path too long" in await started.process.stderr.read()
    assert await started.process.wait() == 1


async def test_hosts_ask_for_the_health_of_plugin(started: Started) -> None:
    """go-plugin pings by grpc.health.v1 with that name."""
    request = health_pb2.HealthCheckRequest(service="plugin").SerializeToString()
    answer = health_pb2.HealthCheckResponse.FromString(await ask(started, "/grpc.health.v1.Health/Check", request))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_the_controller_ends_it(started: Started) -> None:
    """plugin.GRPCController/Shutdown, with streams of go-plugin's own held open, ends the process in order."""
    async with (
        Channel(f"unix:{started.path}") as channel,
        channel.open("/plugin.GRPCStdio/StreamStdio") as stdio,
        channel.open("/plugin.GRPCBroker/StartStream") as broker,
    ):
        await stdio.send(b"")
        await stdio.end()
        await broker.send(b"")
        assert await channel.unary("/plugin.GRPCController/Shutdown", b"", deadline=Deadline.after(10)) == b""
        assert await stdio.receive() is None
    async with asyncio.timeout(20):
        assert await started.process.wait() == 0
    assert not started.path.exists()


async def test_a_signal_ends_it(started: Started) -> None:
    """SIGINT is the host's business, as a terminal sends it to both; SIGTERM ends the plugin in order."""
    started.process.send_signal(signal.SIGINT)
    request = health_pb2.HealthCheckRequest().SerializeToString()
    assert await ask(started, "/grpc.health.v1.Health/Check", request)
    assert await started.end(signal.SIGTERM) == 0


async def test_what_is_printed_is_log(tmp_path: Path) -> None:
    """Standard output carries the line and nothing else, whatever the plugin's code prints; the rest is in the log."""
    (tmp_path / "noisy").mkdir()
    (tmp_path / "noisy" / "__init__.py").touch()
    noise = "import os\nprint('noise of print')\nos.write(1, b'noise of a library\\n')\n"
    (tmp_path / "noisy" / "config.py").write_text(noise + "from prism.backends.memory.config import MemoryConfig\n")
    manifest = (Path(sys.modules["prism"].__path__[0]) / "backends" / "memory" / "plugin.toml").read_text()
    manifest = manifest.replace('name = "memory"', 'name = "noisy"').replace(
        "prism.backends.memory.config:", "noisy.config:"
    )
    (tmp_path / "noisy" / "plugin.toml").write_text(manifest)
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from prism.sdk import serve; serve('noisy', [])"
    async with running([sys.executable, "-c", program]) as plugin:
        assert plugin.initialised.success
    assert plugin.process.stdout is not None
    assert await plugin.process.stdout.read() == b""


async def test_a_plugin_ends_with_its_host(tmp_path: Path) -> None:
    """A host that is killed leaves no orphan: the kernel sees to it."""
    program = (
        "import os, subprocess, sys\n"
        f"os.environ.update({{{COOKIE!r}: {COOKIE_VALUE!r}, 'PLUGIN_UNIX_SOCKET_DIR': {str(tmp_path)!r}}})\n"
        f"plugin = subprocess.Popen({command('memory')!r}, stdout=subprocess.PIPE)\n"
        "print(plugin.pid, plugin.stdout.readline().decode(), flush=True)\n"
        "sys.stdin.read()\n"
    )
    host = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert host.stdout is not None
    pid = int((await host.stdout.readline()).split()[0])
    watched = os.pidfd_open(pid)
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(watched, gone.set)
    try:
        host.kill()
        async with asyncio.timeout(20):
            await gone.wait()
    finally:
        asyncio.get_running_loop().remove_reader(watched)
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(watched, signal.SIGKILL)
        os.close(watched)
        await host.wait()


async def test_auto_mtls_is_refused(tmp_path: Path) -> None:
    """A host that wants certificates on a socket of its own user hears so, instead of a handshake that fails."""
    environment = os.environ | {
        COOKIE: COOKIE_VALUE,
        "PLUGIN_CLIENT_CERT": "PEM",
        "PLUGIN_UNIX_SOCKET_DIR": str(tmp_path),
    }
    done = await asyncio.to_thread(
        subprocess.run, command("memory"), env=environment, capture_output=True, text=True, timeout=20
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "AutoMTLS" in done.stderr


def test_the_stock_host_loads_it(go_host: Path) -> None:
    """HashiCorp's own library starts it, reads its line, pings it, calls it and ends it; nothing is left."""
    with tempfile.TemporaryDirectory() as folder:  # a short path, for a socket
        environment = os.environ | {"TMPDIR": folder}
        done = subprocess.run(
            [go_host, *command("memory")], env=environment, capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stdout.split()) == (0, ["pinged", "memory", "ended"]), done.stderr
        assert list(Path(folder).iterdir()) == []


async def test_a_command_that_is_no_plugin_is_told_by_what_it_prints() -> None:
    """prism.host.testing quotes the line that came instead of the handshake."""
    with pytest.raises(NotStarted, match="something else"):
        async with running([sys.executable, "-c", "print('something else')"]):
            pass
