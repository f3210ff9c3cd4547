"""Loads a configuration: YAML, references, sections, then every namespace by its backend's own models; all problems at
once.
"""

import gc
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from prism.config.cross_validation import contradictions
from prism.config.instance_specs import InstanceSpecs, plain
from prism.config.placement import place, watched
from prism.config.references import References
from prism.config.secrets import EnvironmentSecrets, FileSecrets, SecretProvider
from prism.config.sections.plugin import PluginSection
from prism.config.sections.root import Config, NamespaceEntry, PluginsSection, SecretsSection
from prism.config.specification import Loaded, NamespaceSpec
from prism.config.yaml import explain
from prism.config.yaml.document import Document, read
from prism.config.yaml.problem import ConfigInvalid, Loc, nearest
from prism.config.yaml.problem_collector import ProblemCollector
from prism.interfaces.catalogue import interfaces
from prism.plugins.discovery import Plugin, Plugins
from prism.plugins.placement import Here, Placement, Socket
from prism.redactor import Redactor


def load(
    source: Path | Config,
    plugins: Plugins,
    environment: Mapping[str, str] = os.environ,
    secrets: Sequence[SecretProvider] = (),
) -> Loaded:
    """Loads and validates a configuration; may wait for files, so it is called in a thread where calls are served.

    Args:
        source: the file, or a configuration made by hand.
        plugins: what may be configured.
        environment: what `${NAME}` and secrets are looked up in.
        secrets: further places, asked after the environment and before the files.

    Raises:
        ConfigInvalid: with every problem.
    """
    with _no_garbage_collection():
        document = Document("", _as_written(source)) if isinstance(source, Config) else read(source)
        return _Loading(document, plugins, environment, secrets).run(source if isinstance(source, Path) else None)


