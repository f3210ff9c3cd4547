"""Many callers on one way to a plugin, some of them as bad as can be: what others have there stays whole.

The bad ones and the others share a gateway, a plugin's process and an instance in it; each has a namespace of its own.
"""

import asyncio
import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import gateways
from authority import Authority
from e2e.hostile.waiting import RECORD
from e2e.test_plugins import children_of
from missing import missing
from prism.acceptance.run.remote_plugins import RemotePlugins
from prism.client import Client, DeadlineExceeded, Gap, Subscription
from prism.client.retry import RetryPolicy
from prism.plugins.discovery import discover
from prism.wire import client_context

HELD, SLOW = 2000, 2000
CALLS_PER_SECOND = 1000
STORM = 60
"""Seconds of calls that run into their deadlines."""
TIMEOUTS = (0.005, 0.05, 0.5)
"""Of these calls: shorter than what the guard against floods takes for honest, and longer."""
ONCE = RetryPolicy(attempts=1)
PATIENCE = 5.0
"""Seconds in which everything of the others is answered, on a busy machine too."""
CALLERS = 8
"""Callers at once that send JSON that takes long."""
PLUGIN = Path(__file__).parent / "hostile" / "waiting.py"
PROBES = ("/health/live", "/health/ready", "/health/ready?namespace=other", "/metrics")


class Bystander:
    """One that uses other namespaces meanwhile: the same instance's, and one in the gateway's process.

    Attributes:
        rounds: of calls that were answered.
        times: seconds that each call, message and probe took, and what it was.
    """

    def __init__(self, gateway: gateways.GatewayProcess, *clients: Client) -> None:
        self.rounds = 0
        self.times: list[tuple[float, str]] = []
        self._probes = f"http://{gateway.metrics}"
        self._clients = clients
        self._watched: dict[int, asyncio.Event] = {}

    def __str__(self) -> str:
        times = sorted(self.times)
        p50, p99 = times[len(times) // 2][0], times[len(times) * 99 // 100][0]
        return f"{self.rounds} rounds, p50 {p50:.3f} s, p99 {p99:.3f} s, slowest {times[-1][0]:.2f} s ({times[-1][1]})"

    @contextlib.asynccontextmanager
    async def beside(self) -> AsyncIterator[None]:
        """Goes on while the block runs, which it ends by what fails it."""
        done = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._run(done))
            try:
                await self.after(1)
                yield
            finally:
                done.set()

    async def after(self, rounds: int) -> None:
        """Waits for so many more."""
        reached = self._watched[self.rounds + rounds] = asyncio.Event()
        await reached.wait()

    async def _run(self, done: asyncio.Event) -> None:
        places = [(client, name) for client in self._clients for name in ("other", "apart")]
        async with contextlib.AsyncExitStack() as stack:
            heard = [
                await stack.enter_async_context(client.pubsub(name).subscribe(f"t{number}.>", on_gap=_broken))
                for number, (client, name) in enumerate(places)
            ]
            while not done.is_set():
                for number, (client, name) in enumerate(places):
                    await self._round(client, name, number)
                    await self._message(client, name, number, heard[number])
                path = PROBES[self.rounds % len(PROBES)]
                await self._timed(path, asyncio.to_thread(self._probe, path))
                self.rounds += 1
                if (reached := self._watched.get(self.rounds)) is not None:
                    reached.set()

    async def _round(self, client: Client, name: str, number: int) -> None:
        value, record = b"%d" % self.rounds, f"r{number}"
        await self._timed(f"put {name}", client.keyvalue(name).put(record, {b"k": value}))
        item = await self._timed(f"get {name}", client.keyvalue(name).get(record, b"k"))
        assert item is not None
        assert item.value == value

    async def _message(self, client: Client, name: str, number: int, heard: Subscription) -> None:
        value = b"%d" % self.rounds
        await self._timed(f"publish {name}", client.pubsub(name).publish(f"t{number}.a", value))
        message = await self._timed(f"message {name}", anext(heard))
        assert message.payload == value

    async def _timed(self, what: str, work: Awaitable[Any]) -> Any:
        begun = time.monotonic()
        async with asyncio.timeout(PATIENCE):
            answer = await work
        self.times.append((time.monotonic() - begun, what))
        return answer

    def _probe(self, path: str) -> None:
        with urllib.request.urlopen(f"{self._probes}{path}", timeout=PATIENCE) as answer:
            assert answer.status == 200
            answer.read()


def _broken(gap: Gap) -> None:
    raise AssertionError(f"the subscription of a bystander has ended: {gap.error}")


