"""The acceptance kit: proof on real stores that a plugin does what its manifest declares, in any placement.

It comes with the extra `acceptance`. Source: RFC-008 "Plugin Acceptance Test Framework".
"""

import os

# Before grpcio is imported, which reads it then. Its handlers of fork() serve children that go on without exec; the kit
# forks only to start stores and plugins, and beside calls under way the handlers crash such a child before its exec.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

from prism.acceptance.harness import PluginAcceptanceHarness
from prism.acceptance.store.backend import (
    Disconnectable,
    Fault,
    Faulty,
    Killable,
    LocalStore,
    Networked,
    Pausable,
    Rotatable,
    StoreMissing,
    TestBackend,
)
from prism.acceptance.store.proxy import Proxy

__all__ = [
    "Disconnectable",
    "Fault",
    "Faulty",
    "Killable",
    "LocalStore",
    "Networked",
    "Pausable",
    "PluginAcceptanceHarness",
    "Proxy",
    "Rotatable",
    "StoreMissing",
    "TestBackend",
]
