"""A run's results for people and programs: the summary of RFC-008, a page in Markdown, a document in JSON.

Source: RFC-008 "Running Acceptance Tests", the test output.
"""

import json
from collections.abc import Iterator

from prism.acceptance.results import Line, Results


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
    """A table of the suites, each skip with its reason; the broken rules below it."""
    head = ["suite", "plugin", "placement", "passed", "failed", "skipped, and why"]
    rows = [head, ["---", "---", "---", "---:", "---:", "---"]]
    for line in results.lines():
        skips = "; ".join(f"{count:,} {reason}" for reason, count in line.skips.items())
        rows.append([line.title, line.plugin, line.placement, f"{line.passed:,}", f"{line.failed:,}", skips])
    table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
    broken = "\n".join(f"- {rule} ({len(cases)} tests)" for rule, cases in results.broken_rules().items())
    return f"{table}\n\nBroken rules:\n\n{broken}\n" if broken else f"{table}\n"


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
        }
        for line in results.lines()
    ]
    return json.dumps({"summary": lines, "cases": list(results.rows())}, indent=1, ensure_ascii=False) + "\n"


WRITERS = {"md": markdown, "json": document}
