"""docs/architecture.md mirrors the code, and the README's short tree too: the paths that they name are there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.fences import fences

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "architecture.md"
README = ROOT / "README.md"
MADE_BY_A_COMMAND = {"bench/results/": "make bench"}
_PATH = re.compile(r"`((?:[\w.]+/)+(?:[\w.-]+\.\w+)?)`")
_LINE = re.compile(r"(?P<indent> *)(?P<path>\S+)")


def test_every_path_in_the_text_exists() -> None:
    """A path in the text is one of the repository."""
    named = [path for path in _PATH.findall(PAGE.read_text()) if path not in MADE_BY_A_COMMAND]
    assert len(named) > 20
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", [PAGE, README], ids=lambda page: page.name)
def test_every_path_in_the_tree_exists(page: Path) -> None:
    """A line of the tree is a file or a folder of the repository."""
    paths = [*in_tree(page)]
    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_folder_of_the_source_is_in_the_tree() -> None:
    """The tree shows each package right under src/prism, and each backend."""
    packages = {path for path in (ROOT / "src" / "prism").glob("*/") if any(path.rglob("*.py"))}
    packages |= {path.parent for path in (ROOT / "src" / "prism" / "backends").glob("*/plugin.toml")}
    assert packages - {ROOT / path for path in in_tree(PAGE)} == set()


def in_tree(page: Path) -> Iterator[str]:
    """The full paths of a page's indented tree."""
    (tree,) = (fence.body for fence in fences(page) if fence.body.lstrip().startswith("proto/"))
    above: list[tuple[int, str]] = []
    for line in tree.splitlines():
        match = _LINE.match(line)
        assert match, line
        indent = len(match["indent"])
        above = [(depth, path) for depth, path in above if depth < indent]
        path = (above[-1][1] if above else "") + match["path"]
        above.append((indent, path))
        yield path