@contextlib.asynccontextmanager
async def gateway_on(placed: Mapping[str, object], folder: Path) -> AsyncIterator[gateways.GatewayProcess]:
    """A gateway whose namespaces `busy` and `other` are served by one instance there, and `apart` in its process."""
    entries = [
        {"name": name, "backend": "memory", "plugin": placed} if placed else {"name": name, "backend": "memory"}
        for name in ("busy", "other")
    ]
    entries.append({"name": "apart", "backend": "memory", "config": {"store": "apart"}})
    async with gateways.serving({"namespaces": entries}, folder) as gateway:
        for entry in entries:
            await asyncio.to_thread(gateway.wait_until_served, str(entry["name"]))
        yield gateway


@pytest.fixture(params=["sidecar", "remote"])
async def shared(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[gateways.GatewayProcess]:
    """A gateway and one plugin's process, beside it or elsewhere."""
    if request.param == "sidecar":
        placed = {"type": "sidecar", "command": [sys.executable, str(PLUGIN), "memory"]}
        async with gateway_on(placed, tmp_path) as gateway:
            yield gateway
        return
    remote = RemotePlugins(discover().found["memory"], tmp_path)
    try:
        async with gateway_on(await remote.start(1), tmp_path) as gateway:
            yield gateway
    finally:
        await remote.stop()


def memory_of(pid: int) -> float:
    """MB that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1000


async def test_held_subscriptions_and_slow_streams(shared: gateways.GatewayProcess, whole: bool) -> None:
    """More than one connection has, all of one client: a bystander's calls, that client's own and probes go on."""
    held, slow, rounds = (HELD, SLOW, 500) if whole else (150, 150, 20)
    started = children_of(shared.pid)
    async with (
        Client(shared.data, retry=ONCE, timeout=60) as bad,
        Client(shared.data, retry=ONCE, timeout=PATIENCE) as good,
        contextlib.AsyncExitStack() as stack,
    ):
        busy, bystander = bad.keyvalue("busy"), Bystander(shared, good, bad)
        await busy.put("big", {b"%03d" % number: bytes(16_000) for number in range(100)})

        async def hold() -> None:
            await stack.enter_async_context(bad.pubsub("busy").subscribe("q.>", on_gap=_broken))

        async def begin_to_read() -> None:
            reading = busy.scan_stream("big")
            stack.push_async_callback(reading.aclose)
            await anext(reading)

        async with bystander.beside():
            begun = time.monotonic()
            await at_once(hold for _ in range(held))
            await at_once(begin_to_read for _ in range(slow))
            took = time.monotonic() - begun
            before = len(bystander.times)
            await bad.pubsub("busy").publish("q.a", b"to all of them")
            await bystander.after(rounds)
            during = Bystander(shared)
            during.rounds, during.times = rounds, bystander.times[before:]
        memory = f"MB: gateway {memory_of(shared.pid):.0f}, plugin {[round(memory_of(each)) for each in started]}"
        print(f"{held} held and {slow} slow came in {took:.1f} s beside: {bystander}; held: {during}; {memory}")
    assert children_of(shared.pid) == started


async def at_once(work: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """All of it, sixteen at a time."""
    waiting = iter(work)

    async def some() -> None:
        for each in waiting:
            await each()

    async with asyncio.TaskGroup() as group:
        for _ in range(16):
            group.create_task(some())


class Storm:
    """Calls that run into their deadlines.

    Attributes:
        begun: how many.
        wrong: what ended otherwise.
    """

    def __init__(self, clients: list[Client]) -> None:
        self.begun = 0
        self.wrong: list[BaseException] = []
        self._clients = clients
        self._calls: set[asyncio.Task[None]] = set()

    async def blow(self, seconds: float) -> None:
        """So many in each second."""
        pause, started = 0.02, time.monotonic()
        while (passed := time.monotonic() - started) < seconds:
            while self.begun < passed * CALLS_PER_SECOND:
                call = asyncio.create_task(self._call(self._clients[self.begun % len(self._clients)], self.begun))
                self._calls.add(call)
                call.add_done_callback(self._calls.discard)
                self.begun += 1
            await asyncio.sleep(pause)
        await asyncio.gather(*self._calls)

    async def _call(self, client: Client, number: int) -> None:
        try:
            await client.keyvalue("busy").get(RECORD, b"k", timeout=TIMEOUTS[number % len(TIMEOUTS)])
        except DeadlineExceeded:
            return
        except Exception as error:  # noqa: BLE001  # whatever it is, it is shown
            self.wrong.append(error)
            return
        self.wrong.append(AssertionError("it was answered"))


@pytest.mark.parametrize("clients", [1, 50])
async def test_calls_that_run_into_their_deadlines(clients: int, tmp_path: Path, whole: bool) -> None:
    """A thousand a second, on one namespace: no other namespace's call or stream ends, of the same clients neither."""
    placed = {"type": "sidecar", "command": [sys.executable, str(PLUGIN), "memory"]}
    async with gateway_on(placed, tmp_path) as gateway, contextlib.AsyncExitStack() as stack:
        bad = [await stack.enter_async_context(Client(gateway.data, retry=ONCE)) for _ in range(clients)]
        good = await stack.enter_async_context(Client(gateway.data, retry=ONCE, timeout=PATIENCE))
        started = children_of(gateway.pid)
        bystander, storm = Bystander(gateway, good, bad[0]), Storm(bad)
        async with bystander.beside():
            await storm.blow(STORM if whole else 1)
            await bystander.after(1)
        print(
            f"{storm.begun} calls of {clients} clients, {len(storm.wrong)} ended otherwise; beside: {bystander}; "
            f"MB: gateway {memory_of(gateway.pid):.0f}"
        )
        assert not storm.wrong, storm.wrong[:5]
        assert children_of(gateway.pid) == started


FEW = 12
"""Stores that take long: more than asyncio and libuv have threads by themselves, on a machine of few processors."""


async def test_files_that_are_locked(tmp_path: Path) -> None:
    """As many stores as there were threads wait for their files: scrapes, large JSON and reloads wait for none."""
    locks = []
    for number in range(FEW):
        locks.append(sqlite3.connect(tmp_path / f"{number}.db", isolation_level=None))
        locks[-1].execute("BEGIN EXCLUSIVE")
    locked = [
        gateways.namespace(f"locked{number}", "sqlite", path=str(tmp_path / f"{number}.db"), busy_timeout=60)
        for number in range(FEW)
    ]
    entries = [*locked, *(whole_memory(name) for name in ("other", "apart"))]
    async with gateways.serving({"namespaces": entries}, tmp_path / "gateway") as gateway:
        try:
            async with Client(gateway.data, retry=ONCE, timeout=PATIENCE) as good, asyncio.timeout(4 * PATIENCE):
                bystander = Bystander(gateway, good)
                async with bystander.beside():
                    await asyncio.to_thread(post, gateway, "other", json.dumps(put_of(20_000)).encode())
                    gateway.write_config({"namespaces": [*entries, gateways.namespace("new", "memory")]})
                    gateway.reload()
                    await asyncio.to_thread(gateway.wait_until_served, "new", PATIENCE)
                    await bystander.after(len(PROBES))
        finally:
            for each in locks:
                each.close()


async def test_names_that_are_looked_up_without_end(tmp_path: Path) -> None:
    """A server of names says nothing to many stores: one whose name is known is connected to, and the gateway ends."""
    nameserver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    resolver = tmp_path / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.77\noptions timeout:30\n")
    own = ["unshare", "--mount", "--fork", "sh", "-c", f'mount --bind {resolver} /etc/resolv.conf && exec "$@"', "sh"]
    try:
        nameserver.bind(("127.0.0.77", 53))
        await asyncio.to_thread(subprocess.run, [*own, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        nameserver.close()
        missing(f"a resolver of our own needs root: {error}")
    connected = asyncio.Event()

    def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as known:
        port = known.sockets[0].getsockname()[1]
        entries = [
            gateways.namespace(f"silent{number}", "redis", addresses=[f"s{number}.example.com:6379"])
            for number in range(FEW)
        ]
        entries.append(gateways.namespace("known", "redis", addresses=[f"localhost:{port}"]))
        with nameserver:
            async with gateways.serving({"namespaces": entries}, tmp_path / "gateway", wrapper=own):
                await asyncio.wait_for(connected.wait(), PATIENCE)


async def test_json_that_takes_long_to_read(tmp_path: Path) -> None:
    """A namespace whose callers send nothing else: JSON of others, gRPC and probes do not wait for what waits there."""
    entries = [whole_memory(name) for name in ("busy", "other", "apart")]
    async with gateways.serving({"namespaces": entries}, tmp_path) as gateway, contextlib.AsyncExitStack() as stack:
        large, medium = (json.dumps(put_of(size)).encode() for size in (1 << 20, 20_000))
        callers, loop = stack.enter_context(ThreadPoolExecutor(CALLERS + 1)), asyncio.get_running_loop()
        first, done = asyncio.Event(), asyncio.Event()
        answered = 0

        async def send() -> None:
            nonlocal answered
            while not done.is_set():
                await loop.run_in_executor(callers, post, gateway, "busy", large, {400, 503})
                answered += 1
                first.set()

        async with Client(gateway.data, retry=ONCE, timeout=PATIENCE) as good, asyncio.TaskGroup() as group:
            for _ in range(CALLERS):
                group.create_task(send())
            bystander = Bystander(gateway, good)
            try:
                await first.wait()
                before, begun = answered, time.monotonic()
                async with bystander.beside():
                    await loop.run_in_executor(callers, post, gateway, "other", medium)
                    passed, took = answered - before, time.monotonic() - begun
                    await bystander.after(1)
            finally:
                done.set()
        print(f"20 kB of JSON: {took:.2f} s, behind {passed} of 1 MB; beside: {bystander}")
        assert passed <= 2


def whole_memory(name: str) -> dict[str, Any]:
    """A namespace of every abstraction, in the gateway's process."""
    return {"name": name, "backend": "memory"}


def put_of(size: int) -> dict[str, Any]:
    """A put of about so many bytes of JSON, in small items."""
    item = {"key": "aaaaaa==", "value": "dg==", "ttl": "60s"}
    return {"id": "r", "items": [item | {"key": f"{number:08x}"} for number in range(size // len(json.dumps(item)))]}


def post(gateway: gateways.GatewayProcess, namespace: str, body: bytes, refused: Collection[int] = ()) -> None:
    """A put by HTTP/JSON, which is answered by 200 or one of those."""
    headers = {"content-type": "application/json", "prism-namespace": namespace}
    request = urllib.request.Request(f"http://{gateway.data}/prism.data.v1.KeyValue/Put", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        with error:
            if error.code not in refused:
                raise


async def test_handshakes_without_end(tmp_path: Path) -> None:
    """Clients that do nothing but shake hands and leave, beside calls on a connection of before and on new ones."""
    authority = Authority(tmp_path / "authority")
    issued = authority.issue("gateway", dns="localhost", ip="127.0.0.1")
    config = {
        "gateway": {"listen": "127.0.0.1:0", "tls": {"cert": str(issued.cert), "key": str(issued.key)}},
        "namespaces": [whole_memory(name) for name in ("other", "apart")],
    }
    trust = client_context(authority.ca)
    async with gateways.serving(config, tmp_path / "gateway") as gateway, asyncio.TaskGroup() as group:
        host, _, port = gateway.data.rpartition(":")
        done, shaken = asyncio.Event(), asyncio.Event()

        async def shake() -> None:
            while not done.is_set():
                _, writer = await asyncio.open_connection(host, int(port), ssl=trust, server_hostname="localhost")
                shaken.set()
                writer.transport.abort()

        for _ in range(32):
            group.create_task(shake())
        try:
            await shaken.wait()
            async with Client(gateway.data, tls=trust, retry=ONCE, timeout=PATIENCE) as good:
                bystander = Bystander(gateway, good)
                async with bystander.beside():
                    for _ in range(3):
                        async with Client(gateway.data, tls=trust, retry=ONCE, timeout=PATIENCE) as fresh:
                            await fresh.keyvalue("other").get("r", b"k")
                    await bystander.after(len(PROBES))
        finally:
            done.set()


async def test_a_log_that_is_not_read(tmp_path: Path) -> None:
    """More lines of the access log than its pipe holds: calls, probes and the end do not wait for its reader."""
    pipe = tmp_path / "log"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDWR)
    config = {
        "telemetry": {"listen": "127.0.0.1:0", "log": {"access": True, "format": "json"}},
        "namespaces": [whole_memory(name) for name in ("other", "apart")],
    }
    to_pipe = ["sh", "-c", f'"$@" 2>{pipe}; exit $?', "sh"]
    try:
        async with (
            gateways.serving(config, tmp_path / "gateway", wrapper=to_pipe) as gateway,
            Client(gateway.data, retry=ONCE, timeout=PATIENCE) as good,
        ):
            for _ in range(10):
                await asyncio.gather(*(good.keyvalue("other").get("r", b"k") for _ in range(100)))
            bystander = Bystander(gateway, good)
            async with bystander.beside():
                await bystander.after(len(PROBES))
            assert len(os.read(reading, 1 << 20)) > 60_000
    finally:
        os.close(reading)
