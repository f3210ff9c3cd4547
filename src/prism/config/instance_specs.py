"""From `config`, `credentials` and a place to the instance that is to run: one for equal ones, each validated once, so
that 10,000 namespaces on one store cost little.
"""

import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import SecretBytes, SecretStr, ValidationError

from prism.config.specification import InstanceSpec, Options
from prism.config.yaml.problem import Loc
from prism.config.yaml.problem_collector import ProblemCollector
from prism.errors import FailedPrecondition
from prism.plugins.discovery import Plugin
from prism.plugins.placement import Command, Here, Placement
from prism.redactor import Redactor
from prism.sdk.backend import Config as Model


class InstanceSpecs:
    """The instances of one configuration."""

    def __init__(self, problems: ProblemCollector, redactor: Redactor) -> None:
        """
        Args:
            problems: takes what is wrong.
            redactor: learns the secrets.
        """
        self._problems = problems
        self._redactor = redactor
        self._known: dict[tuple[str, Placement, str], InstanceSpec] = {}

    def find(
        self,
        plugin: Plugin,
        placement: Placement,
        raw: Mapping[str, Any],
        loc: Loc,
        supervision: Mapping[str, float] = MappingProxyType({}),
    ) -> InstanceSpec | None:
        """The instance for the options of an entry in this place; None where they are wrong."""
        config, credentials = raw.get("config"), raw.get("credentials")
        known_by = (plugin.name, placement, json.dumps((config or {}, credentials or {}, dict(supervision))))
        if known := self._known.get(known_by):
            return known
        # Elsewhere the drivers are others' concern; by the usual command a sidecar has the gateway's own packages.
        if _uses_our_packages(placement, plugin) and (missing := plugin.missing_drivers()):
            message = f"backend {plugin.name!r} needs {', '.join(missing)}; {plugin.how_to_install()}"
            self._problems.add((*loc, "backend"), message, found=repr(plugin.name))
            return None
        try:
            models = plugin.config_model(), plugin.credentials_model()
        except FailedPrecondition as error:
            self._problems.add((*loc, "backend"), error.message, found=repr(plugin.name))
            return None
        valid_config = self._options(models[0], config, (*loc, "config"))
        valid_credentials = self._options(models[1], credentials, (*loc, "credentials"))
        if valid_config is None or valid_credentials is None:
            return None
        key = self._key(plugin, placement, valid_config, valid_credentials, supervision)
        options = Options(config or {}, credentials or {})
        spec = InstanceSpec(
            key, plugin, placement, valid_config, valid_credentials, options, self._redactor, supervision
        )
        return self._known.setdefault(known_by, spec)

    def _options(self, model: type[Model], data: Any, loc: Loc) -> Model | None:
        if data is not None and not isinstance(data, dict):
            return None  # the entry's own check says so
        try:
            return model.model_validate(data or {})
        except ValidationError as error:
            self._problems.explain(loc, data or {}, model, error)
            return None

    def _key(
        self,
        plugin: Plugin,
        placement: Placement,
        config: Model,
        credentials: Model,
        supervision: Mapping[str, float],
    ) -> str:
        """A digest of the validated options, so that two spellings of the same are the same; learns their secrets."""
        options = plain((config.model_dump(), credentials.model_dump()), self._redactor)
        text = json.dumps((options, dict(supervision)), sort_keys=True)
        return hashlib.sha256(f"{plugin.name}\0{placement!r}\0{text}".encode()).hexdigest()


def _uses_our_packages(placement: Placement, plugin: Plugin) -> bool:
    """Whether the drivers must be among the gateway's own packages; elsewhere they are others' concern."""
    if isinstance(placement, Command):
        return placement.command == plugin.command() and bool(plugin.manifest.backend)
    return isinstance(placement, Here)


def plain(value: Any, redactor: Redactor) -> Any:
    """Validated options as JSON has them; the redactor learns the secrets among them."""
    if isinstance(value, dict):
        return {str(key): plain(each, redactor) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each, redactor) for each in value]
    if isinstance(value, SecretStr | SecretBytes):
        secret = value.get_secret_value()
        text = secret if isinstance(secret, str) else secret.decode("latin-1")
        redactor.learn(text)
        redactor.learn_from(text)
        return text
    if isinstance(value, str):
        redactor.learn_from(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
