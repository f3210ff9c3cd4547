"""Backends of any store, as their host opens them."""

import importlib
import tomllib
from importlib import resources
from typing import Any

from prism.sdk import Binding, DeclaredCapabilities


async def open_backend(name: str, **config: object) -> tuple[Any, Binding]:
    """A backend by its name, started, and its operations; `login` has credentials, the rest is configuration."""
    package = f"prism.backends.{name}"
    manifest = tomllib.loads(resources.files(package).joinpath("plugin.toml").read_text())
    kind = name.capitalize()
    settings = importlib.import_module(f"{package}.config")
    credentials = getattr(settings, f"{kind}Credentials", None) or (lambda **_: None)
    login: Any = config.pop("login", {})
    backend = getattr(importlib.import_module(f"{package}.backend"), f"{kind}Backend")(
        getattr(settings, f"{kind}Config").model_validate({"sweep_interval": 3600.0, **config}), credentials(**login)
    )
    await backend.start()
    declared = DeclaredCapabilities.parse(manifest["capabilities"], manifest["interfaces"])
    return backend, Binding(backend.interfaces, declared)
