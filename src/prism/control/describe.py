"""What `prism namespace list` and `prism namespace describe` show: plain data, without secrets."""

from collections.abc import Iterator
from typing import Any

from pydantic import SecretBytes, SecretStr

from prism.config.secrets import SECRET_FIELD
from prism.config.specification import BackendSpec, NamespaceSpec
from prism.control.supervision.supervised import Supervised
from prism.redactor import HIDDEN, Redactor
from prism.sdk.backend import HealthStatus


def rows(spec: NamespaceSpec) -> Iterator[dict[str, Any]]:
    """The lines of `prism namespace list`: one for each backend of the namespace."""
    for backend in spec.backends:
        yield {
            "name": spec.name,
            "abstractions": list(backend.abstractions),
            "backend": backend.instance.plugin.name,
            "placement": backend.instance.placement.type,
        }


def details(spec: NamespaceSpec) -> dict[str, Any]:
    """All of `prism namespace describe`, defaults included, as far as the configuration tells.

    Of a namespace with several backends each stands under `backends`, by the abstractions that it serves.
    """
    if len(spec.backends) == 1:
        own = [each.name for each in spec.backends[0].own]
        return {**next(rows(spec)), "services": own, "line": spec.line, **options(spec.backends[0])}
    backends: dict[str, Any] = {}
    for backend, row in zip(spec.backends, rows(spec), strict=True):
        own = [each.name for each in backend.own]
        found = {"backend": row["backend"], "placement": row["placement"], "services": own, **options(backend)}
        backends |= dict.fromkeys(backend.abstractions, found)
    return {"name": spec.name, "abstractions": list(spec.abstractions), "line": spec.line, "backends": backends}


def options(backend: BackendSpec) -> dict[str, Any]:
    """The options of one backend and what its plugin promises."""
    instance = backend.instance
    manifest = instance.plugin.manifest
    return {
        "config": _shown(instance.config.model_dump(by_alias=True), instance.redactor),
        "credentials": _shown(instance.credentials.model_dump(by_alias=True), instance.redactor),
        "plugin": {"version": manifest.version, "maturity": manifest.maturity, "summary": manifest.summary},
        "pinned": manifest.pinned,
        "capabilities": manifest.capabilities.dump(),
    }


def state(namespace: str, supervised: Supervised) -> dict[str, Any]:
    """What a running gateway adds: the state of an instance of a namespace.

    `status` is `ready`, `degraded` (calls are tried, though the last probe found a fault), `unavailable`, or `starting`
    (so before its first attempt has succeeded or failed); `reason` says what is wrong, and is empty when ready.
    """
    if reason := supervised.refusal(namespace):
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
    if isinstance(value, float) and value.is_integer():
        return int(value)  # as it was written: durations are 60, not 60.0
    if value is None or isinstance(value, bool | int | float):
        return value
    return HIDDEN if SECRET_FIELD.search(name) and value else redactor.scrub(str(value))
