"""A run's results for people and programs: the summary of RFC-008, a page in Markdown, a document in JSON.

Source: RFC-008 "Running Acceptance Tests", the test output.
"""

import json
from collections.abc import Iterator

from prism.acceptance.results import Line, Results

HEADING = """# Acceptance: which plugin passes what

Written by the acceptance kit (`--acceptance-report`). A test counts once for each way in; a skip has the capability
that is not declared, or the reason for which it means nothing for that plugin."""

MEASUREMENTS = """Of this run, on this machine: times as multiples of a refused call's, and what became of the calls
made during each outage. Nothing is asserted on the numbers themselves."""


def summary(results: Results) -> str:
    """The summary as a terminal shows it, broken rules first."""
    return "\n".join([*_broken(results), *_summary(results.lines())])


def _broken(results: Results) -> Iterator[str]:
    rules = results.broken_rules()
    if rules:
        yield "Broken rules:"
    for rule, cases in rules.items():
        yield f"  {rule}"
        yield from (f"    {case.plugin}, {_where(case.way, case.placement)}: {case.test}" for case in cases[:5])
        if len(cases) > 5:
            yield f"    and {len(cases) - 5} more"
    if rules:
        yield ""


def _where(way: str, placement: str) -> str:
    return f"{placement} by {way}" if way else placement


def _summary(lines: list[Line]) -> Iterator[str]:
    width = max((len(_name(line)) for line in lines), default=0)
    title = ""
    for line in lines:
        if line.title != title:
            title = line.title
            yield f"{title} Suite Results:"
        yield f"  {_name(line):<{width}}  {line.counts}"


def _name(line: Line) -> str:
    return f"{line.plugin} ({line.placement}):"


def markdown(results: Results) -> str:
    """A page with a table of the suites, each skip with its reason; the broken rules and the measurements below it."""
    head = ["suite", "plugin", "placement", "by", "passed", "failed", "skipped, and why"]
    rows = [head, ["---", "---", "---", "---", "---:", "---:", "---"]]
    for line in results.lines():
        skips = "; ".join(f"{count:,} {reason}" for reason, count in line.skips.items())
        counts = [f"{line.passed:,}", f"{line.failed:,}", skips]
        rows.append([line.title, line.plugin, line.placement, ", ".join(line.ways), *counts])
    table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
    parts = [HEADING, table]
    if rules := results.broken_rules():
        parts += ["## Broken rules", "\n".join(f"- {rule} ({len(cases)} tests)" for rule, cases in rules.items())]
    if measurements := [*_measurements(results)]:
        parts += ["## Measurements", MEASUREMENTS, "\n".join(measurements)]
    return "\n\n".join(parts) + "\n"


def _measurements(results: Results) -> Iterator[str]:
    """What each test has measured or counted, on a line."""
    for case in sorted(results.cases, key=lambda case: (case.plugin, case.placement, case.way, case.test)):
        if case.measurements:
            text = ", ".join(f"{name} {value:,g}" for name, value in case.measurements.items())
            yield f"- {case.plugin} ({_where(case.way, case.placement)}), {case.test.partition('[')[0]}: {text}"


def document(results: Results) -> str:
    """Everything, as JSON: the lines of the summary and each case."""
    lines = [
        {
            "suite": line.title,
            "plugin": line.plugin,
            "placement": line.placement,
            "passed": line.passed,
            "failed": line.failed,
            "skipped": line.skips,
            "seconds": round(line.seconds, 3),
            "ways": list(line.ways),
        }
        for line in results.lines()
    ]
    return json.dumps({"summary": lines, "cases": list(results.rows())}, indent=1, ensure_ascii=False) + "\n"


WRITERS = {"md": markdown, "json": document}
