"""What `prism namespace list` and `prism namespace describe` show: plain data, without secrets."""

from typing import Any

from pydantic import SecretBytes, SecretStr

from prism.config.secrets import SECRET_FIELD
from prism.config.specification import NamespaceSpec
from prism.control.transition import Served
from prism.redactor import HIDDEN, Redactor
from prism.sdk.backend import HealthStatus


def row(spec: NamespaceSpec) -> dict[str, Any]:
    """One line of `prism namespace list`."""
    return {
        "name": spec.name,
        "abstractions": list(spec.abstractions),
        "backend": spec.instance.plugin.name,
        "placement": spec.instance.placement.type,
    }


def details(spec: NamespaceSpec) -> dict[str, Any]:
    """All of `prism namespace describe`, defaults included, as far as the configuration tells."""
    instance = spec.instance
    manifest = instance.plugin.manifest
    return row(spec) | {
        "line": spec.line,
        "config": _shown(instance.config.model_dump(by_alias=True), instance.redactor),
        "credentials": _shown(instance.credentials.model_dump(by_alias=True), instance.redactor),
        "plugin": {"version": manifest.version, "maturity": manifest.maturity, "summary": manifest.summary},
        "pinned": manifest.pinned,
        "capabilities": manifest.capabilities.model_dump(),
    }


def state(served: Served) -> dict[str, Any]:
    """What a running gateway adds to the details.

    `status` is `ready`, `degraded` (calls are tried, though the last probe found fault), `unavailable`, or `starting`
    (so before its first attempt has succeeded or failed); `reason` says what is wrong, and is empty when ready.
    """
    supervised = served.supervised
    if reason := supervised.refusal(served.spec.name):
        status = "starting" if supervised.starting else "unavailable"
    elif supervised.health_state.health.status is not HealthStatus.HEALTHY:
        status, reason = "degraded", supervised.health_state.health.message
    else:
        status, reason = "ready", ""
    scrub = supervised.spec.redactor.scrub
    return {
        "status": status,
        "reason": reason,
        "store": scrub(supervised.instance.identity),
        "health": {key: scrub(value) for key, value in supervised.health_state.health.details.items()},
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
