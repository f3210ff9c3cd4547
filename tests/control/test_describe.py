"""What is shown of a namespace, and what never is."""

import json
from pathlib import Path

from control.world import World, toy, toy_plugins
from prism.config.loading import load
from prism.control.describe import details, rows, state
from prism.plugins.discovery import discover


def test_details_hold_no_secret(tmp_path: Path) -> None:
    """Typed, declared, spliced into a URL, or merely named like one."""
    file = tmp_path / "prism.yaml"
    file.write_text(
        """
namespaces:
  - name: a
    backend: toy
    config:
      store: s
      url: "toy://u:{{ secret:PW }}@h/db?password=swordfish"
      label: "x{{ secret:PW }}x"
      brokers: ["kafka://u:literal1@h", plain]
      pin: literal2
    credentials: {username: prism, password: literal3}
"""
    )
    spec = load(file, toy_plugins(), {"PRISM_SECRET_PW": "hunter2"}).namespaces["a"]
    shown = details(spec)
    text = json.dumps(shown) + repr(spec)
    assert not any(each in text for each in ("hunter2", "swordfish", "literal1", "literal2", "literal3"))
    assert shown["config"] == {
        "store": "s",
        "url": "toy://u:***@h/db?password=***",
        "label": "x***x",
        "pool": {"size": 4, "mode": "lazy"},
        "brokers": ["kafka://u:***@h", "plain"],
        "pin": "***",
    }
    assert shown["credentials"] == {"username": "prism", "password": "***"}
    assert (shown["line"], shown["capabilities"]["keyvalue"]["max_batch_items"]) == (3, 500)
    assert [*rows(spec)] == [{"name": "a", "abstractions": ["keyvalue"], "backend": "toy", "placement": "in_process"}]


def test_a_duration_is_shown_as_it_was_written(tmp_path: Path) -> None:
    """60, not 60.0; and a half stays one."""
    file = tmp_path / "prism.yaml"
    file.write_text("namespaces: [{name: a, backend: memory, config: {sweep_interval: 60}}]")
    shown = details(load(file, discover()).namespaces["a"])["config"]
    assert json.dumps(shown["sweep_interval"]) == "60"
    file.write_text("namespaces: [{name: a, backend: memory, config: {sweep_interval: 0.5}}]")
    assert details(load(file, discover()).namespaces["a"])["config"]["sweep_interval"] == 0.5


async def test_state_of_a_running_namespace(world: World) -> None:
    """Its status and where its data is."""
    world.write(toy("a", "s1"))
    await world.control.start()
    assert state("a", world.control.served["a"].instances[0]) == {
        "status": "ready",
        "reason": "",
        "store": "toy:s1",
        "health": {},
    }
