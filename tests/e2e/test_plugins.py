"""Plugins beside a real gateway process: what happens to them, and to callers, when one of the two dies."""

import asyncio
import os
import signal
from pathlib import Path

from gateways import namespace, serving
from plugins.sidecars import is_running
from prism.client import Client, PrismError


def sidecar(name: str, backend: str, **config: object) -> dict[str, object]:
    return namespace(name, backend, **config) | {"plugin": {"type": "sidecar"}}


def _text(stat: Path) -> str:
    """What the kernel says of a process; of one that ends meanwhile, that it is a child of none."""
    try:
        return stat.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "0 () Z 0"


def children_of(pid: int) -> set[int]:
    """The processes that a process has started."""
    stats = (_text(stat).rpartition(")") for stat in Path("/proc").glob("[0-9]*/stat"))
    return {int(head.split()[0]) for head, _, rest in stats if int(rest.split()[1]) == pid}


async def test_no_plugin_outlives_its_gateway(tmp_path: Path) -> None:
    """Neither one that ends in order nor one that is killed."""

    async def ended_by(number: signal.Signals) -> None:
        entries = [sidecar("m", "memory"), sidecar("s", "sqlite", path=str(tmp_path / f"{number.name}.db"))]
        async with serving({"namespaces": entries}, tmp_path / number.name) as gateway:
            await asyncio.to_thread(gateway.wait_for_log, "the instance of plugin sqlite serves")
            await asyncio.to_thread(gateway.wait_for_log, "the instance of plugin memory serves")
            started = children_of(gateway.pid)
            assert len(started) == 2
            os.kill(gateway.pid, number)
            await asyncio.to_thread(gateway.process.wait, 30)
        while any(map(is_running, started)):  # noqa: ASYNC110  # another's child tells nobody of its end
            await asyncio.sleep(0.01)

    await asyncio.gather(ended_by(signal.SIGTERM), ended_by(signal.SIGKILL))


async def test_a_plugin_that_is_killed_under_load_comes_back_by_itself(tmp_path: Path) -> None:
    """Callers see UNAVAILABLE at most; no acknowledged put is lost; other namespaces notice nothing."""
    entries = [sidecar("s", "sqlite", path=str(tmp_path / "s.db")), namespace("other", "memory")]
    async with serving({"namespaces": entries}, tmp_path / "gateway") as gateway, Client(gateway.data) as client:
        await asyncio.to_thread(gateway.wait_for_log, "the instance of plugin sqlite serves")
        done = asyncio.Event()
        acknowledged: set[bytes] = set()
        failures: list[PrismError] = []
        calls = 0

        async def writer(number: int) -> None:
            count = 0
            while not done.is_set():
                key = b"%d-%d" % (number, count)
                try:
                    await client.keyvalue("s").put("r", {key: b"v"})
                    acknowledged.add(key)
                except PrismError as error:
                    failures.append(error)
                count += 1
                await asyncio.sleep(0.01)  # most of the cores are left to the plugin that starts

        async def bystander() -> None:
            nonlocal calls
            while not done.is_set():
                await client.keyvalue("other").put("r", {b"k": b"v"})
                calls += 1
                await asyncio.sleep(0.005)

        async def kills() -> None:
            for _ in range(3):
                before = len(acknowledged)
                (pid,) = children_of(gateway.pid)
                os.kill(pid, signal.SIGKILL)
                while len(acknowledged) < before + 20 or not children_of(gateway.pid) - {pid}:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            done.set()

        await asyncio.gather(*(writer(number) for number in range(4)), bystander(), kills())
        assert [f"{error}" for error in failures if error.code.name != "UNAVAILABLE"] == []
        assert calls
        stored = {item.key async for item in client.keyvalue("s").scan("r")}
        assert acknowledged - stored == set()
