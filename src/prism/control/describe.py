"""What `prism namespace list` and `prism namespace describe` show: plain data, without secrets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretBytes, SecretStr

from prism.control.secrets import HIDDEN, SECRET_FIELD, Redactor
from prism.control.specification import NamespaceSpec
from prism.control.supervised import Supervised
from prism.control.transition import Served
from prism.sdk.backend import HealthStatus


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a namespace is served.

    Attributes:
        ready: calls are tried.
        status: `ready`, `degraded` (calls are tried, the last probe had something to say) or `unavailable`.
        reason: what is wrong; empty when ready.
    """

    ready: bool
    status: str
    reason: str


def readiness(served: Mapping[str, Served]) -> dict[str, Readiness]:
    """Of every namespace."""
    return {name: _readiness(name, each.supervised) for name, each in served.items()}


def _readiness(name: str, supervised: Supervised) -> Readiness:
    if refusal := supervised.refusal(name):
        return Readiness(False, "unavailable", refusal)
    if supervised.health.status is not HealthStatus.HEALTHY:
        return Readiness(True, "degraded", supervised.health.message)
    return Readiness(True, "ready", "")


def row(spec: NamespaceSpec) -> dict[str, Any]:
    """One line of `prism namespace list`."""
    return {
        "name": spec.name,
        "abstractions": list(spec.abstractions),
        "backend": spec.instance.plugin.name,
        "placement": "in_process",
    }


def details(spec: NamespaceSpec) -> dict[str, Any]:
    """All of `prism namespace describe`, defaults included, as far as the configuration tells."""
    instance = spec.instance
    manifest = instance.plugin.manifest
    return row(spec) | {
        "line": spec.line,
        "config": _shown(instance.config.model_dump(), instance.redactor),
        "credentials": _shown(instance.credentials.model_dump(), instance.redactor),
        "plugin": {"version": manifest.version, "maturity": manifest.maturity, "summary": manifest.summary},
        "pinned": manifest.pinned,
        "capabilities": manifest.capabilities.model_dump(),
    }


def state(served: Served) -> dict[str, Any]:
    """What a running gateway adds to the details."""
    ready = _readiness(served.spec.name, served.supervised)
    scrub = served.supervised.spec.redactor.scrub
    return {
        "status": ready.status,
        "reason": ready.reason,
        "store": scrub(served.supervised.instance.identity),
        "health": {key: scrub(value) for key, value in served.supervised.health.details.items()},
    }


def _shown(value: Any, redactor: Redactor, name: str = "") -> Any:
    if isinstance(value, dict):
        return {str(key): _shown(each, redactor, str(key)) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(each, redactor, name) for each in value]
    if isinstance(value, SecretStr | SecretBytes):
        return HIDDEN if value.get_secret_value() else ""
    if value is None or isinstance(value, bool | int | float):
        return value
    return HIDDEN if SECRET_FIELD.search(name) and value else redactor.scrub(str(value))
