"""Plugins that are reloaded, killed and ill-behaved, beside a real gateway under a load that checks each put."""

import asyncio
import os
import signal
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from admin.port import JSON, Reply, ask
from e2e.test_plugins import children_of, sidecar
from gateways import GatewayProcess, namespace, serving
from plugins.sidecars import SERVING, is_running
from prism.client import Client, PrismError, RetryPolicy
from prism.errors import Outcome

TIMES = 50
KILLS_PER_BUDGET = 10  # of an instance's budget of restarts, so many come without a pause; a reload gives a fresh one
PLUGIN = Path(__file__).parent / "hostile" / "plugin.py"
GARBAGE = (
    SERVING
    + """
METHODS["/prism.plugin.v1.BackendPlugin/HealthCheck"] = lambda _: pb.HealthCheckResponse(status=1).SerializeToString()
METHODS["/prism.plugin.v1.BackendPlugin/Execute"] = lambda _: b"\\xff\\xff\\xff"
asyncio.run(main())
"""
)


class Caller:
    """Puts to a key of its own and reads each back; fails where what it reads cannot be.

    Attributes:
        done: puts that were acknowledged and read back.
        failures: of puts and gets.
    """

    def __init__(self, client: Client, name: str, key: bytes) -> None:
        self.done = 0
        self.failures: list[PrismError] = []
        self.wrong: list[str] = []
        self._kv = client.keyvalue(name)
        self._key = key
        self._possible: set[bytes | None] = {None}

    async def round(self, number: int) -> None:
        """One put and its check."""
        value = b"%d" % number
        try:
            await self._kv.put("r", {self._key: value})
            self._possible = {value}
        except PrismError as error:
            self.failures.append(error)
            if error.outcome is not Outcome.NOT_APPLIED:
                self._possible.add(value)
            await asyncio.sleep(0.01)
        found = await self._read()
        if found not in self._possible:
            self.wrong.append(f"{found!r} where only {self._possible} can be")
        self._possible = {found}
        self.done += 1

    async def _read(self) -> bytes | None:
        """What is there, asked until it is told: another put before that would hide a loss."""
        while True:
            try:
                item = await self._kv.get("r", self._key)
            except PrismError as error:
                self.failures.append(error)
                await asyncio.sleep(0.01)
            else:
                return None if item is None else item.value


def plain(gateway: GatewayProcess) -> Client:
    """A client that repeats nothing."""
    return Client(gateway.data, timeout=30, retry=RetryPolicy(attempts=1))


@asynccontextmanager
async def load(gateway: GatewayProcess, *names: str) -> AsyncIterator[Mapping[str, Caller]]:
    """A steady load on these namespaces, by clients that repeat nothing."""
    async with plain(gateway) as client:
        callers = {f"{name}-{n}": Caller(client, name, b"%d" % n) for name in names for n in range(2)}
        ended = asyncio.Event()

        async def call(caller: Caller) -> None:
            number = 0
            while not ended.is_set():
                number += 1
                await caller.round(number)
                await asyncio.sleep(0.01)  # steady, and most of the cores are left to the plugins that start

        async with asyncio.TaskGroup() as tasks:
            for caller in callers.values():
                tasks.create_task(call(caller))
            try:
                yield callers
            finally:
                ended.set()
    assert [wrong for caller in callers.values() for wrong in caller.wrong] == []


def unfailing(callers: Mapping[str, Caller], name: str = "") -> None:
    """No call failed, and there were some."""
    for key, caller in callers.items():
        if key.startswith(name):
            assert [str(error) for error in caller.failures] == [], key
            assert caller.done, key


async def reload(gateway: GatewayProcess, name: str) -> Reply:
    body = {"namespace": name, "version": ""}
    return await asyncio.to_thread(ask, gateway.admin, "POST", "/admin/plugin/reload", body, JSON)


async def gone(pids: set[int]) -> None:
    while any(map(is_running, pids)):  # noqa: ASYNC110  # another's child tells nobody of its end
        await asyncio.sleep(0.01)


def descriptors(gateway: GatewayProcess) -> int:
    return len([*Path(f"/proc/{gateway.pid}/fd").iterdir()])


async def only(gateway: GatewayProcess, processes: int) -> None:
    """Waits until it has so many plugins' processes; the test's time limit is the failure."""
    while len(children_of(gateway.pid)) != processes:  # noqa: ASYNC110  # as above
        await asyncio.sleep(0.01)


async def settled(gateway: GatewayProcess, most: int, processes: int) -> None:
    """Waits until it has so many processes, and no more open descriptors than before."""
    await only(gateway, processes)
    while descriptors(gateway) > most:  # noqa: ASYNC110  # as above
        await asyncio.sleep(0.02)


def hostile(name: str, folder: Path, behaviour: str, **limits: Any) -> dict[str, Any]:
    """A namespace on our bad plugin."""
    mode = folder / f"{name}.mode"
    mode.write_text(behaviour)
    command = [sys.executable, str(PLUGIN), str(mode)]
    placed = {"plugin": {"type": "sidecar", "command": command, "limits": limits}}
    return namespace(name, "sqlite", path=str(folder / f"{name}.db")) | placed


