"""The kit catches each of many defects, by a failure that names the broken rule of the contract."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from acceptance.mutants.rules import MUTANTS

ALONE = ("-p", "no:cacheprovider", "--disable-plugin-autoload", "-p", "pytest_asyncio.plugin")
HARNESSES = Path(__file__).parent / "mutants" / "harnesses.py"

pytestmark = pytest.mark.xdist_group("mutants")  # so that they are run once, not once in each worker


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the kit says of every mutant, from one run of it over what is relevant."""
    report = tmp_path_factory.mktemp("mutants") / "report.json"
    chosen = " or ".join(f"({mutant} and {about})" for mutant, about, _ in MUTANTS)
    command = [sys.executable, "-m", "pytest", str(HARNESSES), "-q", "--rules", "-k", chosen]
    soon = os.environ | {"PRISM_ACCEPTANCE_TIMEOUT": "2"}  # what a mutant never says need not be waited for
    done = subprocess.run(
        [*command, "--acceptance-report", str(report), *ALONE, "--tb=no"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env=soon,
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    found: list[dict[str, Any]] = json.loads(report.read_text())["cases"]
    return found


@pytest.mark.parametrize(
    ("mutant", "rule"), [pytest.param(mutant, rule, id=f"{mutant}-{about}") for mutant, about, rule in MUTANTS]
)
def test_a_mutant_is_caught_by_its_rule(cases: list[dict[str, Any]], mutant: str, rule: str) -> None:
    """A test fails on it whose rule is the one that the mutant breaks."""
    own = [case for case in cases if f"[{mutant}" in case["test"]]
    assert own
    if absent := {case["reason"] for case in own if case["reason"].startswith("not here: ")}:
        pytest.skip(", ".join(absent))
    # A mutant that no longer fits its base raises in every call, which fails every rule and proves none.
    assert [case["reason"] for case in own if "failed inside the backend" in case["reason"]] == []
    broken = {case["rule"] for case in own if case["outcome"] == "failed"}
    assert [each for each in broken if each.startswith(rule)], broken
