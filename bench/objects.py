"""Large objects up and down through the gateway, beside nginx on the same disk and Envoy in front of it."""

import asyncio
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gateways
from bench.measure import cpu_seconds, resident_bytes
from bench.report import Row, Table, write
from prism.acceptance.run.remote_plugins import RemotePlugins
from prism.acceptance.store.held_port import HeldPort
from prism.acceptance.store.server_process import ServerProcess
from prism.client import Client
from prism.interfaces import objectstore as o
from prism.plugins.discovery import discover

CHUNK = 256 << 10
ROUNDS = 3
_DISK = Path(".cache").resolve()
"""On the disk of the project; the folder for temporary files may be memory."""
SMALL, CALLERS, SECONDS = 4096, 16, 3.0
PUT, GET = "prism.data.v1.ObjectStore/Put", "prism.data.v1.ObjectStore/Get"
PLACEMENTS = ("in_process", "sidecar", "remote")
NOTE = (
    "One object at a time. Prism by gRPC in chunks of 256 KiB, from a client of its own process; nginx (WebDAV PUT, "
    "sendfile) by curl, straight and through Envoy, HTTP/1.1. nginx does not sync what it stores, and neither computes "
    "a checksum; Prism does both. Processor time is that of gateway and plugin together, of nginx, of Envoy alone. "
    "Memory is the most that was resident during a transfer beyond what was before it. Medians of interleaved rounds."
)


@dataclass(frozen=True, slots=True)
class Store:
    """One contestant.

    Attributes:
        name: in the table.
        up: puts an object of so many bytes.
        down: gets it.
        pids: whose processor time and memory count.
    """

    name: str
    up: Callable[[int], Awaitable[None]]
    down: Callable[[int], Awaitable[None]]
    pids: Callable[[], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Transfer:
    """What one transfer took.

    Attributes:
        seconds: of time.
        cpu: of processors.
        memory: bytes more than before, at most.
    """

    seconds: float
    cpu: float
    memory: int


def run() -> None:
    """Runs the competitions: sizes in megabytes from the environment, else 100 and 1,024."""
    asyncio.run(_run([int(each) for each in os.environ.get("PRISM_BENCH_OBJECTS_MB", "100 1024").split()]))


async def _run(sizes: Sequence[int]) -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=_DISK)))
        stores, clients = await _stores(folder, stack)
        for megabytes in sizes:
            results = await compete(stores, megabytes << 20)
            for way in ("up", "down"):
                report(way, megabytes, {name: each for (name, of), each in results.items() if of == way})
        await _small(
            {
                each.name: (clients[each.name.removeprefix("prism ")], each)
                for each in stores
                if each.name.startswith("prism ")
            }
        )


async def _stores(folder: Path, stack: AsyncExitStack) -> tuple[list[Store], dict[str, Client]]:
    (folder / "remote-plugin").mkdir()
    remote = RemotePlugins(discover().found["files"], folder / "remote-plugin")
    stack.push_async_callback(remote.stop)
    sections: dict[str, Any] = {"sidecar": {"type": "sidecar"}, "remote": await remote.start(1)}
    stores, clients = [], {}
    for placement in PLACEMENTS:
        entry = gateways.namespace("default", "files", "objectstore", path=str(folder / f"objects-{placement}"))
        entry |= {"plugin": sections[placement]} if placement in sections else {}
        gateway = await stack.enter_async_context(gateways.serving({"namespaces": [entry]}, folder / placement))
        await asyncio.to_thread(gateway.wait_until_served, "default")
        client = clients[placement] = await stack.enter_async_context(Client(gateway.data))
        beside = remote.pids if placement == "remote" else []
        stores.append(by_grpc(f"prism {placement}", client, gateway, beside))
    nginx = await stack.enter_async_context(_nginx(folder))
    stores += nginx
    return stores, clients


