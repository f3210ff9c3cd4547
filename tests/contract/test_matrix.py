"""The table of the whole matrix is complete, and what a run leaves out of the matrix, another test shows."""

import itertools
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

import prism.backends
from contract import test_backends
from examples import test_go_plugin
from matrix import EMBEDDED, SAMPLED, SELECTIONS, harnesses
from prism.acceptance import PluginAcceptanceHarness
from prism.plugins.discovery import discover

TABLE = Path(__file__).parents[2] / "docs" / "reports" / "acceptance.md"
BACKENDS = Path(next(iter(prism.backends.__path__)))
HARNESSES = [each for each in vars(test_backends).values() if isinstance(each, PluginAcceptanceHarness)]
_ROW = re.compile(
    r"^\| (?P<suite>[^|]+) \| (?P<plugin>[^|]+) \| (?P<placement>[^|]+) \| [^|]* \| [\d,]+ \| (?P<failed>[\d,]+) \|",
    re.MULTILINE,
)


def served(store: str) -> set[str]:
    """The abstractions that a plugin declares."""
    return set(discover().found[store].manifest.interfaces)


def test_the_table_has_what_the_harnesses_collect() -> None:
    """Every suite on every store in every placement, and nothing that is gone; `make acceptance` writes it.

    Those of the example in Go are in it where Go is.
    """
    rows = [*_ROW.finditer(TABLE.read_text())]
    collected, example = (
        {(suite.title, each.name, each.placement) for each in harnesses for suite in each.suites()}
        for harnesses in (HARNESSES, [test_go_plugin.gomap])
    )
    assert collected <= {(row["suite"], row["plugin"], row["placement"]) for row in rows} <= collected | example
    assert [row[0] for row in rows if row["failed"] != "0"] == []


def test_every_plugin_is_in_the_matrix_in_every_placement() -> None:
    """A backend of ours is tested, without a list that has to name it."""
    ours = {path.parent.name for path in BACKENDS.glob("*/plugin.toml")}
    placements = ("in_process", "sidecar", "remote")
    assert {(each.name, each.placement) for each in HARNESSES} == {*itertools.product(ours, placements)}


def test_the_embedded_stores_serve_every_abstraction() -> None:
    """Each is tested by every way in on one of them."""
    assert set().union(*map(served, EMBEDDED)) == set().union(*(served(each.name) for each in HARNESSES))


def test_the_sampled_stores_serve_every_abstraction() -> None:
    """Each is tested in every placement."""
    for placement in {each.placement for each in HARNESSES} - {"in_process"}:
        assert set().union(*map(served, SAMPLED[placement])) == set().union(*(served(each.name) for each in HARNESSES))


@pytest.mark.parametrize("selection", SELECTIONS)
def test_what_is_not_collected_has_nothing_that_is_chosen(selection: str) -> None:
    """A harness is left out before its tests are collected where the selection has none of them, and only there."""
    collected = harnesses(selection)
    for each in HARNESSES:
        most = SimpleNamespace(
            store=each.name,
            placement=each.placement,
            first_way=True,
            first_case=True,
            way="",
            breaks=False,
            unsolved="",
        )
        most.embedded = each.name in EMBEDDED
        most.sampled = each.name in SAMPLED.get(each.placement, ())
        chosen = SELECTIONS[selection](most)
        assert chosen == (collected is None or (each.name, each.placement) in collected), each
