"""A harness and the modules of its suites, as pytest collects them."""

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from prism.acceptance.harness import PluginAcceptanceHarness
from prism.acceptance.suite import Suite


class HarnessCollector(pytest.Collector):
    """A harness, as pytest sees it."""

    harness: PluginAcceptanceHarness

    @classmethod
    def of(cls, parent: pytest.Collector, name: str, harness: PluginAcceptanceHarness) -> "HarnessCollector":
        """The collector of a harness under the name that a test module gives it."""
        collector: HarnessCollector = cls.from_parent(parent, name=name)
        collector.harness = harness
        return collector

    def collect(self) -> Iterable[pytest.Collector]:
        """The modules of the suites that apply."""
        for suite in self.harness.suites():
            for module, interface in suite.applicable(self.harness.plugin.manifest.interfaces):
                yield SuiteModule.of(self, suite, module, interface)


class SuiteModule(pytest.Module):
    """One module of a suite, for one harness and about one abstraction.

    Attributes:
        harness: the harness.
        suite: the suite.
        module_name: its full name.
        interface: the abstraction; empty where it is about the plugin as a whole.
    """

    harness: PluginAcceptanceHarness
    suite: Suite
    module_name: str
    interface: str

    @classmethod
    def of(cls, parent: HarnessCollector, suite: Suite, module_name: str, interface: str) -> "SuiteModule":
        """The module under its harness; the same module is there once for each harness and abstraction."""
        path = Path(str(importlib.import_module(module_name).__file__))
        about = "" if interface in ("", suite.interface) else f"{interface}."
        name = f"{suite.name}.{about}{module_name.rpartition('.test_')[2]}"
        module: SuiteModule = cls.from_parent(parent, path=path, name=name, nodeid=f"{parent.nodeid}::{name}")
        module.harness = parent.harness
        module.suite = suite
        module.module_name = module_name
        module.interface = interface
        return module

    def _getobj(self) -> Any:
        """The module, which knows the fixtures of its suite as if it had imported them; no other test does."""
        module = importlib.import_module(self.module_name)
        fixtures = self.suite.fixtures()
        for name in fixtures.__all__:
            setattr(module, name, getattr(fixtures, name))
        return module
