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
from prism.config.instance_specs import plain
from prism.config.namespace_specs import NamespaceSpecs
from prism.config.references import References
from prism.config.secrets import EnvironmentSecrets, FileSecrets, SecretProvider
from prism.config.sections.root import BackendEntry, Config, NamespaceEntry, PluginsSection, SecretsSection
from prism.config.specification import Loaded
from prism.config.yaml import explain
from prism.config.yaml.document import Document, read
from prism.config.yaml.problem import ConfigInvalid
from prism.config.yaml.problem_collector import ProblemCollector
from prism.plugins.discovery import Plugins
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
        written |= _options(entry)
        for name, each in (entry.backends or {}).items():
            written["backends"][name] |= _options(each)
    return data


def _options(entry: NamespaceEntry | BackendEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in ("config", "credentials") if name in entry.model_fields_set}


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
        self._watched: set[Path] = set()

    def run(self, file: Path | None) -> Loaded:
        data = self._resolve(file)
        entries = data.pop("namespaces", None)
        config = self._sections(data)
        self._find_plugins(config)
        namespaces = NamespaceSpecs(self._document, self._problems, self._redactor, self._plugins)
        for index, raw in enumerate(self._listed(entries)):
            namespaces.add(raw, index, config)
        if self._problems.problems or config is None:
            raise ConfigInvalid(self._problems.problems)
        config = config.model_copy(update={"namespaces": tuple(namespaces.entries)})
        watched = frozenset(self._watched | namespaces.watched)
        return Loaded(config, namespaces.found, self._document, self._redactor, watched)

    def _resolve(self, file: Path | None) -> dict[str, Any]:
        environment = self._environment
        own: list[SecretProvider] = [EnvironmentSecrets(environment), *self._secrets]
        places = References(self._document, environment, own, self._redactor)
        section = places.resolve(self._document.data.get("secrets"), ("secrets",))
        try:
            given = SecretsSection.model_validate(section) if section else SecretsSection.model_construct()
            directory = given.directory
        except ValidationError:
            directory = SecretsSection.model_construct().directory  # the sections' own check says what is wrong
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
        folders = (config.plugins if config else PluginsSection.model_construct()).folders
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
        plain(config.model_dump(exclude={"namespaces"}, exclude_unset=True), self._redactor)
        self._check_addresses(config)
        for each in contradictions(config):
            self._problems.add(each.loc, each.message, found=each.found, allowed=each.allowed)
        return config

    def _check_addresses(self, config: Config) -> None:
        """Each port needs one of its own, else the gateway would start its stores and then fail."""
        taken = dict.fromkeys(config.gateway.listen, "gateway.listen")
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
