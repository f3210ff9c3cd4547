"""The counts of the suite, at the end of a run: how many cases were tried, and how many passed."""

from typing import Final

import pytest

COUNTS: Final = "conformance"
"""The property of a test that has them."""


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints them, whichever process the tests ran in."""
    reports = [each for outcome in ("passed", "failed") for each in terminalreporter.stats.get(outcome, [])]
    found = [value for each in reports for name, value in each.user_properties if name == COUNTS]
    if found:
        terminalreporter.section("conformance suite of the Connect project")
    for line in found:
        terminalreporter.write_line(line)
