"""Changes of the file are seen by themselves, however they are made."""

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control.world import QUICK, World, store, toy, until
from prism.control.source import Source
from prism.file_watch import signature
from prism.plugins.discovery import discover

BY_EVENT = dataclasses.replace(QUICK, watch_interval=300)
"""The file is looked at only when the system tells of a change."""


async def start(world: World) -> None:
    """Starts control and sees one change through, so that the watch is in place: until then it looks by itself."""
    content = world.file.read_text()
    await world.control.start()
    world.file.write_text(f"{content}gateway: {{drain_timeout: 7}}\n")
    await until(lambda: world.control.config.gateway.drain_timeout == 7)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway that serves the namespace `a`, and watches."""
    world = World(tmp_path, timing=BY_EVENT, watched=True)
    world.write(toy("a", "s"))
    await start(world)
    yield world
    await world.control.stop()


async def test_a_replaced_file_is_applied(watched: World) -> None:
    """As editors and configuration tools write."""
    watched.write(toy("a", "s"), toy("b", "s"))
    await until(lambda: watched.names == ["a", "b"])


async def test_a_file_written_in_place_is_applied(watched: World) -> None:
    """As a shell's redirection writes."""
    watched.file.write_text(watched.file.read_text().replace("name: a", "name: b"))
    await until(lambda: watched.names == ["b"])


async def test_several_changes_in_a_row_all_count(watched: World) -> None:
    """The last one is what serves, an invalid one in between or not."""
    for names in ("ab", "abc"):
        watched.write(*(toy(name, "s") for name in names))
        await until(lambda names=names: watched.names == list(names))
    watched.file.write_text("not: [valid")
    watched.write(toy("z", "s"))
    await until(lambda: watched.names == ["z"])


async def test_a_file_beside_a_plugin_s_program_is_no_change(tmp_path: Path) -> None:
    """The folder is looked at, as for any file in it; only what is run has the configuration read again."""
    folder = tmp_path / "plugins" / "shell"
    folder.mkdir(parents=True)
    (folder / "plugin.toml").write_text(
        'name = "shell"\nversion = "1"\nprotocol = 1\nsummary = "x"\ninterfaces = ["keyvalue"]\n'
        'maturity = "stable"\ncommand = ["./program"]\nplacement = "sidecar"\n[capabilities]\ndurability = "none"\n'
    )
    (folder / "program").write_text("#!/bin/sh\n")
    (folder / "program").chmod(0o755)
    file = tmp_path / "prism.yaml"
    file.write_text(f"plugins: {{folders: [{folder.parent}]}}\nnamespaces: [{{name: a, backend: shell}}]\n")
    source = Source(file, {})
    await source.load(discover())
    assert folder in source._watched
    seen = source._signature()
    (folder / "notes.txt").write_text("x")
    assert source._signature() == seen
    (folder / "program").write_text("#!/bin/sh\n# other\n")
    assert source._signature() != seen


async def test_the_swap_of_a_configmap_is_applied(tmp_path: Path) -> None:
    """Kubernetes swaps a link beside the file's own link; the file's name sees no event at all."""
    world = World(tmp_path, timing=BY_EVENT, watched=True)
    for version, names in (("..1", "a"), ("..2", "ab")):
        (tmp_path / version).mkdir()
        world.write(*(toy(name, "s") for name in names))
        world.file.rename(tmp_path / version / "prism.yaml")
    (tmp_path / "..data").symlink_to("..1")
    world.file.symlink_to("..data/prism.yaml")
    await start(world)
    assert world.names == ["a"]
    (tmp_path / "..data_tmp").symlink_to("..2")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    await until(lambda: world.names == ["a", "b"])
    await world.control.stop()


async def test_a_rotated_secret_is_applied(tmp_path: Path) -> None:
    """The directory of secrets is watched where a secret comes from it."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "pw").write_text("one")
    store("s").password = "one"
    world = World(tmp_path, timing=BY_EVENT, watched=True)
    world.write(toy("a", "s", credentials={"password": "{{ secret:pw }}"}), secrets={"directory": str(secrets)})
    await start(world)
    await world.put("a", b"1")
    old = world.gateway.snapshot.namespaces["a"].instances[0]
    store("s").password = "two"
    (secrets / "pw").write_text("two")
    await until(lambda: world.gateway.snapshot.namespaces["a"].instances[0] is not old)
    assert await world.get("a") == b"1"
    await world.control.stop()


async def test_other_files_beside_it_cause_nothing(watched: World) -> None:
    """A database in the same folder may be written to all day."""
    for number in range(20):
        (watched.file.parent / f"data-{number}").write_text("x")
    watched.write(toy("a", "s"), toy("b", "s"))
    await until(lambda: watched.names == ["a", "b"])
    assert [each.generation for each in watched.snapshots] == [1, 2]


def test_a_signature_tells_versions_apart(tmp_path: Path) -> None:
    """The file's own, that of every visible file beside it, and of one that is gone."""
    file, secrets = tmp_path / "prism.yaml", tmp_path / "secrets"
    secrets.mkdir()
    seen = {signature(file, [secrets])}
    file.write_text("a")
    seen.add(signature(file, [secrets]))
    (secrets / "x").write_text("1")
    seen.add(signature(file, [secrets]))
    (secrets / "x").write_text("22")
    seen.add(signature(file, [secrets]))
    file.unlink()
    seen.add(signature(file, [secrets]))
    assert len(seen) == 5
    assert signature(file, [secrets, tmp_path / "nowhere"])[:1] == signature(file, [secrets])[:1]


async def test_a_file_on_a_silent_filesystem_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system tells of no change, a look every few seconds finds it."""
    monkeypatch.setenv("WATCHFILES_FORCE_POLLING", "true")
    monkeypatch.setenv("WATCHFILES_POLL_DELAY_MS", "60000")
    world = World(tmp_path, watched=True)
    world.write(toy("a", "s"))
    await world.control.start()
    world.write(toy("b", "s"))
    await until(lambda: world.names == ["b"])
    await world.control.stop()
