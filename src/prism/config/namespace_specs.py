"""From the entries of `namespaces` to what is to serve each: one backend, or one for each abstraction."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from prism.config.instance_specs import InstanceSpecs
from prism.config.placement import place, watched
from prism.config.sections.plugin import PluginSection
from prism.config.sections.root import BackendEntry, Config, NamespaceEntry
from prism.config.specification import BackendSpec, InstanceSpec, NamespaceSpec
from prism.config.yaml import explain
from prism.config.yaml.document import Document
from prism.config.yaml.problem import Loc, nearest
from prism.config.yaml.problem_collector import ProblemCollector
from prism.errors import FailedPrecondition
from prism.plugins.discovery import Plugin, Plugins
from prism.plugins.own_services import OwnService, differing
from prism.plugins.placement import Here, Placement, Socket
from prism.redactor import Redactor

_OF_ONE_BACKEND = ("backend", "abstraction", "abstractions", "services", "plugin", "config", "credentials")


class NamespaceSpecs:
    """The namespaces of one configuration.

    Attributes:
        entries: the valid ones.
        found: what is to serve each, by name, in the order of the file.
        watched: directories whose changes make another version of a plugin, or of its certificates.
    """

    def __init__(self, document: Document, problems: ProblemCollector, redactor: Redactor, plugins: Plugins) -> None:
        """
        Args:
            document: knows the places of everything.
            problems: takes what is wrong.
            redactor: learns the secrets.
            plugins: what may be configured.
        """
        self.entries: list[NamespaceEntry] = []
        self.found: dict[str, NamespaceSpec] = {}
        self.watched: set[Path] = set()
        self._document = document
        self._problems = problems
        self._plugins = plugins
        self._instances = InstanceSpecs(problems, redactor)
        self._placements: dict[tuple[str, PluginSection], Placement] = {}
        self._names: dict[str, int] = {}
        self._described: dict[OwnService, str] = {}

    def add(self, raw: Any, index: int, config: Config | None) -> None:
        """One more entry.

        Args:
            raw: as the file has it.
            index: its place in the list.
            config: the other sections; None where they are wrong.
        """
        entry = self._entry(raw, index)
        if isinstance(raw, dict) and isinstance(raw.get("name"), str):
            self._check_name(raw["name"], index)
        if entry is not None and config is not None:
            self._check_policy(entry, index, config)
        if entry is not None and (spec := self._namespace(entry, raw, index)):
            self.entries.append(entry)
            self.found.setdefault(entry.name, spec)

    def _check_name(self, name: str, index: int) -> None:
        first = self._names.setdefault(name, index)
        if first != index:
            line = self._document.line(("namespaces", first, "name"))
            where = f"on line {line}" if line else f"by namespaces[{first}]"
            self._problems.add(("namespaces", index, "name"), f"the name {name!r} is taken {where}; rename one")

    def _check_policy(self, entry: NamespaceEntry, index: int, config: Config) -> None:
        if isinstance(entry.policy, str) and entry.policy not in config.policies:
            known, found = sorted(config.policies), repr(entry.policy)
            close, allowed = nearest(entry.policy, known), ", ".join(known) or "one that is listed under policies"
            message = "there is no such policy"
            self._problems.add(("namespaces", index, "policy"), message, found=found, allowed=allowed, close=close)

    def _entry(self, raw: Any, index: int) -> NamespaceEntry | None:
        """The entry, as far as it does not depend on its backends."""
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
        self._has_backend(fields, loc)
        # Its mistakes are named; those in the options of its backends are looked for all the same.
        for part, where in _written_backends(fields, loc):
            name = part.get("backend")
            plugin = self._plugin(name, where) if isinstance(name, str) else None
            if plugin is not None:
                self._instances.find(plugin, Here(), part, where)
        return None

    def _namespace(self, entry: NamespaceEntry, raw: dict[str, Any], index: int) -> NamespaceSpec | None:
        loc: Loc = ("namespaces", index)
        if not self._is_of_one_form(entry, loc):
            return None
        found: dict[str, BackendSpec] = {}
        if entry.backends is None:
            backends = [self._backend(entry, raw, loc)]
        else:
            backends = [
                self._backend_of(abstraction, each, raw["backends"][abstraction], (*loc, "backends", abstraction))
                for abstraction, each in entry.backends.items()
            ]
        for each in backends:
            if each is None:
                return None
            taken = {one.name for other in found.values() for one in other.own}
            if twice := next((one.name for one in each.own if one.name in taken), None):
                message = "two backends of the namespace have this service; leave it out of one of them"
                self._problems.add((*each.loc, "services"), message, found=twice)
                return None
            same = found.get(each.instance.key)
            found[each.instance.key] = each if same is None else _joined(same, each)
        return NamespaceSpec(entry.name, tuple(found.values()), index, self._document.line(loc))

    def _is_of_one_form(self, entry: NamespaceEntry, loc: Loc) -> bool:
        if entry.backends is None:
            return self._has_backend({"backend": entry.backend}, loc)
        both = [each for each in _OF_ONE_BACKEND if each in entry.model_fields_set]
        for each in both:
            message = (
                f"a namespace with 'backends' has no {each!r} of its own; move it into one of them, or keep one form"
            )
            self._problems.add((*loc, each), message, key=True)
        return not both

    def _has_backend(self, fields: Mapping[str, Any], loc: Loc) -> bool:
        if fields.get("backend") is None and fields.get("backends") is None:
            allowed = "the name of a plugin; or 'backends', with a backend for each abstraction"
            self._problems.add((*loc, "backend"), "this key is missing", found="nothing", allowed=allowed)
            return False
        return True

    def _backend(self, entry: NamespaceEntry, raw: Mapping[str, Any], loc: Loc) -> BackendSpec | None:
        """The one backend of a namespace."""
        plugin = self._plugin(entry.backend or "", loc)
        if plugin is None:
            return None
        abstractions = self._abstractions(entry, plugin, loc)
        instance = self._instance(plugin, entry.plugin, raw, loc)
        if abstractions is None or instance is None:
            return None
        own = self._own_services(entry.services, instance.plugin, (*loc, "services"))
        return None if own is None else BackendSpec(abstractions, instance, loc, own)

    def _backend_of(
        self, abstraction: str, entry: BackendEntry, raw: Mapping[str, Any], loc: Loc
    ) -> BackendSpec | None:
        """The backend of one abstraction."""
        plugin = self._plugin(entry.backend, loc)
        if plugin is None:
            return None
        serves = self._serves(plugin, abstraction, (*loc, "backend"), repr(plugin.name))
        instance = self._instance(plugin, entry.plugin, raw, loc)
        if not serves or instance is None:
            return None
        own = self._own_services(entry.services, instance.plugin, (*loc, "services"))
        return None if own is None else BackendSpec((abstraction,), instance, loc, own)

    def _own_services(self, wanted: Sequence[str], plugin: Plugin, at: Loc) -> tuple[OwnService, ...] | None:
        """The services of the plugin's own that an entry names; None where they cannot be had."""
        if not wanted:
            return ()
        listed = plugin.manifest.services
        if unknown := [(index, each) for index, each in enumerate(wanted) if each not in listed]:
            for index, each in unknown:
                message = f"the manifest of plugin {plugin.name!r} lists no such service of its own"
                allowed = ", ".join(listed) or "nothing, as it has none"
                self._problems.add(
                    (*at, index), message, found=repr(each), allowed=allowed, close=nearest(each, listed)
                )
            return None
        try:
            services = {each.name: each for each in plugin.own_services()}
        except FailedPrecondition as error:
            self._problems.add(at, error.message)
            return None
        if plugin.descriptors is not None:
            self.watched.add(plugin.descriptors.absolute().parent)
        own = tuple(services[name] for name in dict.fromkeys(wanted))
        return own if all(self._agrees(each, plugin, at) for each in own) else None

    def _agrees(self, service: OwnService, plugin: Plugin, at: Loc) -> bool:
        """Whether no other plugin of the configuration says something else of a name that the service has."""
        if service in self._described:
            return True
        for other, whose in self._described.items():
            if name := differing(service.description, other.description) or service.name * (service.name == other.name):
                message = f"plugins {whose!r} and {plugin.name!r} describe {name} differently"
                self._problems.add(at, f"{message}; install versions that agree, or leave the service out of one")
                return False
        self._described[service] = plugin.name
        return True

    def _instance(
        self, plugin: Plugin, section: PluginSection, raw: Mapping[str, Any], loc: Loc
    ) -> InstanceSpec | None:
        placement = self._placement(plugin, section, loc)
        if placement == Here():
            plugin = plugin.here()
        # Where the place is wrong, the options are checked all the same.
        own = section.supervision
        supervision = own.model_dump(exclude_unset=True) if own.model_fields_set else {}
        instance = self._instances.find(plugin, placement or Socket(Path()), raw, loc, supervision)
        return None if placement is None else instance

    def _placement(self, plugin: Plugin, section: PluginSection, loc: Loc) -> Placement | None:
        """Where it runs; worked out once for equal sections."""
        known_by = (plugin.name, section)
        if known := self._placements.get(known_by):
            return known
        placed = place(section, plugin)
        if isinstance(placed, list):
            for each in placed:
                at = (*loc, "plugin", *each.at)
                self._problems.add(at, each.message, found=each.found, allowed=each.allowed, key=each.key)
            return None
        self.watched.update(watched(placed, plugin))
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
        if entry.abstraction is not None and entry.abstractions is not None:
            self._problems.add((*loc, "abstraction"), "give either 'abstraction' or 'abstractions', not both", key=True)
            return None
        wanted = entry.abstractions or ((entry.abstraction,) if entry.abstraction else plugin.manifest.interfaces)
        key = "abstraction" if entry.abstractions is None else "abstractions"
        served = [self._serves(plugin, each, (*loc, key), repr(each)) for each in wanted]
        return tuple(dict.fromkeys(wanted)) if all(served) else None

    def _serves(self, plugin: Plugin, abstraction: str, at: Loc, found: str) -> bool:
        served = plugin.manifest.interfaces
        if abstraction in served:
            return True
        plugins = sorted(
            other.name for other in self._plugins.found.values() if abstraction in other.manifest.interfaces
        )
        message = f"backend {plugin.name!r} does not serve {abstraction}; {' and '.join(plugins) or 'no backend'} can"
        allowed = ", ".join(plugins if at[-1] == "backend" else served)
        self._problems.add(at, message, found=found, allowed=allowed)
        return False


def _joined(one: BackendSpec, other: BackendSpec) -> BackendSpec:
    """Two backends with equal options are one instance."""
    return BackendSpec((*one.abstractions, *other.abstractions), one.instance, one.loc, (*one.own, *other.own))


def _written_backends(fields: Mapping[str, Any], loc: Loc) -> Iterator[tuple[dict[str, Any], Loc]]:
    """What an entry that is wrong says of its backends, each with its place."""
    yield dict(fields), loc
    several = fields.get("backends")
    for name, each in several.items() if isinstance(several, dict) else ():
        if isinstance(each, dict):
            yield each, (*loc, "backends", name)
