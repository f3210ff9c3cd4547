"""Supervision is configuration: for the gateway, for one plugin, and changed without a restart."""

from pathlib import Path

import pytest

from config.file import File
from control.world import World, store, toy, until
from prism.config.sections.supervision import SupervisionSection

_DEFAULTS = {
    "probe_interval": 10.0,
    "probe_timeout": 5.0,
    "stuck_after": 3,
    "restarts": 20,
    "restart_window": 40.0,
    "backoff_first": 0.2,
    "backoff_max": 30.0,
}


def test_defaults() -> None:
    """A file without the section is supervised as before there was one."""
    assert SupervisionSection().model_dump() == _DEFAULTS


@pytest.mark.parametrize("option", sorted(_DEFAULTS))
def test_bounds(tmp_path: Path, option: str) -> None:
    """Neither a busy loop nor for ever."""
    file = File(tmp_path)
    for wrong in (0, 1e9):
        problems = file.problems(f"supervision: {{{option}: {wrong:g}}}\nnamespaces: [{{name: a, backend: memory}}]")
        assert list(problems) == [f"supervision.{option}"]


def test_the_pauses_are_in_order(tmp_path: Path) -> None:
    """Where both are given; else the first is at most the longest."""
    problems = File(tmp_path).problems(
        "supervision: {backoff_first: 3, backoff_max: 2}\nnamespaces: [{name: a, backend: memory}]"
    )
    (problem,) = problems.values()
    assert problem.message == "backoff_first is longer than backoff_max"


def test_a_plugin_s_own(tmp_path: Path) -> None:
    """What it leaves out is the gateway's; an instance with another supervision is another instance."""
    loaded = File(tmp_path).load("""
supervision: {probe_interval: 2, stuck_after: 9}
namespaces:
  - {name: a, backend: memory}
  - {name: b, backend: memory, plugin: {supervision: {probe_interval: 1}}}
""")
    a, b = (each.backends[0].instance for each in loaded.namespaces.values())
    assert a.key != b.key
    assert a.supervised_by(loaded.config.supervision).probe_interval == 2
    own = b.supervised_by(loaded.config.supervision)
    assert (own.probe_interval, own.stuck_after, own.restarts) == (1, 9, 20)


async def test_a_reload_supervises_running_instances_otherwise(tmp_path: Path) -> None:
    """No instance is replaced for it; the budget and the next probes follow the new section."""
    world = World(tmp_path, supervision={"probe_interval": 0.02})
    world.write(toy("a", "s"), {**toy("b", "s"), "plugin": {"supervision": {"probe_interval": 0.03}}})
    await world.control.start()
    instances = world.control.instances
    store("s").sick = "a disk"
    await until(lambda: all(each.health_state.health.message == "a disk" for each in instances))
    world.write(
        toy("a", "s"),
        {**toy("b", "s"), "plugin": {"supervision": {"probe_interval": 0.03}}},
        supervision={"probe_interval": 3600, "stuck_after": 7},
    )
    assert (await world.control.reload()).applied
    assert world.control.instances == instances
    found = {each.health_state.supervision.probe_interval for each in instances}
    assert found == {3600, 0.03}
    assert {each.health_state.supervision.stuck_after for each in instances} == {7}
    await world.control.stop()
