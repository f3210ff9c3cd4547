"""A process that has no descriptor left: what fails says so, whatever its own words are."""

import logging
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from prism.open_files import OpenFiles


@pytest.fixture
def short() -> Iterator[int]:
    """No file more can be opened; the limit that is in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.dup(0) for _ in range(3)]  # they fill what is free below the highest number
    limit = max(int(each.name) for each in Path("/proc/self/fd").iterdir()) + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    while True:
        try:
            taken.append(os.dup(0))
        except OSError:
            break
    yield limit
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for each in taken:
        os.close(each)


def test_a_failure_for_want_of_descriptors_says_so(short: int, caplog: pytest.LogCaptureFixture) -> None:
    """All are counted; the log has a line now and then, with the numbers and what to do."""
    files = OpenFiles()
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            said = files.explained("unable to open database file")
    assert said.startswith(
        f"unable to open database file; the gateway's {short} descriptors are in use: raise the limit"
    )
    assert files.shortages == 3
    [line] = caplog.messages
    assert f"the {short} descriptors that this process may have are in use" in line


def test_any_other_failure_keeps_its_words() -> None:
    """And is not counted; nothing is left open by the look."""
    files = OpenFiles()
    before = len([*Path("/proc/self/fd").iterdir()])
    assert files.explained("the store is down") == "the store is down"
    assert files.shortages == 0
    assert len([*Path("/proc/self/fd").iterdir()]) == before
