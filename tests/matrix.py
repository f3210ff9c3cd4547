"""How much a run has: of the matrix of `contract/test_backends.py`, suites by stores, placements and ways in, and of
what other tests repeat.

`--matrix whole`, the default, is all of it; `make acceptance` runs that. `--matrix sample` leaves out what repeats what
another test shows: `make test`. `--matrix embedded` is one store by one way in, each test once: `make check`.
"""

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import pytest
from hypothesis import settings

from prism.acceptance.collectors import SuiteModule
from prism.acceptance.harness import WAYS, PluginAcceptanceHarness
from prism.plugins.discovery import Plugin, discover

MATRIX: Final = "contract/test_backends.py"

ONCE_MORE: Final = (
    "tests/backends/redis/test_redis_cluster.py",
    "tests/backends/redis/test_redis_valkey.py",
    "tests/examples/test_go_plugin.py",
)
"""Harnesses beside the matrix: in samples, what is the same but for its parameters is tested once by each way in, but
all of it where that way is the plugin's process alone, whose own answers these are."""

WHOLE: Final = ("tests/contract/", "tests/e2e/", *ONCE_MORE)
"""Tests that `make acceptance` runs, all of them."""

EMBEDDED: Final = ("sqlite", "files", "memory")
"""The store that an abstraction is tested on by every way in: the first of these that serves it."""

SAMPLED: Final = {"sidecar": ("redis", "sqlite", "files"), "remote": ("memory", "sqlite")}
"""The store of each placement outside the gateway's process: for each abstraction the first of these that serves it."""

COSTLY: Final = frozenset({"clickhouse", "gremlin", "kafka", "opencypher"})
"""Stores whose server starts slowly or takes much processor: what breaks it, or goes by gateways, is of whole runs."""

UNSOLVED: Final = {
    (
        "opencypher",
        "test_edges_made_while_nodes_go",
    ): "64 callers of two gateways that make the first edges of two types while their node is deleted came to their "
    "deadline on a busy machine; whether they stand still there is not known since gateways take turns (decision 0030)",
}
"""Defects that are known, by store and test: samples leave them out, and in whole runs they are expected."""

_QUICKEST: Final = ("", "binding")
"""The ways in by which a costly store is tested in samples."""

FEWER: Final = {"sample": 0.3, "embedded": 0.1}
"""How much of its repetitions a test has that repeats what must hold every time."""

QUICK: Final = "quick"
"""Hypothesis' profile of `make check`; a test that wants more examples than others says so in terms of the profile."""

