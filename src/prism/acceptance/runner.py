"""Runs the kit without a test module: what `prism acceptance run` does."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from prism.acceptance.collectors import HarnessCollector, SuiteModule
from prism.acceptance.harness import PluginAcceptanceHarness
from prism.acceptance.pytest_plugin import RESULTS
from prism.acceptance.pytest_results import MARK, ResultsPlugin
from prism.acceptance.results import FAILED, PASSED, Results
from prism.acceptance.run.gateway_process import NotServing
from prism.acceptance.target import ConfiguredStore
from prism.errors import FailedPrecondition


class HarnessFile(pytest.File):
    """Stands in the place of a test module."""

    harness: PluginAcceptanceHarness

    def collect(self) -> list[HarnessCollector]:
        """The harness."""
        return [HarnessCollector.of(self, self.harness.name, self.harness)]


class Run:
    """A pytest plugin: collects one harness, shows each module's progress on a line, and keeps the results."""

    def __init__(self, harness: PluginAcceptanceHarness) -> None:
        self.results = Results()
        self._harness = harness
        self._terminal: pytest.TerminalReporter | None = None
        self._doing = ""
        self._counts: dict[str, int] = {}
        self._seconds = 0.0

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> HarnessFile | None:
        """This file is the module."""
        if file_path != Path(__file__):
            return None
        file: HarnessFile = HarnessFile.from_parent(parent, path=file_path)
        file.harness = self._harness
        return file

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Takes the place of pytest's own progress."""
        self._terminal = config.pluginmanager.get_plugin("terminalreporter")

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """No dots: a module has its line when it is done."""
        if report.when == "call" or report.outcome != "passed":
            self._counts[report.outcome] = self._counts.get(report.outcome, 0) + 1
        return (report.outcome, "", "") if report.when == "call" or report.outcome != "passed" else ("", "", "")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Time counts from the first preparation to the last cleaning."""
        self._seconds += report.duration

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Where the gateway does not serve the plugin the run ends: no test would show anything."""
        if call.excinfo is not None and isinstance(call.excinfo.value, NotServing):
            item.session.shouldfail = f"{call.excinfo.value}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Another module begins, or the same by another way in."""
        properties = dict(item.user_properties)
        doing = f"{properties['plugin']} {properties[MARK]} {properties['way']}".rstrip()
        module = item.getparent(SuiteModule)
        name = f"{doing} {module.name.partition('.')[2] if module else ''}"
        if name != self._doing:
            self._tell()
            self._doing = name

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """The last module is done."""
        self._tell()
        gathered = session.config.pluginmanager.get_plugin(RESULTS)
        assert isinstance(gathered, ResultsPlugin)
        self.results = gathered.results

    def _tell(self) -> None:
        if self._terminal is not None and self._counts:
            counts = ", ".join(f"{count} {outcome}" for outcome, count in self._counts.items())
            verdict = FAILED if self._counts.get("failed") else PASSED
            self._terminal.write_line(f"{self._doing} ... {verdict} {counts} ({self._seconds:.1f}s)")
        self._counts, self._seconds = {}, 0.0


def run(
    harness: PluginAcceptanceHarness, *, keywords: str = "", junit: Path | None = None, arguments: Sequence[str] = ()
) -> Results:
    """Runs the suites that apply and gives what came of them; progress and failures go to standard output.

    Args:
        harness: the plugin, and on what it is tested.
        keywords: as pytest's `-k`.
        junit: where to write the results as JUnit's XML.
        arguments: further ones of pytest.

    Raises:
        FailedPrecondition: the plugin or its store cannot be used, as the harness says.
    """
    _check(harness, junit)
    print(_beginning(harness), flush=True)  # progress, as pytest's own
    collecting = Run(harness)
    options = [
        __file__,
        "-q",
        "--no-header",
        "--tb=short",
        "-p",
        "no:cacheprovider",
        f"--rootdir={Path(__file__).parent}",
    ]
    options += ["-c", str(Path(__file__).parent / "pytest.ini"), "-p", "prism.acceptance.pytest_plugin"]
    # What else is installed for pytest has no part in it.
    options += ["--disable-plugin-autoload", "-p", "pytest_asyncio.plugin"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of plugins that this module has imported
    options += [f"--junit-xml={junit}"] if junit else []
    options += ["-k", keywords] if keywords else []
    pytest.main([*options, *arguments], plugins=[collecting])
    return collecting.results


def _check(harness: PluginAcceptanceHarness, junit: Path | None) -> None:
    """What can be seen to be wrong before anything is started."""
    plugin = harness.plugin
    if not harness.suites():
        raise FailedPrecondition(
            f"none of these suites applies to {plugin.name!r}, which serves {', '.join(plugin.manifest.interfaces)}"
        )
    if missing := plugin.missing_drivers():
        raise FailedPrecondition(f"{plugin.name!r} needs {', '.join(missing)}; {plugin.how_to_install()}")
    if "binding" in harness.ways() and not plugin.manifest.backend:
        raise FailedPrecondition(
            f"the way 'binding' calls the plugin's Python class, and {plugin.name!r} names none; leave the way out, or "
            "name the plugin by its package"
        )
    if harness.placement == "in_process":
        plugin.backend_type()
    elif not harness.command() and not harness.section:
        raise FailedPrecondition(f"{plugin.name!r} has no command to run it by; give --command or --endpoint")
    if junit is not None and not junit.absolute().parent.is_dir():
        raise FailedPrecondition(
            f"--junit {junit}: the folder {junit.absolute().parent} does not exist; create it first"
        )
    store = harness.store()
    if isinstance(store, ConfiguredStore):
        store.check(plugin)


def _beginning(harness: PluginAcceptanceHarness) -> str:
    manifest = harness.plugin.manifest
    suites = ", ".join(suite.name for suite in harness.suites())
    return f"{manifest.name} {manifest.version} ({harness.placement}) by {', '.join(harness.ways())}: {suites}"
