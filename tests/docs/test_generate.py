"""The reference tables of the documents: as the code has them, complete, and in words."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_reference_is_current() -> None:
    """`make docs` would change nothing."""
    done = subprocess.run([sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_built_in_backend_has_its_section() -> None:
    """The page of backends speaks of each."""
    page = (ROOT / "docs" / "backends.md").read_text()
    backends = [path.parent.name for path in (ROOT / "src" / "prism" / "backends").glob("*/plugin.toml")]
    assert [name for name in backends if f"\n## {name}\n" not in page] == []


def test_secrets_are_marked() -> None:
    """An option whose value is secret says so."""
    page = (ROOT / "docs" / "backends.md").read_text()
    assert "| `password` | secret text |" in page


def test_every_document_begins_with_its_title() -> None:
    """None is empty, as two once were."""
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert [path.name for path in documents if not path.read_text().startswith(("# ", "<h1"))] == []
