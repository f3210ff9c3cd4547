"""What a run of the kit tells: each failure with the rule that it breaks, a summary, a report in a file."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from prism.acceptance.report import WRITERS, summary
from prism.acceptance.results import Case, Results
from prism.acceptance.run.environment import Environment
from prism.acceptance.store.server_process import ServerProcess

MARK = "prism_suite"
"""A report that has this property is of one of the kit's tests."""

MEASUREMENT = "measurement "
"""Begins the name of a property that is something measured."""

_SHOWN_LINES = 30


class ResultsPlugin:
    """Gathers the results of the kit's tests, of parallel workers too."""

    def __init__(self, report: Path | None = None) -> None:
        self.results = Results()
        self._report = report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """A failure is shown with the rule that it breaks, and with what the servers of the test have said."""
        report = yield
        if report.failed:
            report.sections.extend((f"log of {each.name}", _last_lines(each)) for each in _servers(item))
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


def _servers(item: pytest.Item) -> Iterator[ServerProcess]:
    """The servers that a test was given, and those of the environments that it was given."""
    for given in getattr(item, "funcargs", {}).values():
        if isinstance(given, ServerProcess):
            yield given
        elif isinstance(given, Environment):
            yield from given.gateways


def _last_lines(server: ServerProcess) -> str:
    return "\n".join(server.log.splitlines()[-_SHOWN_LINES:])


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