def serves(pid: int, plugin: str) -> bool:
    """Whether the process is that plugin's."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().endswith(f"\0{plugin}\0".encode())


async def test_reloads_and_kills_under_load(tmp_path: Path, often: Callable[[int], int]) -> None:
    """Reloads fail no call; kills fail some by UNAVAILABLE, lose nothing and touch no other; nothing leaks."""
    entries = [sidecar("s", "sqlite", path=str(tmp_path / "s.db")), sidecar("other", "memory")]
    times = often(TIMES)
    async with serving({"namespaces": entries}, tmp_path / "gateway") as gateway:
        for name in ("s", "other"):
            await asyncio.to_thread(gateway.wait_until_served, name)
        async with load(gateway, "s", "other") as callers:
            assert (await reload(gateway, "s")).status == 200
            await only(gateway, len(entries))
            before = descriptors(gateway)
            for number in range(times):
                reply = await reload(gateway, "s")
                assert reply.status == 200, (number, reply.body)
            await settled(gateway, before, len(entries))
        unfailing(callers)
        recoveries = []
        async with load(gateway, "s", "other") as callers:
            for number in range(times):
                if number % KILLS_PER_BUDGET == 0:
                    assert (await reload(gateway, "s")).status == 200
                    await only(gateway, len(entries))
                recoveries.append(await kill(gateway, callers))
            await settled(gateway, before, len(entries))
        unfailing(callers, "other")
        failures = [error for caller in callers.values() for error in caller.failures]
        shown = f"p50 {statistics.median(recoveries):.2f} s, longest {max(recoveries):.2f} s, {len(failures)} failed"
        print("recovery after kill -9:", shown)
        assert len(recoveries) == times, shown
        assert failures, "no kill was noticed: the load is too light to prove anything"
        assert {error.code.name for error in failures} == {"UNAVAILABLE"}, shown
        everybody = children_of(gateway.pid)
    await gone(everybody)


async def kill(gateway: GatewayProcess, callers: Mapping[str, Caller]) -> float:
    """Kills the process of SQLite and gives how long its callers were without it."""
    pid, killed = 0, 0.0
    while not pid:  # a reload may have put another in its place at this moment
        with suppress(ProcessLookupError, ValueError):
            (each,) = (child for child in children_of(gateway.pid) if serves(child, "sqlite"))
            killed = time.monotonic()
            os.kill(each, signal.SIGKILL)
            pid = each
        await asyncio.sleep(0)
    await gone({pid})
    done = callers["s-0"].done + 1  # the round under way may have been answered before
    while callers["s-0"].done <= done:  # noqa: ASYNC110  # a caller that is served again is all there is to see
        await asyncio.sleep(0.002)
    return time.monotonic() - killed


async def test_a_bad_new_version(tmp_path: Path) -> None:
    """One that fails, one that is unhealthy: the old one serves on and the operator is told; a hanging one is ended."""
    entries = [hostile("s", tmp_path, "good")]
    async with serving({"namespaces": entries}, tmp_path / "gateway") as gateway:
        await asyncio.to_thread(gateway.wait_until_served, "s")
        async with load(gateway, "s") as callers:
            old = children_of(gateway.pid)
            for behaviour, why in (("fails", "finds no disk"), ("unhealthy", "is not well")):
                (tmp_path / "s.mode").write_text(behaviour)
                reply = await reload(gateway, "s")
                assert reply.status != 200
                assert why in reply.body.decode(), reply.body
                assert "served as before" in reply.body.decode()
                await gone(children_of(gateway.pid) - old)
                assert old <= children_of(gateway.pid)  # the change is tried again by itself, in processes of its own
            (tmp_path / "s.mode").write_text("hangs")
            assert (await reload(gateway, "s")).status == 200
            await gone(old)
            hanging = children_of(gateway.pid)
            (tmp_path / "s.mode").write_text("good")
            assert (await reload(gateway, "s")).status == 200
            await gone(hanging)
        unfailing(callers)


async def test_bad_behaviour_is_contained(tmp_path: Path) -> None:
    """Memory without bound, a spin, a flood of output, garbage: each stays in its plugin; others miss no call."""
    garbage = namespace("garbage", "sqlite", path=str(tmp_path / "g.db"))
    garbage |= {"plugin": {"type": "sidecar", "command": [sys.executable, "-c", GARBAGE]}}
    entries = [
        namespace("other", "memory"),
        sidecar("beside", "memory", store="beside"),
        garbage,
        hostile("allocates", tmp_path, "allocates", memory="256MiB"),
        hostile("spins", tmp_path, "spins", cpu_time=2),
        hostile("floods", tmp_path, "floods"),
    ]
    async with serving({"namespaces": entries}, tmp_path / "gateway") as gateway:
        for entry in entries:
            await asyncio.to_thread(gateway.wait_until_served, entry["name"])
        async with load(gateway, "other", "beside") as callers, plain(gateway) as client:
            spinning = asyncio.create_task(failure_of(client, "spins"))
            assert await failure_of(client, "garbage") == "INTERNAL"
            assert await failure_of(client, "allocates") in {"RESOURCE_EXHAUSTED", "UNAVAILABLE"}
            assert await failure_of(client, "floods") == ""
            assert await spinning == "UNAVAILABLE"
            for name in ("allocates", "spins", "floods"):
                await asyncio.to_thread(gateway.wait_until_served, name)
                await client.keyvalue(name).put("good", {b"k": b"v"})
            await asyncio.to_thread(gateway.wait_for_log, "lines a second")
        unfailing(callers)


async def failure_of(client: Client, name: str) -> str:
    """The code with which the put fails that makes the plugin bad; empty where it does not."""
    try:
        await client.keyvalue(name).put("bad", {b"k": b"v"})
    except PrismError as error:
        return error.code.name
    return ""
