"""Only what a mutant breaks is collected where that is asked for: to collect the rest takes longer than to run this."""

from collections import defaultdict

import pytest

from acceptance.mutants.rules import MUTANTS
from prism.acceptance.collectors import SuiteModule


@pytest.hookimpl
def pytest_addoption(parser: pytest.Parser) -> None:
    """How much of the suites."""
    parser.addoption("--rules", action="store_true", help="collect the tests of the rules that mutants break, no more")


@pytest.hookimpl
def pytest_configure(config: pytest.Config) -> None:
    """A plugin of its own: modules of suites lie elsewhere, and hooks of this file are not asked about them."""
    if config.getoption("--rules"):
        config.pluginmanager.register(_Chosen())


class _Chosen:
    def __init__(self) -> None:
        self._about: defaultdict[str, list[list[str]]] = defaultdict(list)
        for mutant, about, _ in MUTANTS:
            self._about[mutant].append(about.split(" and "))

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(self, collector: pytest.Collector, name: str) -> list[pytest.Item] | None:
        """Leaves out a test that the expression of its mutant cannot choose, whatever its parameters are."""
        if not isinstance(collector, SuiteModule) or collector.parent is None:
            return None
        return None if any(_may_be(about, collector, name) for about in self._about[collector.parent.name]) else []


def _may_be(about: list[str], module: SuiteModule, name: str) -> bool:
    """Parts with a dot are of a module's name, those that begin with `test_` of a test's; others may be parameters."""
    return all(part in module.name if "." in part else not part.startswith("test_") or part in name for part in about)
