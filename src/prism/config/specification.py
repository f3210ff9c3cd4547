"""A configuration that has been found valid: what control starts, and what it compares a new one with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prism.config.sections.root import Config
from prism.config.yaml.document import Document
from prism.plugins.discovery import Plugin
from prism.plugins.placement import Placement
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
        redactor: takes the secrets of this configuration out of text.
    """

    key: str
    plugin: Plugin
    placement: Placement
    config: Model = field(repr=False)
    credentials: Model = field(repr=False)
    options: Options = field(repr=False)
    redactor: Redactor = field(repr=False)


@dataclass(frozen=True, slots=True)
class NamespaceSpec:
    """A namespace to be served.

    Attributes:
        name: as callers give it.
        abstractions: by their names in configuration, in the order of the file.
        services: the same, by gRPC service name.
        instance: who is to serve it.
        index: its place in the file's list.
        line: its line in the file; 0 where there is none.
    """

    name: str
    abstractions: tuple[str, ...]
    services: frozenset[str]
    instance: InstanceSpec
    index: int
    line: int

    def equals(self, other: "NamespaceSpec | None") -> bool:
        """Whether both are served alike, wherever they stand in the file."""
        return other is not None and self.services == other.services and self.instance.key == other.instance.key


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
