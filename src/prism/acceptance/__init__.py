"""The acceptance kit: proof on real stores that a plugin does what its manifest declares, in any placement.

It comes with the extra `acceptance`. Source: RFC-008 "Plugin Acceptance Test Framework".
"""

from prism.acceptance.backend import Fault, Faulty, LocalStore, Networked, StoreMissing, TestBackend
from prism.acceptance.harness import PluginAcceptanceHarness
from prism.acceptance.proxy import Proxy

__all__ = [
    "Fault",
    "Faulty",
    "LocalStore",
    "Networked",
    "PluginAcceptanceHarness",
    "Proxy",
    "StoreMissing",
    "TestBackend",
]
