"""Real plugins beside the tests: built-in ones, and small scripts that behave badly."""

import asyncio
import gc
import sys
from collections.abc import Callable
from pathlib import Path

from prism.context import Context
from prism.interfaces.keyvalue import GetRequest, GetResponse, PutItem, PutRequest
from prism.plugins.discovery import Plugin, discover
from prism.plugins.placement import Command, Limits
from prism.plugins.rpc.instance import RpcInstance
from prism.plugins.sidecar.sidecar import Sidecar

PUT, GET = "prism.data.v1.KeyValue/Put", "prism.data.v1.KeyValue/Get"
MEMORY = discover().found["memory"]
CONTEXT = Context("ns")

Make = Callable[..., Sidecar]
"""Makes an instance."""

SERVING = """
import asyncio, os, sys
from prism._proto.grpc.health.v1.health_pb2 import HealthCheckResponse
from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.wire import Code, Method, Server, Status, StatusError

def answering(answer):
    async def handle(call):
        return answer(call.message)
    return handle

METHODS = {
    "/grpc.health.v1.Health/Check": lambda _: HealthCheckResponse(status=1).SerializeToString(),
    "/prism.plugin.v1.BackendPlugin/Initialize": lambda _: pb.InitializeResponse(
        success=True, identity="odd:1").SerializeToString(),
    "/prism.plugin.v1.BackendPlugin/HealthCheck": lambda _: b"",
}

async def main():
    methods = {path: Method(path, answering(answer)) for path, answer in METHODS.items()}
    path = os.environ["PLUGIN_UNIX_SOCKET_DIR"] + "/p.sock"
    async with Server(methods.get) as server:
        await server.listen("unix:" + path)
        print(f"1|1|unix|{path}|grpc", flush=True)
        await asyncio.Event().wait()
"""
"""A plugin in a few lines, to be made worse: what a script adds to METHODS, it answers."""


def script(source: str, **more: object) -> Command:
    """A command that runs a piece of Python."""
    limits = more.get("limits", Limits())
    assert isinstance(limits, Limits)
    return Command((sys.executable, "-c", source), limits)


def make_sidecar(command: Command | None = None, plugin: Plugin = MEMORY, password: str = "") -> Sidecar:
    """An instance of memory, not started."""
    credentials = {"password": password} if password else {}
    return Sidecar(plugin, command or Command(plugin.command()), {"store": "s"}, credentials, str)


def pid_of(instance: Sidecar) -> int:
    """Its process."""
    pid = instance.status()["pid"]
    assert isinstance(pid, int)
    return pid


async def put(instance: RpcInstance, value: bytes) -> None:
    """Puts an item."""
    request = PutRequest(id="r", items=[PutItem(key=b"k", value=value)])
    await instance.call(PUT, request.SerializeToString(), CONTEXT)


async def get(instance: RpcInstance) -> bytes | None:
    """Gets it."""
    answer = await instance.call(GET, GetRequest(id="r", keys=[b"k"]).SerializeToString(), CONTEXT)
    items = GetResponse.FromString(answer).items
    return items[0].value if items else None


def descriptors() -> int:
    """Open ones of this process, but for those that only wait for the garbage collector."""
    gc.collect()
    return len([*Path("/proc/self/fd").iterdir()])


def is_running(pid: int) -> bool:
    """Whether there is such a process, not counting one that has ended and is not waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def says(instance: Sidecar, text: str) -> str:
    """Waits for a line with a text in what it prints, and gives it."""
    while True:
        for line in instance.logs():
            if text in line:
                return line
        await asyncio.sleep(0.005)


def socket_folder_of(instance: Sidecar) -> Path:
    """Where the process of an instance has its socket."""
    assert instance._run is not None
    return Path(instance._run.endpoint.target.removeprefix("unix:")).parent


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder."""
    return path.exists()


def mode(path: Path) -> int:
    """Its permissions."""
    return path.stat().st_mode & 0o777


def told_at_start(pid: int) -> bytes:
    """A process's command line and environment."""
    return b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("environ", "cmdline"))


def user_of(pid: int) -> int:
    """Whom a process runs as."""
    return Path(f"/proc/{pid}").stat().st_uid
