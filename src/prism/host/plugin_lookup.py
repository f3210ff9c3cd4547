"""Which plugin a process serves: one that is installed, by its name, or the package that holds its plugin.toml."""

import importlib.util
from importlib.metadata import packages_distributions
from pathlib import Path

import prism
from prism.errors import FailedPrecondition
from prism.plugins.discovery import DISTRIBUTION, MANIFEST, Plugin, discover
from prism.plugins.manifest import ManifestInvalid, read


def find(name: str) -> Plugin:
    """The plugin of that name, or in the package of that name.

    Raises:
        FailedPrecondition: it is not found, its manifest is invalid, or it is not written in Python.
    """
    plugin = _found(name)
    if not plugin.manifest.backend:
        how = (
            f"start it by its own command: {' '.join(plugin.command())}"
            if plugin.command()
            else "start it by its own program"
        )
        raise FailedPrecondition(f"plugin {plugin.name!r} is not written in Python; {how}")
    return plugin


def _found(name: str) -> Plugin:
    built_in = Path(prism.__file__).parent / "backends" / name / MANIFEST
    if name.isidentifier() and built_in.is_file():
        return _read(built_in, f"prism.backends.{name}", DISTRIBUTION)
    if "." not in name:
        plugins = discover()
        if name in plugins.found:
            return plugins.found[name]
        known = f"installed plugins: {', '.join(sorted(plugins.found))}"
    else:
        known = "give the name of an installed plugin, or of an importable Python package"
    manifest = _in_package(name)
    if manifest is None:
        raise FailedPrecondition(
            f"plugin {name!r} was not found: not installed, and not a package that contains a {MANIFEST}; {known}"
        )
    distributions = packages_distributions().get(name.partition(".")[0], [name])
    return _read(manifest, name, distributions[0])


def _in_package(name: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    folders = (spec.submodule_search_locations if spec else None) or ()
    return next((Path(each) / MANIFEST for each in folders if (Path(each) / MANIFEST).is_file()), None)


def _read(manifest: Path, origin: str, distribution: str) -> Plugin:
    try:
        return Plugin(read(manifest.read_bytes()), origin, distribution, manifest.parent.absolute())
    except (ManifestInvalid, OSError) as error:
        raise FailedPrecondition(f"{manifest}: {error}") from error
