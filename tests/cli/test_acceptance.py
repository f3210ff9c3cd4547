"""`prism acceptance run`: how a plugin is named, progress, summary, reports, exit codes, what a mistake is told."""

import contextlib
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.command import Done, prism

TESTS = Path(__file__).parent.parent
BARE = ("-m", "prism.sdk", "acceptance.plugins.bare")
QUICK = ("--suite", "errors", "--way", "process", "-k", "keyvalue.statuses and test_a_request_at_fault")
"""One test, in the plugin's own process, without a gateway."""


@pytest.fixture(autouse=True)
def plugins_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command starts finds the plugins of the tests."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A file for --config."""
    file = tmp_path / "store.yaml"
    file.write_text("config: {store: acceptance}\n")
    return file


def folder_of_bare(tmp_path: Path) -> Path:
    """A folder that holds the manifest of a plugin which is run by a command."""
    folder = tmp_path / "plugins" / "bare"
    folder.mkdir(parents=True)
    text = (TESTS / "acceptance" / "plugins" / "bare" / "plugin.toml").read_text()
    (folder / "plugin.toml").write_text(
        text.replace("backend = ", f"command = {json.dumps([sys.executable, *BARE])}\n# ")
    )
    return folder


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """The address of a plugin that runs already."""
    with subprocess.Popen(
        [sys.executable, *BARE, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield next(match[1] for line in process.stdout if (match := re.match(r"^\s*listens\s+(\S+)", line)))
        finally:
            process.terminate()


def summed_up(done: Done) -> dict[str, object]:
    """The one line of a report in JSON."""
    assert done.code == 0, done.err
    (line,) = json.loads(done.out)["summary"]
    assert (line["passed"], line["failed"]) == (1, 0)
    return {name: line[name] for name in ("plugin", "suite", "placement")}


async def test_a_plugin_by_its_name(tmp_path: Path) -> None:
    """Exit code 0; the report is on standard output, progress on standard error, JUnit's XML in its file."""
    junit = tmp_path / "out.xml"
    ways = ("acceptance", "run", "memory", "--suite", "keyvalue", "--way", "binding", "-k", "versions")
    done = await prism(*ways, "--report", "json", "--junit", str(junit))
    assert done.code == 0, done.err
    (line,) = json.loads(done.out)["summary"]
    assert (line["plugin"], line["placement"], line["failed"]) == ("memory", "in_process", 0)
    assert line["passed"] >= 7
    assert "memory 0.1.0 (in_process) by binding: keyvalue" in done.err
    assert "memory keyvalue binding versions ..." in done.err
    properties = {each.get("name") for each in ET.parse(junit).iter("property")}  # our own file
    assert {"rule", "plugin", "placement", "way"} <= properties


async def test_a_plugin_by_its_folder(tmp_path: Path) -> None:
    """The folder of a plugin.toml, or the file itself; the store is the one that the manifest names."""
    folder = folder_of_bare(tmp_path)
    for named in (folder, folder / "plugin.toml"):
        done = await prism("acceptance", "run", str(named), *QUICK, "--report", "json")
        assert summed_up(done) == {"plugin": "bare", "suite": "Errors", "placement": "sidecar"}


async def test_a_plugin_by_a_command(store: Path, tmp_path: Path) -> None:
    """It is asked what it is, runs where the command was written, and is tested on the store of --config."""
    command = f"{sys.executable} {' '.join(BARE)}"
    done = await prism("acceptance", "run", command, *QUICK, "--config", str(store), "--report", "json")
    assert summed_up(done) == {"plugin": "bare", "suite": "Errors", "placement": "sidecar"}


async def test_a_command_has_no_class_to_call(store: Path) -> None:
    """The way `binding` is refused before anything is tested: every test would fail, and seem to break a rule."""
    command = f"{sys.executable} {' '.join(BARE)}"
    done = await prism("acceptance", "run", command, "--way", "binding", "--config", str(store))
    assert done.code != 0
    assert "leave the way out, or name the plugin by its package" in done.err


async def test_a_plugin_by_its_address(store: Path) -> None:
    """What listens there is asked what it is, and tested through a gateway as a remote plugin."""
    with serving() as address:
        chosen = ("--suite", "errors", "-k", "keyvalue.statuses and test_a_request_at_fault")
        done = await prism("acceptance", "run", address, *chosen, "--config", str(store), "--report", "json")
    assert summed_up(done) == {"plugin": "bare", "suite": "Errors", "placement": "remote"}


async def test_a_placement() -> None:
    """An installed plugin as a sidecar; a page in Markdown has its row."""
    done = await prism("acceptance", "run", "memory", "--placement", "sidecar", *QUICK, "--report", "md")
    assert done.code == 0, done.err
    assert "| Errors | memory | sidecar | process | 1 | 0 |" in done.out


async def test_help_teaches() -> None:
    """How a plugin is named, an example of each kind, the form of the file, the exit codes."""
    done = await prism("acceptance", "run", "--help")
    for taught in ("./shelf-go", "localhost:8081", "credentials:", "--report json --junit", "Exits with 0"):
        assert taught in done.out


MISTAKES = {
    "no such plugin": (("memry",), "did you mean 'memory'?"),
    "no such command": (("./nothing --at all",), "unknown plugin"),
    "a folder without a manifest": ((str(TESTS),), "holds no plugin.toml"),
    "nothing listens": (("127.0.0.1:1",), "start the plugin there, or correct the address"),
    "no plugin at all": (("true",), "true is not a plugin: no handshake on standard output"),
    "no such suite": (("memory", "--suite", "kv"), "unknown suite kv; known are authentication, cache"),
    "a suite that does not apply": (("nats", "--suite", "keyvalue"), "'nats', which serves pubsub"),
    "no such way": (("memory", "--way", "telepathy"), "unknown way telepathy; known are binding"),
    "no such placement": (("memory", "--placement", "elsewhere"), "is not one of 'in_process', 'sidecar', 'remote'"),
    "no such folder": (("memory", "--junit", "/nowhere/out.xml"), "the folder /nowhere does not exist"),
    "no such report": (("memory", "--report", "pdf"), "is not one of 'md', 'json'"),
    "no such test": (("memory", "--way", "binding", "-k", "nothing_like_it"), "no test name matches"),
    "two places": (("memory", "--command", "true", "--endpoint", "a:1"), "give only one of them"),
    "no such program": (("memory", "--command", "./nothing"), "program not found"),
    "a place it does not fit": (("memory", "--endpoint", "a:1", "--placement", "sidecar"), "does not fit"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake_is_told(mistake: str) -> None:
    """Each by a sentence that says what there is instead, before anything is started."""
    arguments, told = MISTAKES[mistake]
    done = await prism("acceptance", "run", *arguments)
    assert done.code != 0
    assert told in " ".join((done.err + done.out).split())
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("config: [", "not valid YAML"),
        ("path: x", "may hold `config` and `credentials`"),
        ("config: 5", "`config` must be a mapping"),
        ("config: {most: 5}", "most: Extra inputs are not permitted; its options are: store"),
    ],
)
async def test_a_file_that_is_wrong_is_told(text: str, told: str, tmp_path: Path) -> None:
    """What is wrong with what --config names, and what would be right."""
    file = tmp_path / "store.yaml"
    file.write_text(text)
    done = await prism("acceptance", "run", "memory", "--config", str(file))
    assert done.code != 0
    assert told in " ".join(done.err.split())


async def test_a_plugin_without_a_store_is_told(tmp_path: Path) -> None:
    """Where neither manifest nor command line name a store, the message says how either may, or that it needs none."""
    folder = folder_of_bare(tmp_path)
    manifest = folder / "plugin.toml"
    manifest.write_text(manifest.read_text().replace("testing = ", "# "))
    done = await prism("acceptance", "run", str(folder), *QUICK)
    assert done.code != 0
    assert "names no store to test on" in done.err
    assert "--config" in done.err
    assert "--no-config" in done.err
    done = await prism("acceptance", "run", str(folder), *QUICK, "--no-config", "--report", "json")
    assert done.code == 0, done.err
    done = await prism("acceptance", "run", str(folder), "--no-config", "--config", str(manifest))
    assert done.code == 2
