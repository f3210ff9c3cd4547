"""Packages of plugins that are installed or upgraded while the gateway runs."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.world import World, until
from prism.errors import FailedPrecondition
from prism.plugins.discovery import discover

MANIFEST = (Path(__file__).parents[2] / "src" / "prism" / "backends" / "memory" / "plugin.toml").read_text()
OLD, NEW = "1.4.0", "2.0.0"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that Python imports from, here and in processes that are started."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(site))
    yield site
    for name in [each for each in sys.modules if each.startswith("upgraded_store")]:
        del sys.modules[name]


def install(site: Path, version: str) -> None:
    """Puts the package there, in the place of what is there, as pip would."""
    package = site / "upgraded_store"
    package.mkdir(exist_ok=True)
    (package / "__init__.py").touch()
    manifest = MANIFEST.replace('name = "memory"', 'name = "acme"').replace('"0.1.0"', f'"{version}"', 1)
    # Code of its own, so that what is loaded can be told.
    (package / "backend.py").write_text("from prism.backends.memory.backend import MemoryBackend as Acme\n")
    (package / "plugin.toml").write_text(
        manifest.replace("prism.backends.memory.backend:MemoryBackend", "upgraded_store.backend:Acme")
    )
    for former in site.glob("*.dist-info"):
        for each in former.iterdir():
            each.unlink()
        former.rmdir()
    metadata = site / f"acme-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acme\nVersion: {version}\n")
    (metadata / "entry_points.txt").write_text("[prism.plugins]\nacme = upgraded_store\n")


def version_of(world: World, namespace: str) -> str:
    """As status tells it."""
    return world.control.served[namespace].instances[0].spec.plugin.manifest.version


async def test_an_installed_package_is_found_and_an_upgrade_is_told_where_it_runs(tmp_path: Path, site: Path) -> None:
    """A reload finds both; what runs in the gateway's own process is the version that was loaded, until a restart."""
    here = {"name": "here", "backend": "acme", "config": {"store": "h"}}
    beside = {"name": "beside", "backend": "acme", "config": {"store": "b"}, "plugin": {"type": "sidecar"}}
    world = World(tmp_path, plugins=discover())
    world.write({"name": "other", "backend": "memory", "config": {"store": "m"}})
    async with world.control:
        world.write(here, beside)
        assert not (await world.control.reload()).applied
        install(site, OLD)
        assert (await world.control.reload()).applied
        assert (version_of(world, "here"), version_of(world, "beside")) == (OLD, OLD)
        same = world.control.plugins
        await world.control.reload()
        assert world.control.plugins is same

        install(site, NEW)
        assert (await world.control.reload(namespace="beside", force=True, version=NEW)).applied
        await until(lambda: version_of(world, "beside") == NEW)  # at once, or as soon as its process is up
        assert version_of(world, "here") == OLD
        assert world.control.plugins.found["acme"].manifest.version == NEW
        with pytest.raises(FailedPrecondition, match="code in the gateway's own process is loaded once"):
            await world.control.reload(namespace="here", force=True, version=NEW)