def _as_written(config: Config) -> dict[str, Any]:
    """A configuration made by hand as a file would have it, with what its dump leaves out."""
    data = config.model_dump(mode="json", exclude_unset=True)
    for entry, written in zip(config.namespaces, data.get("namespaces", ()), strict=True):
        written |= {name: getattr(entry, name) for name in ("config", "credentials") if name in entry.model_fields_set}
    return data


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """For a large document, looking for garbage among its nodes, which all stay, would take most of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Loading:
    """One attempt."""

    def __init__(
        self,
        document: Document,
        plugins: Plugins,
        environment: Mapping[str, str],
        secrets: Sequence[SecretProvider],
    ) -> None:
        self._document = document
        self._secrets = secrets
        self._plugins = plugins
        self._environment = environment
        self._redactor = Redactor()
        self._problems = ProblemCollector(document, self._redactor)
        self._instances = InstanceSpecs(self._problems, self._redactor)
        self._placements: dict[tuple[str, PluginSection], Placement] = {}
        self._watched: set[Path] = set()
        self._services = {each.name: each.service.full_name for each in interfaces().values()}

    def run(self, file: Path | None) -> Loaded:
        data = self._resolve(file)
        entries = data.pop("namespaces", None)
        config = self._sections(data)
        self._find_plugins(config)
        namespaces: dict[str, NamespaceSpec] = {}
        valid: list[NamespaceEntry] = []
        names: dict[Any, int] = {}
        for index, raw in enumerate(self._listed(entries)):
            entry = self._entry(raw, index)
            if isinstance(raw, dict) and isinstance(raw.get("name"), str):
                self._check_name(raw["name"], index, names)
            if entry is not None and config is not None:
                self._check_policy(entry, index, config)
            if entry is not None and (spec := self._namespace(entry, raw, index)):
                valid.append(entry)
                namespaces.setdefault(entry.name, spec)
        if self._problems.problems or config is None:
            raise ConfigInvalid(self._problems.problems)
        config = config.model_copy(update={"namespaces": tuple(valid)})
        return Loaded(config, namespaces, self._document, self._redactor, frozenset(self._watched))

    def _check_policy(self, entry: NamespaceEntry, index: int, config: Config) -> None:
        if isinstance(entry.policy, str) and entry.policy not in config.policies:
            known, found = sorted(config.policies), repr(entry.policy)
            close, allowed = nearest(entry.policy, known), ", ".join(known) or "one that is listed under policies"
            message = "there is no such policy"
            self._problems.add(("namespaces", index, "policy"), message, found=found, allowed=allowed, close=close)

    def _check_name(self, name: str, index: int, names: dict[str, int]) -> None:
        first = names.setdefault(name, index)
        if first != index:
            line = self._document.line(("namespaces", first, "name"))
            where = f"on line {line}" if line else f"by namespaces[{first}]"
            self._problems.add(("namespaces", index, "name"), f"the name {name!r} is taken {where}; rename one")

    def _resolve(self, file: Path | None) -> dict[str, Any]:
        environment = self._environment
        own: list[SecretProvider] = [EnvironmentSecrets(environment), *self._secrets]
        places = References(self._document, environment, own, self._redactor)
        section = places.resolve(self._document.data.get("secrets"), ("secrets",))
        try:
            directory = SecretsSection.model_validate(section or {}).directory
        except ValidationError:
            directory = SecretsSection().directory  # the sections' own check says what is wrong
        if "directory" in (section or {}) and not directory.is_dir():
            self._problems.add(("secrets", "directory"), "there is no such directory", found=repr(str(directory)))
        files = FileSecrets(directory)
        references = References(self._document, environment, [*own, files], self._redactor)
        data: dict[str, Any] = references.resolve(dict(self._document.data))
        self._problems.unresolved(references.problems)
        self._watched |= {file.absolute().parent} if file else set()
        self._watched |= {directory.absolute()} if files in references.used else set()
        return data

    def _find_plugins(self, config: Config | None) -> None:
        """Joins what the plugin folders hold; a folder that is new is noticed, as it changes its parent."""
        folders = (config.plugins if config else PluginsSection()).folders
        for index, folder in enumerate(folders):
            if not folder.is_dir():
                self._problems.add(("plugins", "folders", index), "there is no such folder", found=repr(str(folder)))
        self._plugins = self._plugins.joined_by(folders)
        self._watched.update(each.absolute() for each in folders)

    def _sections(self, data: dict[str, Any]) -> Config | None:
        try:
            config = Config.model_validate(data)
        except ValidationError as error:
            self._problems.explain((), data, Config, error)
            return None
        plain(config.model_dump(exclude={"namespaces"}), self._redactor)
        self._check_addresses(config)
        for each in contradictions(config):
            self._problems.add(each.loc, each.message, found=each.found, allowed=each.allowed)
        return config

    def _check_addresses(self, config: Config) -> None:
        """Each port needs one of its own, else the gateway would start its stores and then fail."""
        taken = {config.gateway.listen: "gateway.listen"}
        for section in ("admin", "telemetry") if config.admin.enabled else ("telemetry",):
            address = getattr(config, section).listen
            if address in taken and not address.endswith(":0"):
                message = f"{taken[address]} has this address already; give each port one of its own"
                self._problems.add((section, "listen"), message, found=repr(address))
            taken.setdefault(address, f"{section}.listen")

    def _listed(self, entries: Any) -> list[Any]:
        if isinstance(entries, list):
            return entries
        found = explain.kind_of(entries)
        self._problems.add(("namespaces",), "the namespaces are missing", found=found, allowed="a list of namespaces")
        return []

    def _entry(self, raw: Any, index: int) -> NamespaceEntry | None:
        """The entry, as far as it does not depend on the backend."""
        loc: Loc = ("namespaces", index)
        if not isinstance(raw, dict):
            self._problems.add(
                loc, "a namespace is a mapping", found=explain.kind_of(raw), allowed="name, backend, config"
            )
            return None
        fields = dict(raw)
        try:
            return NamespaceEntry.model_validate(fields)
        except ValidationError as error:
            self._problems.explain(loc, fields, NamespaceEntry, error)
        name = fields.get("backend")
        plugin = self._plugin(name, loc) if isinstance(name, str) else None
        if plugin is not None:
            self._instances.find(plugin, Here(), fields, loc)
        return None

    def _namespace(self, entry: NamespaceEntry, raw: dict[str, Any], index: int) -> NamespaceSpec | None:
        loc: Loc = ("namespaces", index)
        plugin = self._plugin(entry.backend, loc)
        if plugin is None:
            return None
        abstractions = self._abstractions(entry, plugin, loc)
        placement = self._placement(entry, plugin, loc)
        # Where the place is wrong, the options are checked all the same.
        instance = self._instances.find(plugin, placement or Socket(Path()), raw, loc)
        if abstractions is None or placement is None or instance is None:
            return None
        services = frozenset(self._services[each] for each in abstractions)
        return NamespaceSpec(entry.name, abstractions, services, instance, index, self._document.line(loc))

    def _placement(self, entry: NamespaceEntry, plugin: Plugin, loc: Loc) -> Placement | None:
        """Where it runs; worked out once for equal sections."""
        known_by = (plugin.name, entry.plugin)
        if known := self._placements.get(known_by):
            return known
        placed = place(entry.plugin, plugin)
        if isinstance(placed, list):
            for each in placed:
                at = (*loc, "plugin", *each.at)
                self._problems.add(at, each.message, found=each.found, allowed=each.allowed, key=each.key)
            return None
        self._watched.update(watched(placed, plugin))
        return self._placements.setdefault(known_by, placed)

    def _plugin(self, name: str, loc: Loc) -> Plugin | None:
        plugin = self._plugins.found.get(name)
        if plugin is not None:
            return plugin
        known = sorted(self._plugins.found)
        broken = next((each for each in self._plugins.broken if each.name == name), None)
        message = f"this backend's plugin cannot be used: {broken.problem}" if broken else "there is no such backend"
        self._problems.add(
            (*loc, "backend"), message, found=repr(name), allowed=", ".join(known), close=nearest(name, known)
        )
        return None

    def _abstractions(self, entry: NamespaceEntry, plugin: Plugin, loc: Loc) -> tuple[str, ...] | None:
        served = plugin.manifest.interfaces
        if entry.abstraction is not None and entry.abstractions is not None:
            self._problems.add((*loc, "abstraction"), "give either 'abstraction' or 'abstractions', not both", key=True)
            return None
        wanted = entry.abstractions or ((entry.abstraction,) if entry.abstraction else served)
        lacking = [each for each in wanted if each not in served]
        for each in lacking:
            key = "abstraction" if entry.abstractions is None else "abstractions"
            can = sorted(other.name for other in self._plugins.found.values() if each in other.manifest.interfaces)
            message = f"backend {plugin.name!r} does not serve {each}; {' and '.join(can) or 'no backend'} can"
            self._problems.add((*loc, key), message, found=repr(each), allowed=", ".join(served))
        return None if lacking else tuple(dict.fromkeys(wanted))