settings.register_profile(QUICK, max_examples=settings.default.max_examples // 5)


class Tested:
    """One test of the matrix, as a selection sees it.

    Attributes:
        store: the plugin's name.
        placement: where it runs.
        embedded: the store is the one on which its abstraction is tested by every way in.
        sampled: its abstraction is tested on the store in this placement, outside the gateway's process.
        first_way: it is by the first of the ways in that can express it; so is a test that is by none.
        first_case: no test before it is the same but for its parameters.
        way: in; empty for a test that is by none.
        breaks: it has a store of its own, which it breaks and restarts.
        unsolved: the reason for which it is known to fail there; empty for none.
    """

    def __init__(self, harness: PluginAcceptanceHarness, module: SuiteModule, item: pytest.Item, *, new: bool) -> None:
        callspec = getattr(item, "callspec", None)
        caller = callspec.params.get("caller") if callspec else None
        self.store, self.placement = harness.name, harness.placement
        self.embedded, self.sampled = _embedded(module), _sampled(module)
        self.first_way = caller is None or caller[1] == _able(item, harness)[0]
        self.first_case = new
        self.way = caller[1] if caller else ""
        self.unsolved = UNSOLVED.get((harness.name, getattr(item, "originalname", item.name)), "")
        self.breaks = "breakable_environment" in getattr(item, "fixturenames", ())


def sample(test: Tested) -> bool:
    """Every suite by every way in on one store, by one way in on the others; each test once in each other placement."""
    if test.unsolved:
        return False
    if test.store in COSTLY and (test.breaks or test.way not in _QUICKEST or not test.first_case):
        return False
    if test.placement == "in_process":
        return test.embedded or test.first_way
    return test.sampled and test.first_way and test.first_case


def embedded(test: Tested) -> bool:
    """Every suite by one way in on one store, each test once."""
    return test.placement == "in_process" and test.embedded and test.first_way and test.first_case


def harnesses(selection: str) -> Collection[tuple[str, str]] | None:
    """The plugins and placements that a selection has anything of; None for all. Collecting the others takes time."""
    if selection == "whole":
        return None
    sampled = {(store, placement) for placement, stores in SAMPLED.items() for store in stores}
    outside = sampled if selection == "sample" else set()
    inside = _plugins() if selection == "sample" else EMBEDDED
    return outside | {(store, "in_process") for store in inside}


SELECTIONS: Final = {"whole": lambda _: True, "sample": sample, "embedded": embedded}


@functools.cache
def _plugins() -> Mapping[str, Plugin]:
    return discover().found


def _embedded(module: SuiteModule) -> bool:
    return module.harness.name == _first(EMBEDDED, module.interface)


def _sampled(module: SuiteModule) -> bool:
    return module.harness.name == _first(SAMPLED.get(module.harness.placement, EMBEDDED), module.interface)


def _able(item: pytest.Item, harness: PluginAcceptanceHarness) -> Sequence[str]:
    """The ways in that can express a test, the first of them first."""
    marker = item.get_closest_marker("ways")
    return [way for way in WAYS if way in harness.ways() and (marker is None or way in marker.args)]


def _first(stores: Sequence[str], abstraction: str) -> str:
    """The first of the stores that serves an abstraction; the first of all where a test is about none."""
    serving = (name for name in stores if abstraction in {"", *_plugins()[name].manifest.interfaces})
    return next(serving, stores[0])


@pytest.hookimpl
def pytest_addoption(parser: pytest.Parser) -> None:
    """How much of the matrix."""
    parser.addoption("--matrix", choices=SELECTIONS, default="whole", help=f"how much of {MATRIX} is run")


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, obj: Any) -> list[pytest.Item] | None:
    """Collects nothing of a harness, or of one of its abstractions, of which nothing is chosen."""
    selection = collector.config.getoption("--matrix")
    if selection == "whole" or MATRIX not in collector.nodeid:
        return None
    if isinstance(collector, SuiteModule):
        inside = collector.harness.placement == "in_process"
        some = _embedded(collector) if selection == "embedded" else inside or _sampled(collector)
        return None if some else []
    if not isinstance(obj, PluginAcceptanceHarness):
        return None
    chosen = harnesses(selection)
    return None if chosen is None or (obj.name, obj.placement) in chosen else []


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Collects by the first way alone what is chosen by no other: each worker would collect as much again."""
    selection, item = metafunc.config.getoption("--matrix"), metafunc.definition
    module = item.getparent(SuiteModule)
    if module is None or selection == "whole" or MATRIX not in item.nodeid:
        return
    if (selection == "embedded" or not _embedded(module)) and (able := _able(item, module.harness)):
        item.add_marker(pytest.mark.ways(able[0]), append=False)


@pytest.hookimpl
def pytest_itemcollected(item: pytest.Item) -> None:
    """Marks what has more in a whole run, and every test of whole gateways: `make acceptance` runs those."""
    if item.nodeid.startswith(WHOLE) or "often" in getattr(item, "fixturenames", ()):
        item.add_marker("whole")


@pytest.fixture
def whole(request: pytest.FixtureRequest) -> bool:
    """Whether all of the matrix is run, which is the default."""
    return bool(request.config.getoption("--matrix") == "whole")


@pytest.fixture
def often(request: pytest.FixtureRequest) -> Callable[[int], int]:
    """So many times where all of the matrix is run, which is the default; a part of it in the quicker runs."""
    part = FEWER.get(request.config.getoption("--matrix"), 1.0)
    return lambda times: max(1, round(times * part))


@pytest.hookimpl
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what the selection does not have."""
    chosen = SELECTIONS[config.getoption("--matrix")]
    seen: set[str] = set()
    kept, left = [], []
    for item in items:
        module = item.getparent(SuiteModule)
        if module is not None and item.nodeid.startswith(ONCE_MORE) and chosen is not SELECTIONS["whole"]:
            (left if _again(item, module, seen) else kept).append(item)
            continue
        if module is None or MATRIX not in item.nodeid:
            kept.append(item)
            continue
        name = f"{module.nodeid}::{getattr(item, 'originalname', item.name)}"
        test = Tested(module.harness, module, item, new=name not in seen)
        seen.add(name)
        if test.unsolved:
            item.add_marker(pytest.mark.xfail(reason=test.unsolved, strict=False))
        (kept if chosen(test) else left).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


def _again(item: pytest.Item, module: SuiteModule, seen: set[str]) -> bool:
    """Whether a test by the same way in that differs in no more than parameters came before; adds it to those."""
    callspec = getattr(item, "callspec", None)
    caller = callspec.params.get("caller") if callspec else None
    way = caller[1] if caller else ""
    name = f"{module.nodeid}::{getattr(item, 'originalname', item.name)} by {way}"
    known = name in seen
    seen.add(name)
    return known and way != "process"
