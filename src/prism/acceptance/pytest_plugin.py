"""The kit as a pytest plugin: a `PluginAcceptanceHarness` in a test module is collected as the suites that apply to it.

    pytest_plugins = ["prism.acceptance.pytest_plugin"]     # in the conftest.py of the tests

`-k shelf-grpc` picks one plugin and one way in.
"""

import importlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from prism.acceptance.backend import StoreMissing
from prism.acceptance.caller import Caller
from prism.acceptance.harness import PluginAcceptanceHarness
from prism.acceptance.rig import Rigs
from prism.acceptance.suite import Suite

pytest.register_assert_rewrite("prism.acceptance.suites")


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
            for module in suite.modules():
                yield SuiteModule.of(self, suite, module)


class SuiteModule(pytest.Module):
    """One module of a suite, for one harness."""

    suite: Suite
    module_name: str

    @classmethod
    def of(cls, parent: HarnessCollector, suite: Suite, module_name: str) -> "SuiteModule":
        """The module under its harness; the same module is there once for each harness."""
        path = Path(str(importlib.import_module(module_name).__file__))
        name = f"{suite.name}.{module_name.rpartition('.test_')[2]}"
        module: SuiteModule = cls.from_parent(parent, path=path, name=name, nodeid=f"{parent.nodeid}::{name}")
        module.suite = suite
        module.module_name = module_name
        return module

    def _getobj(self) -> Any:
        """The module, which knows the fixtures of its suite as if it had imported them; no other test does."""
        module = importlib.import_module(self.module_name)
        fixtures = self.suite.fixtures()
        for name in fixtures.__all__:
            setattr(module, name, getattr(fixtures, name))
        return module


@pytest.hookimpl
def pytest_configure(config: pytest.Config) -> None:
    """Says what marks there are."""
    config.addinivalue_line("markers", "ways: the ways into a store that can express what this test asks")


@pytest.hookimpl
def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> HarnessCollector | None:
    """A harness in a test module is a collector."""
    return HarnessCollector.of(collector, name, obj) if isinstance(obj, PluginAcceptanceHarness) else None


@pytest.hookimpl
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every way that can express a test; a session-scoped parameter, so that each way's tests are run in a row."""
    collector = metafunc.definition.getparent(HarnessCollector)
    module = metafunc.definition.getparent(SuiteModule)
    if collector is None or module is None or "caller" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("ways")
    ways = [way for way in collector.harness.ways() if marker is None or way in marker.args]
    pairs = [
        pytest.param((collector.harness, way, module.suite.interface), id=f"{collector.name}-{way}") for way in ways
    ]
    metafunc.parametrize("caller", pairs, indirect=True, scope="session")


@pytest.hookimpl
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for all suites: backends and connections live in it from test to test."""
    for item in items:
        if item.getparent(HarnessCollector) is not None and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def rigs(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rigs]:
    """What stands for each harness, from when it is first asked for to the end of the session."""
    standing = Rigs(lambda: tmp_path_factory.mktemp("gateway"))
    yield standing
    await standing.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def caller(request: pytest.FixtureRequest, rigs: Rigs) -> AsyncIterator[Caller]:
    """One way into one store."""
    harness, way, interface = request.param
    try:
        rig = await rigs.of(harness)
    except StoreMissing as missing:
        pytest.skip(str(missing))
    async with rig.open(way, interface) as opened:
        yield opened
