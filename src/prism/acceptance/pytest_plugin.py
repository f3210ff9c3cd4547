"""The kit as a pytest plugin: a `PluginAcceptanceHarness` in a test module is collected as the suites that apply to it.

    pytest_plugins = ["prism.acceptance.pytest_plugin"]     # in the conftest.py of the tests

`-k shelf-grpc` picks one plugin and one way in; `--acceptance-report FILE.md` (or `.json`) writes what came of it.
"""

import inspect
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from prism.acceptance.callers.caller import Caller
from prism.acceptance.callers.table import THROUGH_GATEWAYS
from prism.acceptance.collectors import HarnessCollector, SuiteModule
from prism.acceptance.harness import PluginAcceptanceHarness
from prism.acceptance.measure import Measure
from prism.acceptance.pytest_results import MARK, MEASUREMENT, ResultsPlugin
from prism.acceptance.report import WRITERS
from prism.acceptance.run.environment import Environment, Environments
from prism.acceptance.skips import NOT_APPLICABLE, not_here
from prism.acceptance.store.backend import StoreMissing

pytest.register_assert_rewrite("prism.acceptance.suites", "prism.acceptance.workloads")

RESULTS = "prism-acceptance-results"
"""The name that the gatherer of results is registered by."""


@pytest.hookimpl
def pytest_addoption(parser: pytest.Parser) -> None:
    """Where to write a report."""
    parser.addoption("--acceptance-report", metavar="FILE", help="write the acceptance kit's results: .md or .json")


@pytest.hookimpl
def pytest_configure(config: pytest.Config) -> None:
    """Says what marks there are; gathers results."""
    config.addinivalue_line("markers", "ways: the ways into a store that can express what this test asks")
    report = config.getoption("--acceptance-report")
    if report and Path(report).suffix.removeprefix(".") not in WRITERS:
        raise pytest.UsageError(f"--acceptance-report {report}: the name must end in .{' or .'.join(WRITERS)}")
    config.pluginmanager.register(ResultsPlugin(Path(report) if report else None), RESULTS)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: Any) -> HarnessCollector | None:
    """A harness in a test module is a collector.

    All suites have one event loop: backends and connections live in it from test to test. The mark must be there before
    pytest-asyncio looks, whatever mode it is in.
    """
    if isinstance(collector, SuiteModule) and name.startswith("test_") and inspect.iscoroutinefunction(obj):
        if not any(mark.name == "asyncio" for mark in getattr(obj, "pytestmark", ())):
            pytest.mark.asyncio(loop_scope="session")(obj)
        return None
    return HarnessCollector.of(collector, name, obj) if isinstance(obj, PluginAcceptanceHarness) else None


@pytest.hookimpl
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The harness and each way that can express a test, as parameters of the session: tests of one are in a row."""
    module = metafunc.definition.getparent(SuiteModule)
    if module is None:
        return
    label = module.parent.name if module.parent else module.harness.name
    if "harness" in metafunc.fixturenames:
        metafunc.parametrize("harness", [pytest.param(module.harness, id=label)], indirect=True, scope="session")
    if "caller" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("ways")
    ways = [way for way in module.harness.ways() if marker is None or way in marker.args]
    chosen = [pytest.param((module.harness, way, module.interface), id=way) for way in ways]
    if marker is not None and not chosen:
        reason = f"{NOT_APPLICABLE}it is about ways in that are not tested: {', '.join(marker.args)}"
        chosen = [pytest.param(None, id="none", marks=pytest.mark.skip(reason))]
    metafunc.parametrize("caller", chosen, indirect=True, scope="session")


@pytest.hookimpl(wrapper=True)  # before xdist looks at the groups, and after pytest has sorted
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Each test says what it is about; under pytest-xdist's `loadgroup` one worker has all tests of what they share."""
    for item in items:
        module = item.getparent(SuiteModule)
        if module is None:
            continue
        item.user_properties.extend(_properties(item, module))
        if config.pluginmanager.hasplugin("xdist"):
            label = module.parent.name if module.parent else ""
            item.add_marker(pytest.mark.xdist_group(f"{label}-{_shared(dict(item.user_properties)['way'])}"))
    yield
    _put_in_a_row(items)


def _put_in_a_row(items: list[pytest.Item]) -> None:
    """Puts the tests of each harness one behind the other; other tests stay where they are."""
    suites = {number: module for number, item in enumerate(items) if (module := item.getparent(SuiteModule))}
    harnesses = list(dict.fromkeys(module.parent for module in suites.values()))
    ordered = sorted(suites, key=lambda number: harnesses.index(suites[number].parent))
    for number, item in zip(suites, [items[each] for each in ordered], strict=True):
        items[number] = item


def _shared(way: object) -> object:
    """What tests of a way in have in common: gateways, or something of the way's own; without one, a store to break."""
    return "gateways" if way in THROUGH_GATEWAYS else way or "breakable"


def _properties(item: pytest.Item, module: SuiteModule) -> Iterator[tuple[str, object]]:
    """What a report tells of a test besides its name and outcome."""
    callspec = getattr(item, "callspec", None)
    chosen = callspec.params.get("caller") if callspec else None
    rule = getattr(getattr(item, "function", None), "__doc__", None)
    yield MARK, module.suite.name
    yield "title", module.suite.title
    yield "plugin", module.harness.name
    yield "placement", module.harness.placement
    yield "way", chosen[1] if chosen else ""
    yield "rule", " ".join((rule or "").split())


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def environments(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Environments]:
    """What stands for each harness, from when it is first asked for until the first test of another, or the end."""
    demand = _demand(request.session.items)
    standing = Environments(lambda: tmp_path_factory.mktemp("gateway"), lambda *about: demand[about])
    yield standing
    await standing.close()


def _demand(items: list[pytest.Item]) -> Counter[tuple[PluginAcceptanceHarness, str]]:
    """How many tests go through gateways, by harness and abstraction: so many namespaces are configured."""
    chosen = [item.callspec.params.get("caller") for item in items if hasattr(item, "callspec")]
    return Counter((each[0], each[2]) for each in chosen if each and each[1] in THROUGH_GATEWAYS)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def harness(request: pytest.FixtureRequest, environments: Environments) -> AsyncIterator[PluginAcceptanceHarness]:
    """The harness whose test it is; what stands for it ends with its last test."""
    yield request.param
    await environments.end(request.param)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def environment(harness: PluginAcceptanceHarness, environments: Environments) -> Environment:
    """All that stands for the harness."""
    try:
        return await environments.of(harness)
    except StoreMissing as missing:
        not_here(str(missing))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def breakable_environment(harness: PluginAcceptanceHarness, environments: Environments) -> Environment:
    """The same on a store of its own, to be broken; a test that breaks it mends it."""
    try:
        return await environments.breakable(harness)
    except StoreMissing as missing:
        not_here(str(missing))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def caller(request: pytest.FixtureRequest, environment: Environment) -> AsyncIterator[Caller]:
    """One way into one store; it is closed before the environment that it leads to is."""
    _, way, interface = request.param
    async with environment.open(way, interface) as opened:
        yield opened


@pytest.fixture
def measure(request: pytest.FixtureRequest) -> Measure:
    """Records something measured under a name; the report shows it and nothing is asserted on it."""

    def record(name: str, value: float) -> None:
        request.node.user_properties.append((f"{MEASUREMENT}{name}", value))

    return record
