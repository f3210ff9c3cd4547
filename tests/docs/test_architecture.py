"""docs/architecture.md mirrors the code: the paths that it names are there."""

import re
from collections.abc import Iterator
from pathlib import Path

from docs.fences import fences

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "architecture.md"
MADE_BY_A_COMMAND = {"bench/results/": "make bench"}
_PATH = re.compile(r"`((?:[\w.]+/)+(?:[\w.-]+\.\w+)?)`")
_LINE = re.compile(r"(?P<indent> *)(?P<path>\S+)")


def test_every_path_in_the_text_exists() -> None:
    """A path in the text is one of the repository."""
    named = [path for path in _PATH.findall(PAGE.read_text()) if path not in MADE_BY_A_COMMAND]
    assert len(named) > 20
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_path_in_the_tree_exists() -> None:
    """A line of the tree is a file or a folder of the repository."""
    (tree,) = (fence.body for fence in fences(PAGE) if fence.body.startswith("proto/"))
    paths = [*in_tree(tree)]
    assert len(paths) > 50
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_folder_of_the_source_is_in_the_tree() -> None:
    """The tree shows each package right under src/prism, and each backend."""
    (tree,) = (fence.body for fence in fences(PAGE) if fence.body.startswith("proto/"))
    packages = {path for path in (ROOT / "src" / "prism").glob("*/") if any(path.rglob("*.py"))}
    packages |= {path.parent for path in (ROOT / "src" / "prism" / "backends").glob("*/plugin.toml")}
    assert packages - {ROOT / path for path in in_tree(tree)} == set()


def in_tree(tree: str) -> Iterator[str]:
    """The full paths of an indented tree."""
    above: list[tuple[int, str]] = []
    for line in tree.splitlines():
        match = _LINE.match(line)
        assert match, line
        indent = len(match["indent"])
        above = [(depth, path) for depth, path in above if depth < indent]
        path = (above[-1][1] if above else "") + match["path"]
        above.append((indent, path))
        yield path
