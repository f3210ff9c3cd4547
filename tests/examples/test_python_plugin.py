"""The example in Python: installed as pip installs it, small as promised, and judged by its own tests."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent.parent / "examples" / "python-plugin"
SOURCES = sorted((FOLDER / "prism_shelf").glob("*.py"))
MOST_LINES = 120


def lines_of_code(path: Path) -> int:
    """Lines that are neither blank nor part of a docstring nor only a comment."""
    text = path.read_text()
    documented = {
        number
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and ast.get_docstring(node) is not None
        for number in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    lines = enumerate(text.splitlines(), 1)
    return sum(1 for number, line in lines if line.strip() and line.strip()[0] != "#" and number not in documented)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the package is installed to, with its entry point."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target"]
    done = subprocess.run([*command, str(target), str(FOLDER)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


def test_it_is_small() -> None:
    """At most 120 lines of code, as the README says."""
    assert len(SOURCES) > 4
    assert sum(map(lines_of_code, SOURCES)) <= MOST_LINES


def test_its_own_tests_pass(installed: Path, tmp_path: Path) -> None:
    """The acceptance kit through a gateway that runs it as a sidecar, and what it says of itself besides."""
    search = {"PYTHONPATH": os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(FOLDER), str(FOLDER)]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | search, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert "passed" in done.stdout


def test_it_is_a_module_that_runs(installed: Path) -> None:
    """`python -m prism_shelf --help` tells how it is served."""
    command = [sys.executable, "-m", "prism_shelf", "--help"]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(installed)}, capture_output=True, text=True)
    assert (done.returncode, "grpcurl" in done.stdout) == (0, True), done.stderr
