"""What a run requires of its machine: a skip for the want of it is a failure."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from missing import NEEDED, VARIABLE, pytest_configure

TESTS = Path(__file__).parent
CI = TESTS.parent / ".ci" / "run"

MODULE = """import pytest
from missing import missing
from prism.acceptance import PluginAcceptanceHarness, StoreMissing
from prism.backends.memory.testing import MemoryTestBackend


class Absent(MemoryTestBackend):
    async def start(self):
        raise StoreMissing("Redis is not installed")


store = PluginAcceptanceHarness("memory", Absent, suites=("cache",), ways=("binding",))


@pytest.fixture
def tool():
    missing("Go is not installed")


def test_tool(tool): ...


def test_package():
    pytest.importorskip("there_is_no_such_package")


def test_other():
    pytest.skip("for another reason")
"""
ABSENT_PACKAGE = "import pytest\npytest.importorskip('there_is_no_such_package')\n"

OTHER_REASONS = {
    "missing.py",
    "test_missing.py",
    "wire/test_hpack_corpus.py",  # says it in the same words
    "acceptance/test_mutants.py",  # passes on what the kit says
    "backends/kafka/test_cluster.py",  # three brokers are of whole runs
    "backends/kafka/test_goers.py",  # minutes, of whole runs
    "backends/gremlin/test_gremlin_outages.py",  # a server for each test is of whole runs
    "servers.py",  # Gremlin Server is too, but for the suite of every store
    "roles/test_kafka_roles.py",  # the same
    "roles/test_adr_environment.py",  # all roles are of whole runs
    "e2e/test_flights.py",  # data that has to be downloaded, where a variable says so
    "sdk/graph/test_real_graphs.py",  # data of another package system
    "client/objects/test_resuming.py",  # a store of the sample keeps no checksum
    "deploy/test_compose.py",  # its own tool checks the files too, where it is
    "e2e/test_images.py",  # minutes, of whole runs
    "e2e/test_rolling_restart.py",  # the same
    "test_gc_tuning.py",  # another C library cannot be installed
}
"""The modules that skip by themselves."""


def run(folder: Path, required: str) -> str:
    """What pytest says of both modules."""
    (folder / "test_absent.py").write_text(MODULE)
    (folder / "test_module.py").write_text(ABSENT_PACKAGE)
    command = [sys.executable, "-m", "pytest", "-q", "-ra", "-p", "prism.acceptance.pytest_plugin", "-p", "missing"]
    command += ["-k", "tool or package or other or starts_at_zero", "--continue-on-collection-errors"]
    command += ["-p", "no:cacheprovider", f"--rootdir={folder}", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(TESTS), VARIABLE: required}
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True).stdout


def test_what_is_not_required_may_be_missing(tmp_path: Path) -> None:
    """Each is skipped with its reason."""
    output = run(tmp_path, "npm")
    for reason in ("not here: Redis is not installed", "not here: Go is not installed", "for another reason"):
        assert re.search(rf"^SKIPPED .*: {reason}$", output, re.MULTILINE), output
    assert re.search(r"^ +1 not here: Go is not installed$", output, re.MULTILINE), output
    assert not re.search(r"^(FAILED|ERROR) ", output, re.MULTILINE), output


def test_what_is_required_may_not(tmp_path: Path) -> None:
    """The skip is a failure that says what is missing; other skips stay what they are."""
    output = run(tmp_path, "Redis Go packages")
    broken = re.findall(r"^(?:FAILED|ERROR) .*?(\w+)(?:\.py|\[.*?\])?(?: - .*)?$", output, re.MULTILINE)
    lacking = ["test_a_missing_counter_starts_at_zero", "test_module", "test_package", "test_tool"]
    assert sorted(broken) == lacking, output
    for name in ("Redis", "Go", "packages"):
        assert f"{VARIABLE} says that {name} is here" in output
    assert re.search(r"^SKIPPED .*: for another reason$", output, re.MULTILINE), output


def test_a_requirement_without_a_test_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip in the name would require nothing."""
    monkeypatch.setenv(VARIABLE, "Rediss")
    with pytest.raises(pytest.UsageError, match="unknown: Rediss; known: "):
        pytest_configure()


def test_ci_requires_what_a_test_may_lack() -> None:
    """Its names are known."""
    (names,) = re.findall(rf'{VARIABLE}="([^"]+)"', CI.read_text())
    assert names.split()
    assert set(names.split()) <= NEEDED.keys()


def test_every_skip_says_what_is_missing() -> None:
    """So that a run can require it."""
    skips = re.compile(r"pytest\.(mark\.)?skip(if)?\(")
    names = {str(path.relative_to(TESTS)) for path in TESTS.rglob("*.py") if skips.search(path.read_text())}
    assert names == OTHER_REASONS
