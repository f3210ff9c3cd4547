"""Results as table, JSON and YAML."""

import json
from contextlib import suppress

import pytest
import yaml

from prism.cli.output import show, writer
from prism.errors import GatewayUnavailable

ROWS = [{"key": "a", "notes": {"x": "1"}}, {"key": "longer", "notes": {}}]


def _write(output: str, rows: list[dict[str, object]]) -> None:
    with writer(output, ("key", "notes")) as out:
        for row in rows:
            out.write(row)


@pytest.mark.parametrize("rows", [[], ROWS[:1], ROWS])
def test_rows_for_programs(rows: list[dict[str, object]], capsys: pytest.CaptureFixture[str]) -> None:
    """JSON and YAML are valid whatever the number of rows, and say the same."""
    _write("json", rows)
    assert json.loads(capsys.readouterr().out) == rows
    _write("yaml", rows)
    assert yaml.safe_load(capsys.readouterr().out) == rows


@pytest.mark.parametrize(("output", "begun"), [("table", "KEY  NOTES\na    x=1\n"), ("json", None), ("yaml", None)])
def test_an_error_before_the_first_row_leaves_nothing(
    output: str, begun: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """No heading over nothing; what was written before it stays, and is whole."""

    def broken(rows: list[dict[str, object]]) -> str:
        with suppress(GatewayUnavailable), writer(output, ("key", "notes")) as out:
            for row in rows:
                out.write(row)
            raise GatewayUnavailable("nobody answers")
        return capsys.readouterr().out

    assert broken([]) == ""
    written = broken(ROWS[:1])
    assert written == begun if begun else yaml.safe_load(written) == ROWS[:1]


def test_a_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    """Columns under their headings, also past the rows that are measured."""
    _write("table", ROWS)
    assert capsys.readouterr().out == "KEY     NOTES\na       x=1\nlonger  -\n"
    _write("table", ROWS * 300)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] * 300 == lines[1:]


def test_a_single_result(capsys: pytest.CaptureFixture[str]) -> None:
    """An object, or a line for each member."""
    show("json", {"swapped": True})
    assert json.loads(capsys.readouterr().out) == {"swapped": True}
    show("yaml", {"swapped": True})
    assert yaml.safe_load(capsys.readouterr().out) == {"swapped": True}
    show("table", {"swapped": True, "current": {"key": "k", "metadata": {}, "expires_at": None}})
    assert capsys.readouterr().out.splitlines() == [
        "swapped             true",
        "current.key         k",
        "current.metadata    -",
        "current.expires_at  -",
    ]
