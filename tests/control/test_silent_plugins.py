"""A plugin that starts and says nothing holds up no one but its own namespace: not the start, not a reload."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from control.world import World, store, toy, toy_plugins, until
from prism.control.timing import Timing
from prism.errors import BackendUnavailable
from prism.plugins.sidecar import process
from prism.sdk import DeclaredCapabilities

SOON = 10.0
"""Seconds, on a machine that is busy; a silent plugin takes 30 s, and two of them took 60 s."""


def silent(name: str, text: str = "s", **plugin: Any) -> dict[str, Any]:
    """A namespace whose plugin never prints its handshake."""
    more = {"type": "sidecar", "command": ["/bin/sleep", "1000"], **plugin}
    return {"name": name, "backend": "memory", "config": {"store": text}, "plugin": more}


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A gateway that waits for no one for long."""
    monkeypatch.setattr(process, "TERM_TIMEOUT", 0.2)
    timing = Timing(start_timeout=0.3, reload_timeout=2.0, retry_first=0.05, retry_max=0.1)
    world = World(tmp_path, timing=timing, plugins=toy_plugins())
    yield world
    await world.control.stop()


async def test_a_start(world: World) -> None:
    """The others are served, its own calls are refused as starting."""
    began = monotonic()
    world.write(toy("good", "s"), silent("silent"), silent("mute", "other"))
    await world.control.start()
    assert monotonic() - began < SOON
    await world.put("good", b"1")
    for name in ("silent", "mute"):
        with pytest.raises(BackendUnavailable, match="is starting; retry in a moment"):
            await world.put(name, b"1")


async def test_a_reload_behind_another(world: World) -> None:
    """What is added after a silent one is served at once."""
    world.write(toy("a", "s"))
    await world.control.start()
    world.write(toy("a", "s"), silent("silent"), silent("mute", "other"))
    first = asyncio.create_task(world.control.reload())
    await until(lambda: any(each.spec.placement.type == "sidecar" for each in world.control.instances) or first.done())
    began = monotonic()
    world.write(toy("a", "s"), silent("silent"), silent("mute", "other"), toy("good", "s2"))
    await world.control.reload()
    assert monotonic() - began < SOON
    await world.put("good", b"1")
    assert list((await first).added)[:2] == ["silent", "mute"]


async def test_a_namespace_that_moves_to_it_stays_and_the_rest_of_the_file_is_served(world: World) -> None:
    """The reload that asked for it waits on; whatever else it brought is served meanwhile, and so is a newer one."""
    world.write(toy("a", "s"), {"name": "m", "backend": "memory", "config": {"store": "silent-1"}})
    await world.control.start()
    world.write(toy("a", "s"), silent("m", "silent-1"), toy("good", "s2"))
    first = asyncio.create_task(world.control.reload())
    await until(lambda: "good" in world.names)
    await world.put("good", b"1")
    await world.put("m", b"1")  # where it was
    world.write(toy("a", "s"), silent("m", "silent-1"), toy("good", "s2"), toy("newer", "s3"))
    began = monotonic()
    report = await world.control.reload(namespace="a")
    assert monotonic() - began < SOON
    await world.put("newer", b"1")
    assert "is starting" in (await first).held["m"]
    assert "is starting" in report.held["m"]


async def test_what_was_waited_for_takes_over_by_itself(world: World) -> None:
    """The same instance, once it is up: it is not started anew by each reload."""
    world.write(toy("a", "s1"), toy("b", "s1"))
    await world.control.start()
    gate = store("s2").gate = asyncio.Event()
    world.write(toy("a", "s2"), toy("b", "s1", label="x"))
    first = asyncio.create_task(world.control.reload())
    await until(lambda: world.control.served["b"].instances[0].spec.config.label == "x")  # type: ignore[attr-defined]
    second = await world.control.reload()
    assert "a" in (await first).held
    assert "a" in second.held
    gate.set()
    await until(lambda: world.control.served["a"].instances[0].instance.identity == "toy:s2")
    await world.put("a", b"1")
    assert store("s2").started == 1


async def test_who_hands_its_store_over_is_not_stopped_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is open once stays with the one that has it until the other one can be had at all."""
    monkeypatch.setattr(process, "TERM_TIMEOUT", 0.2)
    plugins = toy_plugins(capabilities=DeclaredCapabilities(reload="handover"))
    world = World(tmp_path, timing=Timing(start_timeout=0.3, reload_timeout=1.0), plugins=plugins)
    world.write(toy("a", "s", backend="toy2"))
    await world.control.start()
    await world.put("a", b"1")
    moved = toy("a", "s", backend="toy2") | {"plugin": {"type": "sidecar", "command": ["/bin/sleep", "1000"]}}
    world.write(moved, toy("good", "s2"))
    report = await world.control.reload()
    assert "is starting" in report.held["a"]
    assert await world.get("a") == b"1"
    await world.put("good", b"1")
    await world.control.stop()


async def test_a_namespace_that_its_plugin_prepares_without_end(world: World) -> None:
    """It is refused by itself, and neither the reload nor another namespace of that plugin waits for it."""
    world.write(toy("a", "s"))
    await world.control.start()
    store("s").stuck.add("hung")
    world.write(toy("a", "s"), toy("hung", "s"), toy("b", "s"))
    began = monotonic()
    await world.control.reload()
    assert monotonic() - began < SOON
    await world.put("b", b"1")
    with pytest.raises(BackendUnavailable, match="namespace 'hung' is being prepared"):
        await world.put("hung", b"1")
    store("s").stuck.clear()
    store("s").unstuck.set()
    await until(lambda: not world.control.refusal("hung"))
    await world.put("hung", b"1")
