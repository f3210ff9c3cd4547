"""From one configuration to the next: no data is left behind, and a store that is served once is handed over."""

import asyncio
from pathlib import Path

import pytest

from control.world import World, store, toy, toy_plugins, until
from prism.control import turns
from prism.sdk import DeclaredCapabilities


@pytest.mark.parametrize("new", [{"store": "s2"}, {"store": "s1", "backend": "toy2"}])
async def test_a_namespace_with_data_is_not_pointed_elsewhere(world: World, new: dict[str, str]) -> None:
    """The whole file is refused, at the line to blame, with what to do instead; nothing new is left running."""
    world.write(toy("a", "s1"), toy("b", "s1"))
    await world.control.start()
    await world.put("b", b"1")
    world.write(toy("a", "s1", label="x"), toy("b", **new), toy("c", "s3"))
    report = await world.control.reload()
    assert not report.applied
    (problem,) = report.problems
    assert problem.path == ("namespaces[1].backend" if "backend" in new else "namespaces[1].config")
    assert problem.line > 0
    assert "namespace 'b' holds data" in problem.message
    assert "export the data" in problem.message
    assert world.names == ["a", "b"]
    assert await world.get("b") == b"1"
    await until(lambda: (store("s1").running, store("s2").running, store("s3").running) == (1, 0, 0))


async def test_an_empty_namespace_may_move(world: World) -> None:
    """There is nothing to leave behind."""
    world.write(toy("a", "s1"), toy("b", "s1"))
    await world.control.start()
    await world.put("b", b"1")
    world.write(toy("a", "s2"), toy("b", "s1"))
    assert list((await world.control.reload()).changed) == ["a"]


async def test_who_cannot_be_asked_is_taken_to_hold_data(world: World) -> None:
    """A store that came up once and does not answer now is not left behind."""
    world.write(toy("a", "s1"))
    await world.control.start()
    store("s1").unanswerable = True
    world.write(toy("a", "s2"))
    (problem,) = (await world.control.reload()).problems
    assert "may hold data (its store cannot be asked: the store does not answer)" in problem.message


async def test_a_move_is_refused_even_while_the_new_store_is_down(world: World) -> None:
    """The operator hears of it now, not when the store comes up."""
    world.write(toy("a", "s1"))
    await world.control.start()
    await world.put("a", b"1")
    store("s2").down = "connection refused"
    world.write(toy("a", "s2"))
    assert not (await world.control.reload()).applied


async def test_memory_keeps_its_data_over_a_reload(world: World) -> None:
    """The reference backend shares its store by name, so a change of options loses nothing."""
    entry = {"name": "a", "backend": "memory", "config": {"store": "test-reload"}}
    world.write(entry)
    await world.control.start()
    await world.put("a", b"1")
    world.write({**entry, "config": {"store": "test-reload", "sweep_interval": 1}})
    assert list((await world.control.reload()).changed) == ["a"]
    assert await world.get("a") == b"1"


async def test_a_backend_that_must_hand_over_is_stopped_first(tmp_path: Path) -> None:
    """Two instances would damage its store; calls wait for the new one, and none fails."""
    world = World(tmp_path, plugins=toy_plugins(capabilities=DeclaredCapabilities(reload="handover")))
    world.write(toy("a", "s", "toy2"))
    await world.control.start()
    await world.put("a", b"1")
    store("s").gate = asyncio.Event()
    world.write(toy("a", "s", "toy2", label="x"))
    reload = asyncio.ensure_future(world.control.reload())
    await until(lambda: store("s").running == 0)
    waiting = asyncio.ensure_future(world.get("a"))
    await asyncio.sleep(0)
    assert not waiting.done()
    store("s").gate.set()
    assert list((await reload).changed) == ["a"]
    assert await waiting == b"1"
    assert (store("s").started, store("s").running) == (2, 1)
    await world.control.stop()


async def test_who_waits_for_a_slow_handover_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whose namespaces it is of: in the log at once, and in the report of the change that had to wait."""
    monkeypatch.setattr(turns, "PATIENCE", 0.05)
    world = World(tmp_path, plugins=toy_plugins(capabilities=DeclaredCapabilities(reload="handover")))
    world.write(toy("a", "s", "toy2"))
    await world.control.start()
    store("s").gate = asyncio.Event()
    world.write(toy("a", "s", "toy2", label="x"))
    first = asyncio.ensure_future(world.control.reload())
    await until(lambda: store("s").running == 0)
    world.write(toy("a", "s", "toy2", label="x"), toy("b", "s2"))
    second = asyncio.ensure_future(world.control.reload())
    what = "the one before it: plugin 'toy2' hands its store over, and calls of a wait for it"
    await until(lambda: f"a change of the configuration waits for {what}" in caplog.messages)
    store("s").gate.set()
    assert (await first).notes == []
    report = await second
    (note,) = report.notes
    assert note.startswith("this change waited ")
    assert note.endswith(what)
    assert list(report.added) == ["b"]
    await world.control.stop()


async def test_a_handover_whose_caller_goes_away_is_seen_through(tmp_path: Path) -> None:
    """An operator who gives up waiting leaves no namespace between two instances."""
    world = World(tmp_path, plugins=toy_plugins(capabilities=DeclaredCapabilities(reload="handover")))
    world.write(toy("a", "s", "toy2"))
    await world.control.start()
    await world.put("a", b"1")
    store("s").gate = asyncio.Event()
    world.write(toy("a", "s", "toy2", label="x"))
    reload = asyncio.ensure_future(world.control.reload())
    await until(lambda: store("s").running == 0)
    reload.cancel()
    await asyncio.wait([reload])
    store("s").gate.set()
    assert await world.get("a") == b"1"
    assert (store("s").started, store("s").running) == (2, 1)
    await world.control.stop()


async def test_a_handover_that_fails_brings_the_old_one_back(tmp_path: Path) -> None:
    """With the reason in the report; the calls that waited are served."""
    world = World(tmp_path, plugins=toy_plugins(capabilities=DeclaredCapabilities(reload="handover")))
    store("s").password = "one"
    world.write(toy("a", "s", "toy2", credentials={"password": "one"}))
    await world.control.start()
    await world.put("a", b"1")
    world.write(toy("a", "s", "toy2", credentials={"password": "two"}))
    report = await world.control.reload()
    assert "refuses the password ***" in report.held["a"]
    assert await world.get("a") == b"1"
    assert store("s").running == 1
    await world.control.stop()


async def test_a_store_that_must_be_handed_over_is_not_served_twice(tmp_path: Path) -> None:
    """Where some of its namespaces would stay with the old options, nobody can hand over."""
    world = World(tmp_path, plugins=toy_plugins(capabilities=DeclaredCapabilities(reload="handover")))
    world.write(toy("a", "s", "toy2"), toy("b", "s", "toy2"))
    await world.control.start()
    world.write(toy("a", "s", "toy2", label="x"), toy("b", "s", "toy2"), toy("c", "s2", "toy2"))
    report = await world.control.reload()
    assert "equal options" in report.held["a"]
    assert list(report.added) == ["c"]
    assert store("s").started == 1
    await world.control.stop()
