"""How much of the matrix of `contract/test_backends.py` a run has: suites, by stores, by placements, by ways in.

`--matrix whole`, the default, is all of it; `make acceptance` runs that. `--matrix sample` leaves out what repeats what
another test shows: `make test`. `--matrix embedded` is one store by one way in: `make check`.
"""

import functools
from collections.abc import Mapping
from typing import Final

import pytest

from prism.acceptance.collectors import SuiteModule
from prism.acceptance.harness import WAYS, PluginAcceptanceHarness
from prism.plugins.discovery import Plugin, discover

MATRIX: Final = "contract/test_backends.py"

EMBEDDED: Final = ("sqlite", "memory")
"""The store that an abstraction is tested on by every way in: the first of these that serves it."""

SAMPLED: Final = {"sidecar": "redis", "remote": "memory"}
"""The one store of each placement outside the gateway's process; both serve every abstraction."""


class Tested:
    """One test of the matrix, as a selection sees it.

    Attributes:
        store: the plugin's name.
        placement: where it runs.
        embedded: the store is the one on which its abstraction is tested by every way in.
        first_way: it is by the first of the ways in that can express it; so is a test that is by none.
        first_case: no test before it is the same but for its parameters.
    """

    def __init__(self, harness: PluginAcceptanceHarness, module: SuiteModule, item: pytest.Item, *, new: bool) -> None:
        callspec = getattr(item, "callspec", None)
        caller = callspec.params.get("caller") if callspec else None
        marker = item.get_closest_marker("ways")
        able = [way for way in WAYS if way in harness.ways() and (marker is None or way in marker.args)]
        self.store, self.placement = harness.name, harness.placement
        self.embedded = harness.name == _embedded(module.interface)
        self.first_way = caller is None or caller[1] == able[0]
        self.first_case = new


def sample(test: Tested) -> bool:
    """Every suite by every way in on one store, by one way in on the others; each test once in each other placement."""
    if test.placement == "in_process":
        return test.embedded or test.first_way
    return test.store == SAMPLED[test.placement] and test.first_way and test.first_case


def embedded(test: Tested) -> bool:
    """Every suite by one way in on one store."""
    return test.placement == "in_process" and test.embedded and test.first_way


SELECTIONS: Final = {"whole": lambda _: True, "sample": sample, "embedded": embedded}


@functools.cache
def _plugins() -> Mapping[str, Plugin]:
    return discover().found


def _embedded(abstraction: str) -> str:
    """The store on which an abstraction is tested by every way in; the first where a test is about none."""
    serving = (name for name in EMBEDDED if abstraction in {"", *_plugins()[name].manifest.interfaces})
    return next(serving, EMBEDDED[0])


@pytest.hookimpl
def pytest_addoption(parser: pytest.Parser) -> None:
    """How much of the matrix."""
    parser.addoption("--matrix", choices=SELECTIONS, default="whole", help=f"how much of {MATRIX} is run")


@pytest.hookimpl
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what the selection does not have."""
    chosen = SELECTIONS[config.getoption("--matrix")]
    seen: set[str] = set()
    kept, left = [], []
    for item in items:
        module = item.getparent(SuiteModule)
        if module is None or MATRIX not in item.nodeid:
            kept.append(item)
            continue
        name = f"{module.nodeid}::{getattr(item, 'originalname', item.name)}"
        test = Tested(module.harness, module, item, new=name not in seen)
        seen.add(name)
        (kept if chosen(test) else left).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept
