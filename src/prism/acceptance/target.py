"""What the command line names: a plugin by its name, folder, command or address; a store that a file leads to."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from pydantic import ValidationError

from prism.acceptance import plugin_probe
from prism.errors import FailedPrecondition
from prism.plugins.discovery import MANIFEST, Plugin, Plugins, discover

NOTHING: Mapping[str, str] = MappingProxyType({})
RUNS_ALREADY = "the configured store is already running and may be shared"


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be tested.

    Attributes:
        plugin: the plugin.
        section: the `plugin` section of its namespaces, where it is not run by its manifest's command.
    """

    plugin: Plugin
    section: Mapping[str, object] = field(default_factory=dict)


def target(named: str, config: Mapping[str, object] = NOTHING, credentials: Mapping[str, str] = NOTHING) -> Target:
    """What a command line names: the plugin of that name, the one in that folder, at that address, or of that command.

    Args:
        named: what stands there.
        config: options to start it with, where it has to be asked what it is.
        credentials: likewise.

    Raises:
        FailedPrecondition: it is unknown, or cannot be used.
    """
    plugins = discover()
    if named in plugins.found:
        return Target(plugins.found[named])
    folder = Path(named).parent if Path(named).name == MANIFEST else Path(named)
    if (folder / MANIFEST).is_file():
        return Target(_in_folder(folder.resolve(), plugins))
    if plugin_probe.is_address(named):
        found = plugin_probe.listening(named, config, credentials)
        return Target(plugins.found.get(found.name, found), {"type": "remote", "endpoint": named})
    if folder.is_dir():
        raise FailedPrecondition(f"the folder {named} holds no {MANIFEST}; docs/plugins.md says how to write one")
    if command := plugin_probe.command_of(named):
        found = plugin_probe.started(named, command, config, credentials)
        return Target(plugins.found.get(found.name, found), {"type": "sidecar", "command": list(command)})
    broken = [each.problem for each in plugins.broken if each.name == named]
    near = difflib.get_close_matches(named, plugins.found, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    known = f"known are {', '.join(plugins.found)}{hint}; or give a folder with a {MANIFEST}, a command, or HOST:PORT"
    raise FailedPrecondition(f"unknown plugin {named!r}: {'; '.join(broken) or known}")


def _in_folder(folder: Path, plugins: Plugins) -> Plugin:
    within = plugins.joined_by([folder.parent])
    found = [each for each in within.found.values() if each.folder == folder]
    if found:
        return found[0]
    problems = [each.problem for each in within.broken if Path(each.origin) == folder]
    raise FailedPrecondition(f"{folder / MANIFEST}: {'; '.join(problems) or 'another plugin has the same name'}")


class ConfiguredStore:
    """`prism.acceptance.TestBackend`: a store that runs already, reached as a namespace's configuration says."""

    lacks: Mapping[str, str] = dict.fromkeys(("rotate_credentials", "kill", "pause", "disconnect"), RUNS_ALREADY)

    def __init__(self, config: Mapping[str, object], credentials: Mapping[str, str]) -> None:
        self.config = config
        self._credentials = credentials

    def check(self, plugin: Plugin) -> None:
        """Passes where the plugin takes these options.

        Raises:
            FailedPrecondition: it does not; the message names each that is wrong.
        """
        for section, model, given in (
            ("config", plugin.config_model(), self.config),
            ("credentials", plugin.credentials_model(), self._credentials),
        ):
            try:
                model.model_validate(given)
            except ValidationError as error:
                wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
                allowed = ", ".join(model.model_fields) or "none"
                raise FailedPrecondition(f"{section} of {plugin.name!r}: {wrong}; its options are: {allowed}") from None

    async def start(self) -> None:
        """It runs."""

    async def stop(self) -> None:
        """It runs on."""

    async def reset(self) -> None:
        """What others stored stays; every run of the kit has namespaces of its own."""

    async def connection_config(self, place: str = "main") -> Mapping[str, object]:
        """The configuration; places differ by their namespaces alone."""
        return self.config

    def credentials(self) -> Mapping[str, str]:
        """The credentials."""
        return self._credentials


def configured(file: Path) -> ConfiguredStore:
    """The store that a file with `config` and `credentials` leads to, as they stand in a namespace.

    Raises:
        FailedPrecondition: the file is not of that form.
    """
    try:
        document: Any = yaml.safe_load(file.read_text()) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FailedPrecondition(f"{file}: not valid YAML: {error}") from error
    sections = ("config", "credentials")
    if not isinstance(document, dict) or not set(document) <= set(sections):
        raise FailedPrecondition(
            f"{file}: it may hold `config` and `credentials`, as a namespace has them, and nothing else"
        )
    found = {name: document.get(name) or {} for name in sections}
    for name, content in found.items():
        if not isinstance(content, dict):
            raise FailedPrecondition(f"{file}: `{name}` must be a mapping of options, not {content!r}")
    return ConfiguredStore(found["config"], found["credentials"])
