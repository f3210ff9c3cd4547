"""A configuration that has been found valid: what control starts, and what it compares a new one with."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prism.config.sections.root import Config
from prism.config.sections.supervision import SupervisionSection
from prism.config.yaml.document import Document
from prism.config.yaml.problem import Loc
from prism.interfaces.catalogue import interfaces
from prism.plugins.discovery import Plugin
from prism.plugins.own_services import OwnService
from prism.plugins.placement import Placement, without_version
from prism.redactor import Redactor
from prism.sdk.backend import Config as Model


@dataclass(frozen=True, slots=True)
class Options:
    """The options of an instance as a user wrote them, references resolved: what a plugin elsewhere is given.

    Attributes:
        config: its own options.
        credentials: what it proves itself with to its store.
    """

    config: Mapping[str, Any]
    credentials: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class InstanceSpec:
    """An instance to be run. Two with the same key are the same one.

    Attributes:
        key: a digest of plugin, placement, configuration and credentials; stays in this process.
        plugin: what runs.
        placement: where.
        config: its validated configuration.
        credentials: its validated credentials.
        options: both as they were written.
        supervision: what its supervision has otherwise than the gateway's, by option.
        redactor: takes the secrets of this configuration out of text.
    """

    key: str
    plugin: Plugin
    placement: Placement
    config: Model = field(repr=False)
    credentials: Model = field(repr=False)
    options: Options = field(repr=False)
    redactor: Redactor = field(repr=False)
    supervision: Mapping[str, float] = field(default_factory=dict)

    def differs_by_version(self, other: "InstanceSpec") -> bool:
        """Whether the configuration has both alike: the files of the plugin, or of its certificates, have changed."""
        mine, its = ((each.plugin.name, each.options, each.supervision) for each in (self, other))
        return mine == its and without_version(self.placement) == without_version(other.placement)

    def supervised_by(self, gateway: SupervisionSection) -> SupervisionSection:
        """How it is supervised, by what the gateway has for all."""
        return gateway.model_copy(update=dict(self.supervision))


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """What serves some abstractions of a namespace, or all of them.

    Attributes:
        abstractions: by their names in configuration, in the order of the file.
        instance: the instance that is to serve them.
        loc: its place in the file: where `backend`, `config` and `plugin` stand.
        own: services of the plugin's own that the namespace has too.
    """

    abstractions: tuple[str, ...]
    instance: InstanceSpec
    loc: Loc
    own: tuple[OwnService, ...] = ()

    @property
    def services(self) -> frozenset[str]:
        """The gRPC services, by name: those of the abstractions, and those of the plugin's own."""
        return _services(self.abstractions, self.own) if self.own else _services(self.abstractions)


@dataclass(frozen=True, slots=True)
class NamespaceSpec:
    """A namespace to be served.

    Attributes:
        name: as callers give it.
        backends: what serves it: one for all its abstractions, or several for some each; no two are one instance.
        index: its place in the file's list.
        line: its line in the file; 0 where there is none.
    """

    name: str
    backends: tuple[BackendSpec, ...]
    index: int
    line: int

    @property
    def abstractions(self) -> tuple[str, ...]:
        """By their names in configuration, in the order of the file."""
        return tuple(each for backend in self.backends for each in backend.abstractions)

    def equals(self, other: "NamespaceSpec | None") -> bool:
        """Whether both are served alike, wherever they stand in the file."""
        if other is None or len(self.backends) != len(other.backends):
            return False
        if len(self.backends) > 1:
            return self._served_by() == other._served_by()
        (one,), (another,) = self.backends, other.backends  # nearly all, and there may be 10,000
        same = one.instance.key == another.instance.key and one.services == another.services
        return same and set(one.own) == set(another.own)

    def _served_by(self) -> set[tuple[frozenset[str], frozenset[OwnService], str]]:
        return {(each.services, frozenset(each.own), each.instance.key) for each in self.backends}


@functools.lru_cache(maxsize=1024)  # of a few combinations, whatever the number of namespaces
def _services(abstractions: tuple[str, ...], own: tuple[OwnService, ...] = ()) -> frozenset[str]:
    return frozenset((*(interfaces()[each].service.full_name for each in abstractions), *(each.name for each in own)))


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration.

    Attributes:
        config: the sections, references resolved.
        namespaces: by name, in the order of the file.
        document: knows the places of everything.
        redactor: takes the secrets of this configuration out of text.
        watched: directories whose changes change the configuration.
    """

    config: Config
    namespaces: Mapping[str, NamespaceSpec]
    document: Document
    redactor: Redactor
    watched: frozenset[Path]
