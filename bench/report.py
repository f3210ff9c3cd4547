"""Writes what a run measured: a table and its numbers under bench/results/, and a plot."""

import json
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table.

    Attributes:
        name: the contestant.
        values: figure by column.
    """

    name: str
    values: Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class Table:
    """What one workload gave.

    Attributes:
        name: the file's name under bench/results/.
        title: the heading.
        note: what was done, and how the figures are to be read.
        rows: the contestants.
        verdicts: the budgets of docs/architecture.md, each with what was measured.
        bars: the column that the plot shows.
    """

    name: str
    title: str
    note: str
    rows: Sequence[Row]
    verdicts: Sequence[str] = field(default_factory=tuple)
    bars: str = ""


def write(table: Table) -> None:
    """Writes `<name>.md`, `<name>.json` and, where bars are asked for, `<name>.svg`; prints the table."""
    RESULTS.mkdir(exist_ok=True)
    text = _markdown(table)
    (RESULTS / f"{table.name}.md").write_text(text)
    (RESULTS / f"{table.name}.json").write_text(json.dumps(_document(table), indent=2) + "\n")
    if table.bars:
        _plot(table)
    print(text)


def _markdown(table: Table) -> str:
    columns = list(dict.fromkeys(column for row in table.rows for column in row.values))
    lines = [f"# {table.title}", "", table.note, "", f"| | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    for row in table.rows:
        cells = (_cell(row.values.get(column, "")) for column in columns)
        lines.append(f"| {row.name} | {' | '.join(cells)} |")
    if table.verdicts:
        lines += ["", *(f"- {verdict}" for verdict in table.verdicts)]
    lines += ["", f"{_machine()}; commit {_commit()}; {datetime.now(UTC):%Y-%m-%d}.", ""]
    return "\n".join(lines)


def _cell(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _document(table: Table) -> dict[str, Any]:
    return {
        "title": table.title,
        "machine": _machine(),
        "commit": _commit(),
        "rows": [{"name": row.name, **row.values} for row in table.rows],
        "verdicts": list(table.verdicts),
    }


def _plot(table: Table) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    rows = [row for row in table.rows if isinstance(row.values.get(table.bars), int | float)]
    figure, axes = pyplot.subplots(figsize=(9, 0.5 * len(rows) + 1.2), layout="constrained")
    bars = axes.barh([row.name for row in rows], [float(row.values[table.bars]) for row in rows])
    axes.bar_label(bars, fmt="{:,.0f}", padding=3)
    axes.invert_yaxis()
    axes.set_xlabel(table.bars)
    axes.set_title(table.title)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    # A fixed salt and no date: the same figures give the same file.
    mpl.rcParams["svg.hashsalt"] = "prism"
    figure.savefig(RESULTS / f"{table.name}.svg", metadata={"Date": None})
    pyplot.close(figure)


def _machine() -> str:
    import os

    return f"{os.cpu_count()} cores, {platform.machine()}, Linux, CPython {sys.version.split()[0]}"


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
