"""Every abstraction that Prism has, found by looking: a new one is a new file in this folder and nothing else."""

import functools
import importlib
import pkgutil
from collections.abc import Mapping

import prism.interfaces
from prism.interfaces.operation import Interface


@functools.cache
def interfaces() -> Mapping[str, Interface]:
    """The abstractions by their name in configuration."""
    modules = (
        importlib.import_module(f"{prism.interfaces.__name__}.{module.name}")
        for module in pkgutil.iter_modules(prism.interfaces.__path__)
        if module.name != "catalogue"
    )
    found = (module.INTERFACE for module in modules if hasattr(module, "INTERFACE"))
    return {each.name: each for each in found}
