"""docs/security.md names a test for each threat, and each of them is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "security.md"
_TEST = re.compile(r"`(?P<file>tests/[\w/]+\.py)::(?P<name>test_\w+)`")


def rows() -> list[list[str]]:
    """The cells of the table of threats."""
    _, _, table = PAGE.read_text().partition("## Threats")
    lines = [line for line in table.partition("\n## ")[0].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_each_threat_has_an_answer_and_a_test() -> None:
    """A row without one is a hope."""
    assert len(rows()) > 30
    assert [threat for threat, answer, tests in rows() if not answer or not _TEST.search(tests)] == []


def test_each_test_is_there() -> None:
    """By its name, in the file that is said."""
    named = {(match["file"], match["name"]) for match in _TEST.finditer(PAGE.read_text())}
    assert len(named) > 50
    assert [f"{file}::{name}" for file, name in sorted(named) if not is_there(ROOT / file, name)] == []


def is_there(file: Path, name: str) -> bool:
    """Whether the file has a test of that name."""
    return file.is_file() and re.search(rf"^(async )?def {name}\(", file.read_text(), re.MULTILINE) is not None
