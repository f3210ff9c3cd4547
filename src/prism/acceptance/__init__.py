"""The acceptance kit: proof on real stores that a plugin does what its manifest declares, in any placement.

It comes with the extra `acceptance`. Source: RFC-008 "Plugin Acceptance Test Framework".
"""

from prism.acceptance.backend import LocalStore, StoreMissing, TestBackend
from prism.acceptance.harness import PluginAcceptanceHarness

__all__ = ["LocalStore", "PluginAcceptanceHarness", "StoreMissing", "TestBackend"]
