"""The gateway's own certificate for a plugin that holds data in its memory, and runs elsewhere."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control.world import World, until
from prism.acceptance.run.remote_plugins import RemotePlugins
from prism.plugins.discovery import discover


@pytest.fixture
async def elsewhere(tmp_path: Path) -> AsyncIterator[RemotePlugins]:
    """Memory in a process that the gateway does not start."""
    plugins = RemotePlugins(discover().found["memory"], tmp_path)
    yield plugins
    await plugins.stop()


@pytest.mark.parametrize("in_place", [True, False])
async def test_it_is_replaced_by_a_reload_and_the_data_stays(
    tmp_path: Path, elsewhere: RemotePlugins, in_place: bool
) -> None:
    """The process is the same, so nothing is lost by it: in other files, or in the same."""
    section = dict(await elsewhere.start(1))
    before = section["tls"]
    assert isinstance(before, dict)
    world = World(tmp_path)
    world.write({"name": "a", "backend": "memory", "config": {"store": "s"}, "plugin": section})
    async with world.control:
        await world.control.start()
        [old] = world.control.instances
        await until(lambda: not old.refusal("a"))  # a busy machine takes longer than the start waits
        await world.put("a", b"1")
        files = {name: tmp_path / f"other-{name}.pem" for name in ("cert", "key")}
        for name, file in files.items():
            shutil.copy(before[name], file)  # of the same authority
            if in_place:
                file.replace(before[name])
        if not in_place:
            section["tls"] = {**before, **{name: str(file) for name, file in files.items()}}
        world.write({"name": "a", "backend": "memory", "config": {"store": "s"}, "plugin": section})
        report = await world.control.reload()
        assert (report.problems, report.held) == ((), {})
        assert old not in world.control.instances
        assert await world.get("a") == b"1"
