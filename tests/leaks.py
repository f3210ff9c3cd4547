"""A test that leaves a file, a socket or a process open fails itself.

The garbage collector would find it some time later, and the test that happens to run then would fail instead.
"""

import gc
import os
import sys
from collections.abc import Generator

import pytest

OPEN = pytest.StashKey[int]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Counts what is open before the test."""
    item.stash[OPEN] = _open_files()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Where more is open after it, collects what is garbage of that: it is closed then, with a warning."""
    result = yield
    if _open_files() > item.stash[OPEN]:
        _collect()
    return result


def _open_files() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # a count, made twice for each test
    except FileNotFoundError:
        return 0  # no Linux


def _collect() -> None:
    """Collects garbage; raises what it warns of, as a warning is an error here."""
    found: list[str] = []
    before, sys.unraisablehook = sys.unraisablehook, lambda each: found.append(str(each.exc_value))
    try:
        gc.collect()
    finally:
        sys.unraisablehook = before
    if found:
        pytest.fail("left to the garbage collector: " + "; ".join(found), pytrace=False)
