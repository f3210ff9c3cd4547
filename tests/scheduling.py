"""Which test runs when and where, in a run of several processes (pytest-xdist).

The tests of one file run in one process, in their order: they share the servers that the file starts. Tests of the
acceptance kit run with those that share a store with them, and tests of a folder whose server starts slowly in one
process, which starts it once. What takes long comes first: no process is left alone with a long test at the end.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from prism.gc_tuning import importing

if TYPE_CHECKING:
    from xdist.scheduler import LoadGroupScheduling

ONE_SERVER = ("tests/backends/clickhouse/", "tests/backends/kafka/", "tests/backends/opencypher/")
"""Folders whose files share a server that takes 5 to 20 s of processor to start."""

LONG_FIRST = (
    "e2e",
    "backends/kafka",
    "backends/opencypher",
    "acceptance",
    "contract",
    "examples",
    "wire/fuzz",
    "wire/hostile",
    "cli",
    "backends",
    "control",
)
"""Folders of tests in the order in which they run; those that are not named come last."""


def _place(item: pytest.Item) -> int:
    path = item.nodeid.removeprefix("tests/")
    return next((number for number, name in enumerate(LONG_FIRST) if path.startswith(f"{name}/")), len(LONG_FIRST))


def scope(nodeid: str) -> str:
    """What runs in one process with a test: its folder, where that has one server, else its file, or its group."""
    file = nodeid.partition("::")[0]
    return next((folder for folder in ONE_SERVER if file.startswith(folder)), file)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Python's collector does not look at what is collected, now or later: it stays, and is most of the heap."""
    with importing():
        return (yield)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts what takes long first; the order within a folder stays."""
    items.sort(key=_place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "LoadGroupScheduling | None":
    """Under `--dist loadgroup`, a test without a group of its own is of its file's."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadGroupScheduling

    class ByGroupOrFile(LoadGroupScheduling):
        """In the order in which tests were collected, not the largest group first."""

        def _split_scope(self, nodeid: str) -> str:
            return scope(super()._split_scope(nodeid))

    config.option.loadscopereorder = False
    return ByGroupOrFile(config, log)