def by_grpc(name: str, client: Client, gateway: gateways.GatewayProcess, beside: Sequence[int]) -> Store:
    chunk = o.PutRequest(chunk=os.urandom(CHUNK))

    async def requests(size: int) -> AsyncIterator[o.PutRequest]:
        yield o.PutRequest(head=o.PutHead(key="k", size=size))
        for _ in range(size // CHUNK):
            yield chunk
        yield o.PutRequest(finish=o.Finish(size=size))

    async def up(size: int) -> None:
        await client.call("default", PUT, requests(size), timeout=3600)

    async def down(size: int) -> None:
        came = 0
        async for each in client.stream("default", GET, o.GetRequest(key="k"), timeout=3600):
            came += len(each.chunk)
        assert came == size

    def pids() -> Sequence[int]:
        children = Path(f"/proc/{gateway.pid}/task/{gateway.pid}/children").read_text().split()
        return [gateway.pid, *map(int, children), *beside]

    return Store(name, up, down, pids)


@asynccontextmanager
async def _nginx(folder: Path) -> AsyncIterator[list[Store]]:
    nginx, envoy, curl = _nginx_program(), envoy_program(), shutil.which("curl")
    if nginx is None or curl is None:
        print("nginx or curl is not here, so the gateway is alone", file=sys.stderr)
        yield []
        return
    root = folder / "nginx"
    (root / "data").mkdir(parents=True)
    port = HeldPort()
    server = ServerProcess("nginx", root)
    text = _NGINX.format(root=root, port=port)
    (root / "nginx.conf").write_text(text)
    options = f"daemon off; master_process off; error_log stderr notice; pid {root}/pid;"
    server.launch(
        [nginx, "-p", str(root), "-e", "stderr", "-c", str(root / "nginx.conf"), "-g", options], "event method"
    )
    stores = [by_curl("nginx", f"http://127.0.0.1:{port}", folder, lambda: [server.pid])]
    (folder / "envoy").mkdir()
    front = ServerProcess("envoy", folder / "envoy")
    try:
        if envoy is not None:
            before = HeldPort()
            config = ENVOY.format(port=before, upstream=port)
            front.launch(
                [envoy, "--config-yaml", config, "--use-dynamic-base-id", "--concurrency", "1"],
                "starting main dispatch loop",
            )
            stores.append(by_curl("Envoy before nginx", f"http://127.0.0.1:{before}", folder, lambda: [front.pid]))
        yield stores
    finally:
        if envoy is not None:
            await asyncio.to_thread(front.end)
        await asyncio.to_thread(server.end)


def _nginx_program() -> str | None:
    """That of this machine, or the one that the tests have unpacked."""
    unpacked = Path(".cache/nginx/usr/sbin/nginx").resolve()
    return shutil.which("nginx", path="/usr/sbin:/usr/bin") or (str(unpacked) if unpacked.exists() else None)


def envoy_program() -> str | None:
    """That of the package."""
    spec = find_spec("envoy")
    return None if spec is None or spec.origin is None else str(Path(spec.origin).parent / "_bin" / "envoy")


_NGINX = """
worker_processes 1;
events {{}}
http {{
  access_log off; sendfile on; client_max_body_size 0; client_body_buffer_size 1m;
  client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;
  uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
  server {{ listen 127.0.0.1:{port}; root {root}/data; location / {{ dav_methods PUT DELETE; }} }}
}}
"""

ENVOY = """
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bench
          stream_idle_timeout: 0s
          route_config:
            virtual_hosts:
            - {{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: up, timeout: 0s}}}}]}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:
  - name: up
    type: STATIC
    load_assignment:
      cluster_name: up
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {upstream}}}}}}}
"""


def by_curl(name: str, url: str, folder: Path, pids: Callable[[], Sequence[int]], *options: str) -> Store:
    """A server that curl puts to and gets from."""

    async def curl(*arguments: str) -> None:
        done = await asyncio.create_subprocess_exec("curl", "-sSf", *options, *arguments)
        assert await done.wait() == 0

    async def up(size: int) -> None:
        source = folder / f"source-{size}"
        if not source.exists():
            with source.open("wb") as file:
                block = os.urandom(CHUNK)
                for _ in range(size // CHUNK):
                    file.write(block)
        await curl("-T", str(source), "-H", "expect:", f"{url}/k")

    async def down(size: int) -> None:
        await curl("-o", "/dev/null", "--max-filesize", str(size), f"{url}/k")

    return Store(name, up, down, pids)


async def compete(stores: Sequence[Store], size: int) -> dict[tuple[str, str], Transfer]:
    found: dict[tuple[str, str], list[Transfer]] = {}
    for turn in range(ROUNDS + 1):
        for each in stores:
            for way, work in (("up", each.up), ("down", each.down)):
                transfer = await _measured(each, work, size)
                if turn:  # the first one warms up
                    found.setdefault((each.name, way), []).append(transfer)
                print(f"  round {turn}: {each.name} {way} {size / transfer.seconds / 1e6:,.0f} MB/s", file=sys.stderr)
    return {
        key: Transfer(
            statistics.median(each.seconds for each in several),
            statistics.median(each.cpu for each in several),
            max(each.memory for each in several),
        )
        for key, several in found.items()
    }


async def _measured(store: Store, work: Callable[[int], Awaitable[None]], size: int) -> Transfer:
    pids = store.pids()
    before, most = sum(map(resident_bytes, pids)), 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, sum(map(resident_bytes, pids)) - before)
            await asyncio.sleep(0.02)

    watching = asyncio.create_task(watch())
    cpu, since = sum(map(cpu_seconds, pids)), time.monotonic()
    await work(size)
    seconds, cpu = time.monotonic() - since, sum(map(cpu_seconds, pids)) - cpu
    watching.cancel()
    return Transfer(seconds, cpu, most)


def report(
    way: str,
    megabytes: int,
    results: dict[str, Transfer],
    *,
    where: str = "files",
    front: str = "nginx",
    note: str = NOTE,
) -> None:
    """Writes the table of one way and size."""
    gigabytes = megabytes / 1024
    rows = [
        Row(
            name,
            {
                "MB/s": megabytes * 1.048576 / each.seconds,
                "CPU s per GB": each.cpu / gigabytes,
                "more memory MiB": each.memory / (1 << 20),
            },
        )
        for name, each in results.items()
    ]
    verdicts = []
    envoy = results.get(f"Envoy before {front}")
    for name, each in results.items():
        if name.startswith("prism"):
            word = "met" if each.memory <= 32 << 20 else "missed"
            verdicts.append(f"budget: {name} takes at most 32 MiB more: {each.memory / (1 << 20):.0f} MiB, {word}")
            if envoy is not None:
                verdicts.append(f"{name} beside Envoy: {each.cpu / envoy.cpu:.2f} times its processor time")
    title = f"An object of {megabytes:,} MiB {way}, on {where}"
    kind = "objects" if where == "files" else f"objects-{where.lower()}"
    write(Table(f"{kind}-{megabytes}mb-{way}", title, f"{note} {_load()}", rows, verdicts))


def _load() -> str:
    return f"Load of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors."


async def _small(contestants: dict[str, tuple[Client, Store]]) -> None:
    rows = []
    data = os.urandom(SMALL)
    for contestant, (client, store) in contestants.items():
        values: dict[str, float | str] = {}

        async def put(number: int, client: Client = client) -> None:
            async def requests() -> AsyncIterator[o.PutRequest]:
                yield o.PutRequest(head=o.PutHead(key=f"small {number}"))
                yield o.PutRequest(chunk=data)
                yield o.PutRequest(finish=o.Finish(size=SMALL))

            await client.call("default", PUT, requests())

        async def get(number: int, client: Client = client) -> None:
            async for _ in client.stream("default", GET, o.GetRequest(key=f"small {number}")):
                pass

        for name, call in (("put", put), ("get", get)):
            before = sum(map(cpu_seconds, store.pids()))
            done, seconds = await _rate(call)
            values[f"{name} a second"] = done / seconds
            values[f"CPU ms a {name}"] = 1000 * (sum(map(cpu_seconds, store.pids())) - before) / done
        rows.append(Row(contestant, values))
    note = f"Objects of {SMALL:,} bytes, {CALLERS} callers, by gRPC; each put is synced. {_load()}"
    write(Table("objects-small", "Small objects a second, on files", note, rows))


async def _rate(call: Callable[[int], Awaitable[None]]) -> tuple[int, float]:
    """How often it was done, and the seconds that it took."""
    done, until = 0, time.monotonic() + SECONDS

    async def caller(number: int) -> None:
        nonlocal done
        while time.monotonic() < until:
            await call(number)
            done += 1

    since = time.monotonic()
    await asyncio.gather(*map(caller, range(CALLERS)))
    return done, time.monotonic() - since
