"""What a run of the kit tells: each failure with the rule that it breaks, a summary, a report in a file."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from prism.acceptance.report import WRITERS, summary
from prism.acceptance.results import Case, Results

MARK = "prism_suite"
"""A report that has this property is of one of the kit's tests."""

MEASUREMENT = "measurement "
"""Begins the name of a property that is something measured."""


class ResultsPlugin:
    """Gathers the results of the kit's tests, of parallel workers too."""

    def __init__(self, report: Path | None = None) -> None:
        self.results = Results()
        self._report = report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """A failure is shown with the rule that it breaks."""
        report = yield
        rule = dict(item.user_properties).get("rule")
        if report.failed and rule:
            report.sections.append(("broken rule", str(rule)))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of a test has ended; the call's is the test's, unless another went wrong."""
        properties: dict[str, Any] = dict(report.user_properties)
        if MARK in properties and (report.when == "call" or report.outcome != "passed"):
            self.results.add(_case(report, properties))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The summary, where the kit has been run, and the report in its file."""
        if not self.results.cases:
            return
        terminalreporter.section("acceptance")
        terminalreporter.write_line(summary(self.results))
        if self._report is not None:
            self._report.parent.mkdir(parents=True, exist_ok=True)
            self._report.write_text(WRITERS[self._report.suffix.removeprefix(".")](self.results))


def _case(report: pytest.TestReport, properties: dict[str, Any]) -> Case:
    reason = ""
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
    elif report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        reason = (crash.message if crash else str(report.longrepr)).partition("\n")[0]
    return Case(
        suite=properties[MARK],
        title=properties["title"],
        plugin=properties["plugin"],
        placement=properties["placement"],
        way=properties["way"],
        test=report.nodeid.rpartition("::")[2].partition("@")[0],
        rule=properties["rule"],
        outcome=report.outcome,
        reason=reason,
        measurements={
            name.removeprefix(MEASUREMENT): value for name, value in properties.items() if name.startswith(MEASUREMENT)
        },
        seconds=report.duration,
    )
