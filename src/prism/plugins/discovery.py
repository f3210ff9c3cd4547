"""Finds the plugins: built-in ones by their folder under `prism.backends`, others by their entry point.

A package joins by an entry point in the group `prism.plugins` whose value names a package that holds a `plugin.toml`.
A plugin that is not a Python package is found by its folder, whose parent the configuration names (`plugins.folders`).
No driver is imported for it. A broken plugin is reported and does not affect the others.
"""

import importlib
import importlib.util
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType

import prism
from prism.errors import FailedPrecondition
from prism.plugins import trust
from prism.plugins.manifest import Manifest, ManifestInvalid, read
from prism.plugins.option import Option
from prism.plugins.own_services import NotDescribed, OwnService, described, differing
from prism.reason import Reason
from prism.sdk.backend import Backend, Config

GROUP = "prism.plugins"
MANIFEST = "plugin.toml"
Installed = tuple[tuple[str, int], ...]
"""Files and folders that tell what is installed, each with when it was changed."""
DISTRIBUTION = "prism-gateway"

_SAME = "install the plugin and its manifest in one version"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin that can be configured.

    Attributes:
        manifest: what it says of itself.
        origin: the package that it was found in, or its folder if it is not a package.
        distribution: the name that pip knows; empty if it is not a package.
        folder: where its manifest is; None where it has no folder of its own.
        loaded: the version whose code this process has loaded, and keeps until it ends; None where it is this one.
    """

    manifest: Manifest
    origin: str
    distribution: str = DISTRIBUTION
    folder: Path | None = None
    loaded: "Plugin | None" = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """As the configuration names it."""
        return self.manifest.name

    def here(self) -> "Plugin":
        """What runs in this process, which loads the code of a package once."""
        return self.loaded or self

    def missing_drivers(self) -> tuple[str, ...]:
        """The drivers that are not installed."""
        return tuple(each for each in self.manifest.drivers if not _is_installed(each))

    def how_to_install(self) -> str:
        """The command that installs its drivers."""
        if self.manifest.extra:
            return f"pip install '{self.distribution}[{self.manifest.extra}]'"
        return f"pip install {' '.join(self.manifest.drivers) or self.distribution}"

    def command(self) -> tuple[str, ...]:
        """What serves it in a process of its own; empty where the manifest names nothing that could."""
        program, *arguments = self.manifest.command or ("",)
        if program.startswith("./") and self.folder is not None:
            program = str(self.folder / program.removeprefix("./"))
        if program:
            return (program, *arguments)
        package = self.name if self.distribution == DISTRIBUTION else self.origin
        return (sys.executable, "-m", "prism.sdk", package) if self.manifest.backend else ()

    @property
    def descriptors(self) -> Path | None:
        """The file that describes the services of its own; None where it has none."""
        named = self.manifest.descriptors
        return self.folder / named if named and self.folder is not None else None

    def read_descriptors(self) -> bytes:
        """What that file holds; nothing where there is none.

        Raises:
            FailedPrecondition: it cannot be read or trusted.
        """
        path = self.descriptors
        if path is None:
            return b""
        if self.distribution != DISTRIBUTION:
            trust.check((path,))
        try:
            return path.read_bytes()
        except OSError as error:
            why = f"its descriptors {path} cannot be read: {error.strerror or error}"
            raise FailedPrecondition(f"plugin {self.name!r}: {why}") from error

    def own_services(self) -> tuple[OwnService, ...]:
        """The services of its own that its manifest lists, as that file describes them.

        Raises:
            FailedPrecondition: it cannot be read or trusted, is not valid, or describes something else.
        """
        try:
            return described(self.read_descriptors(), self.manifest.services)
        except NotDescribed as error:
            raise FailedPrecondition(f"plugin {self.name!r}: its descriptors {self.descriptors} {error}") from error

    def objection(self, found: Mapping[str, str]) -> str:
        """Why a running plugin is not the one that its manifest describes; empty where it is.

        Args:
            found: the description of what the running plugin has, as `OwnService.description`.
        """
        for service in self.own_services():
            lacking = next((each.name for each in service.operations if each.name not in found), "")
            if lacking:
                return f"plugin {self.name!r} lacks {lacking}, which its manifest describes; {_SAME}"
            if name := differing(service.description, found):
                return f"plugin {self.name!r} describes {name} otherwise than its manifest; {_SAME}"
        return ""

    def config_model(self) -> type[Config]:
        """The model of its configuration; raises as `backend_type` does."""
        return self._model(self.manifest.config)

    def credentials_model(self) -> type[Config]:
        """The model of its credentials; raises as `backend_type` does."""
        return self._model(self.manifest.credentials)

    def backend_type(self) -> type[Backend]:
        """The class of the backend; imports its drivers.

        Raises:
            FailedPrecondition: a driver is missing, the class cannot be imported, or there is none.
        """
        if not self.manifest.backend:
            message = (
                f"plugin {self.name!r} is not written in Python and cannot run in_process; set plugin.type to 'sidecar'"
            )
            raise FailedPrecondition(message)
        kind: type[Backend] = self._load(self.manifest.backend)
        return kind

    def _model(self, described: str | dict[str, Option]) -> type[Config]:
        reference = self.manifest.model(described)
        if not isinstance(reference, str):
            return reference
        model = self._load(reference)
        if not issubclass(model, Config):
            raise FailedPrecondition(
                f"plugin {self.name!r}: {reference} is not a subclass of prism.sdk.Config; make it one"
            )
        return model

    def _load(self, reference: str) -> type:
        module, _, name = reference.partition(":")
        try:
            loaded = getattr(importlib.import_module(module), name)
        except Exception as error:
            if missing := self.missing_drivers():
                message = f"backend {self.name!r} needs {', '.join(missing)}; {self.how_to_install()}"
                raise FailedPrecondition(message, reason=Reason.DRIVER_MISSING) from error
            message = f"plugin {self.name!r}: {reference} cannot be imported ({type(error).__name__}: {error})"
            raise FailedPrecondition(message) from error
        if not isinstance(loaded, type):
            raise FailedPrecondition(f"plugin {self.name!r}: {reference} is not a class")
        return loaded


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module.partition(".")[0]) is not None


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """Something that should be a plugin and is not.

    Attributes:
        name: the plugin's or, where that is unknown, its folder's or entry point's.
        origin: the package, with the distribution where it is not our own.
        problem: what is wrong.
    """

    name: str
    origin: str
    problem: str


@dataclass(frozen=True, slots=True)
class Plugins:
    """All plugins there are.

    Attributes:
        found: by name.
        broken: what could not be used.
        installed: the packages that were there when they were looked for; empty where they were not.
    """

    found: Mapping[str, Plugin]
    broken: tuple[BrokenPlugin, ...] = field(default=())
    installed: Installed = field(default=(), compare=False, repr=False)

    def looked_for_again(self) -> "Plugins":
        """All there are now, where packages were installed, replaced or removed since; else these. Takes a while."""
        if not self.installed or (not self.broken and _installed(self.found.values()) == self.installed):
            return self
        return discover(self)

    def offers(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """The names of the plugins that declare a capability, by the abstraction and the capability."""
        declaring: dict[tuple[str, str], list[str]] = {}
        for plugin in sorted(self.found.values(), key=lambda each: each.name):
            for interface, capabilities in plugin.manifest.capabilities.by_interface.items():
                for name in filter(capabilities.declares, type(capabilities).model_fields):
                    declaring.setdefault((interface, name), []).append(plugin.name)
        return {key: tuple(names) for key, names in declaring.items()}

    def joined_by(self, folders: Iterable[Path]) -> "Plugins":
        """These, and those that the folders hold; of two plugins with one name the first is kept."""
        joined = [*_in_folders(folders)]
        return _gathered([*self.found.values(), *self.broken, *joined]) if joined else self


def discover(before: Plugins | None = None) -> Plugins:
    """Finds every plugin. Of two with one name the first is kept: built-in ones first, then by distribution.

    Args:
        before: what was found in this process before; whose code it has loaded is remembered.
    """
    importlib.invalidate_caches()
    plugins = _gathered((*_built_in(Path(prism.__file__).parent / "backends"), *_third_party()))
    for broke in plugins.broken:
        if before is None or broke not in before.broken:
            log.warning("plugin %s from %s cannot be used and is left out: %s", broke.name, broke.origin, broke.problem)
    found = plugins.found if before is None else {each.name: _after(before, each) for each in plugins.found.values()}
    return Plugins(MappingProxyType(dict(found)), plugins.broken, _installed(found.values()))


def _after(before: Plugins, plugin: Plugin) -> Plugin:
    """The plugin, with the version of before where that is what this process has loaded."""
    old = before.found.get(plugin.name)
    if old is None or old.here() == plugin or old.here().manifest.backend.partition(":")[0] not in sys.modules:
        return plugin
    return replace(plugin, loaded=old.here())


def _installed(plugins: Iterable[Plugin]) -> Installed:
    """What changes when a package is installed, replaced or removed, or the manifest of one is written."""
    metadata = [each for folder in dict.fromkeys(sys.path) for each in _metadata(Path(folder))]
    manifests = [each.folder / MANIFEST for each in plugins if each.folder is not None]
    return tuple(_stamp(each) for each in (*metadata, *manifests))


def _metadata(folder: Path) -> list[Path]:
    try:
        return sorted(each for each in folder.iterdir() if each.suffix in (".dist-info", ".egg-info"))
    except OSError:
        return []  # a zip file, or a folder that is not there


def _stamp(path: Path) -> tuple[str, int]:
    try:
        return str(path), path.stat().st_mtime_ns
    except OSError:
        return str(path), 0


def _gathered(plugins: Iterable["Plugin | BrokenPlugin"]) -> Plugins:
    found: dict[str, Plugin] = {}
    broken: list[BrokenPlugin] = []
    for each in plugins:
        if isinstance(each, BrokenPlugin):
            broken.append(each)
        elif each.name in found:
            problem = f"the name {each.name!r} is already used by {found[each.name].origin}; rename one of the two"
            broken.append(BrokenPlugin(each.name, each.origin, problem))
        else:
            found[each.name] = each
    return Plugins(MappingProxyType(found), tuple(broken))


def _built_in(folder: Path) -> Iterator[Plugin | BrokenPlugin]:
    for manifest in sorted(folder.glob(f"*/{MANIFEST}")):
        yield _plugin(manifest, manifest.parent.name, f"prism.backends.{manifest.parent.name}", DISTRIBUTION)


def _third_party() -> Iterator[Plugin | BrokenPlugin]:
    for point in sorted(entry_points(group=GROUP), key=_distribution):
        origin = f"{point.value} of {_distribution(point)}"
        try:
            spec = importlib.util.find_spec(point.value)
        except Exception as error:  # noqa: BLE001  # importing a parent package runs others' code
            yield BrokenPlugin(point.name, origin, f"its package cannot be found ({type(error).__name__}: {error})")
            continue
        folders = (spec.submodule_search_locations if spec else None) or ()
        manifest = next((Path(each) / MANIFEST for each in folders if (Path(each) / MANIFEST).is_file()), None)
        if manifest is None:
            yield BrokenPlugin(point.name, origin, f"package {point.value} was not found, or contains no {MANIFEST}")
        else:
            yield _plugin(manifest, point.name, point.value, _distribution(point))


def _in_folders(folders: Iterable[Path]) -> Iterator[Plugin | BrokenPlugin]:
    """What each folder directly in one of these holds; they are looked into again at every reload."""
    for manifest in sorted(found for folder in folders for found in folder.glob(f"*/{MANIFEST}")):
        folder = manifest.parent.absolute()
        if problem := trust.world_writable(folder) or trust.world_writable(manifest):
            yield BrokenPlugin(folder.name, str(folder), problem)
        else:
            plugin = _plugin(manifest, folder.name, str(folder), "")
            if isinstance(plugin, Plugin) and plugin.manifest.backend:
                problem = (
                    f"{MANIFEST}: backend: a plugin in plugins.folders cannot be Python code; install it as a package"
                )
                yield BrokenPlugin(plugin.name, str(folder), problem)
            else:
                yield plugin


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist else ""


def _plugin(manifest: Path, name: str, origin: str, distribution: str) -> Plugin | BrokenPlugin:
    try:
        return Plugin(read(manifest.read_bytes()), origin, distribution, manifest.parent.absolute())
    except (ManifestInvalid, OSError) as error:
        return BrokenPlugin(name, origin, f"{MANIFEST}: {error}")
