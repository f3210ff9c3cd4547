"""What came of the tests: one case each, counted by suite and plugin; a skip never without its reason."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

PASSED, FAILED = "\N{CHECK MARK}", "\N{BALLOT X}"

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Case:
    """One test of one plugin.

    Attributes:
        suite: the suite's name.
        title: the suite's title.
        plugin: the plugin's name.
        placement: where it runs.
        way: the way in, or empty where the test has none.
        test: the test's name, with its parameters.
        rule: what it checks: the sentence of the contract, and where that stands.
        outcome: how it ended.
        reason: why it failed or was skipped.
        measurements: what it measured.
        seconds: how long it took.
    """

    suite: str
    title: str
    plugin: str
    placement: str
    way: str
    test: str
    rule: str
    outcome: Outcome
    reason: str = ""
    measurements: dict[str, float] | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """What a summary says of one suite of one plugin.

    Attributes:
        title: the suite's title.
        plugin: the plugin's name.
        placement: where it runs.
        passed: tests that passed.
        failed: tests that failed.
        skips: how many were skipped for which reason.
        seconds: how long the tests took.
        ways: the ways in; empty where the tests have none of their own.
    """

    title: str
    plugin: str
    placement: str
    passed: int
    failed: int
    skips: dict[str, int]
    seconds: float
    ways: tuple[str, ...] = ()

    @property
    def counts(self) -> str:
        """`6/6 tests passed` with its sign, and what was skipped why."""
        total = self.passed + self.failed
        sign = FAILED if self.failed else PASSED
        text = f"{sign} {self.passed:,}/{total:,} tests passed" if total else "- 0 tests"
        skips = ", ".join(f"{count:,} {reason}" for reason, count in self.skips.items())
        return f"{text}; skipped: {skips}" if skips else text


class Results:
    """The cases of a run, in the order in which they ended."""

    def __init__(self, cases: Iterable[Case] = ()) -> None:
        self.cases = list(cases)

    def add(self, case: Case) -> None:
        """One more."""
        self.cases.append(case)

    @property
    def failed(self) -> list[Case]:
        """The cases that failed."""
        return [case for case in self.cases if case.outcome == "failed"]

    def broken_rules(self) -> dict[str, list[Case]]:
        """The failed cases by the rule that they show to be broken."""
        rules: dict[str, list[Case]] = {}
        for case in self.failed:
            rules.setdefault(case.rule, []).append(case)
        return rules

    def lines(self) -> list[Line]:
        """The summary: suite by suite, plugin by plugin, in an order that no run changes."""
        groups: dict[tuple[str, str, str], list[Case]] = {}
        for case in self.cases:
            groups.setdefault((case.title, case.plugin, case.placement), []).append(case)
        return [self._line(key, groups[key]) for key in sorted(groups)]

    @staticmethod
    def _line(key: tuple[str, str, str], cases: list[Case]) -> Line:
        outcomes = Counter(case.outcome for case in cases)
        skips = Counter(case.reason for case in cases if case.outcome == "skipped")
        seconds = sum(case.seconds for case in cases)
        ways = tuple(sorted({case.way for case in cases if case.way}))
        return Line(*key, outcomes["passed"], outcomes["failed"], dict(sorted(skips.items())), seconds, ways)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The cases as plain data."""
        return (asdict(case) for case in self.cases)
