"""The stores that the suite runs against: how each is configured, and what its manifest declares."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module, resources
from typing import Any

from prism.sdk import Backend, Capabilities, NoCredentials

NAMES = ("memory", "sqlite", "postgres")


@dataclass(frozen=True, slots=True)
class Store:
    """One place for data, reserved for one set of gateways.

    Attributes:
        name: the backend's name.
        config: the configuration of a namespace on it.
        doors: gateways that may serve it at the same time and are tested together.
    """

    name: str
    config: Mapping[str, Any] = field(default_factory=dict)
    doors: int = 1

    @property
    def manifest(self) -> dict[str, Any]:
        """The backend's plugin.toml."""
        return tomllib.loads(resources.files(f"prism.backends.{self.name}").joinpath("plugin.toml").read_text())

    @property
    def capabilities(self) -> Capabilities:
        """What the manifest declares."""
        return Capabilities(**self.manifest["capabilities"])

    def backend(self) -> Backend:
        """The backend's own object, not started."""
        config = _named(self.manifest["config"])(**self.config)
        credentials = _named(self.manifest["credentials"])() if "credentials" in self.manifest else NoCredentials()
        backend: Backend = _named(self.manifest["backend"])(config, credentials)
        return backend


def _named(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
