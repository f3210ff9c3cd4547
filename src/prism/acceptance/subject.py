"""What is tested: a plugin on one place for data, and how a gateway's configuration names it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prism.acceptance.store.backend import Lesser
from prism.plugins.discovery import Plugin
from prism.sdk import Backend, DeclaredCapabilities


@dataclass(frozen=True, slots=True)
class Subject:
    """A plugin on one place for data, reserved for one set of gateways.

    Attributes:
        plugin: what is tested.
        config: the configuration of a namespace on the place.
        credentials: what the store is shown.
        placement: the `plugin` section of a namespace; empty where the plugin runs in the gateway.
        store: what it is tested on, where that has less than the manifest declares.
        command: what runs it in a process of its own; empty where nothing does, or what is tested runs already.
    """

    plugin: Plugin
    config: Mapping[str, object] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict)
    placement: Mapping[str, object] = field(default_factory=dict)
    command: Sequence[str] = ()
    store: object = None

    @property
    def name(self) -> str:
        """The backend's name."""
        return self.plugin.name

    @property
    def capabilities(self) -> DeclaredCapabilities:
        """What the manifest declares, as far as the store has it."""
        declared = self.plugin.manifest.capabilities
        return declared.with_changes(self.store.declares) if isinstance(self.store, Lesser) else declared

    @property
    def doors(self) -> int:
        """Gateways that serve the place at the same time and are tested together."""
        return 1 if self.plugin.manifest.pinned else 2

    def backend(self) -> Backend:
        """The backend's own object, not started."""
        config = self.plugin.config_model().model_validate(self.config)
        credentials = self.plugin.credentials_model().model_validate(self.credentials)
        # mypy knows of no constructor: a Protocol has none.
        backend: Backend = self.plugin.backend_type()(config, credentials)  # type: ignore[call-arg]
        return backend

    def discovery(self) -> dict[str, Any]:
        """The part of a gateway's configuration by which it finds a plugin that is not an installed package."""
        folder = self.plugin.folder
        return {"plugins": {"folders": [str(folder.parent)]}} if folder and not self.plugin.distribution else {}

    def namespace(self, name: str, interface: str) -> dict[str, Any]:
        """The entry of a gateway's configuration that puts a namespace on the place."""
        entry: dict[str, Any] = {"name": name, "abstraction": interface, "backend": self.name}
        for section, content in (
            ("config", self.config),
            ("credentials", self.credentials),
            ("plugin", self.placement),
        ):
            if content:
                entry[section] = dict(content)
        return entry
