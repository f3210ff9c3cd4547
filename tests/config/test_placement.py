"""The section `plugin` of a namespace: where it makes an instance run, and what does not go together."""

import os
import py_compile
from pathlib import Path

import pytest

from control.world import toy_plugins
from prism.config.loading import load
from prism.config.placement import Misplaced, place, watched
from prism.config.sections.plugin import PluginSection
from prism.config.yaml.problem import ConfigInvalid, Problem
from prism.plugins.discovery import Plugin, Plugins
from prism.plugins.manifest import Manifest
from prism.plugins.placement import Command, Endpoints, Here, Limits, Socket, Tls

TOY = toy_plugins().found["toy"]
FOREIGN = """
name = "foreign"
version = "1.0"
protocol = 1
summary = "Written in another language."
maturity = "alpha"
interfaces = ["keyvalue"]
command = ["./serve", "--quietly"]

[config.path]
required = true

[config.size]
type = "size"
default = "1MiB"

[credentials.password]
secret = true
"""


def placed(section: dict[str, object], plugin: Plugin = TOY) -> object:
    return place(PluginSection.model_validate(section), plugin)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """A folder of plugin folders, with one in it."""
    folder = tmp_path / "plugins" / "foreign"
    folder.mkdir(parents=True)
    (folder / "plugin.toml").write_text(FOREIGN)
    (folder / "serve").write_text("#!/bin/sh\n")
    (folder / "serve").chmod(0o755)
    return folder.parent


def foreign(folders: Path) -> Plugin:
    return Plugins({}).joined_by([folders]).found["foreign"]


@pytest.mark.parametrize("kind", ["in_process", "sidecar"])
@pytest.mark.parametrize("file", ["", "plugin.toml", "deep/code.py"])
def test_a_python_plugin_that_everyone_may_write_is_not_run(tmp_path: Path, kind: str, file: str) -> None:
    """Its package as a whole, in the gateway's process as in one of its own."""
    (tmp_path / "deep").mkdir()
    for name in ("plugin.toml", "deep/code.py", "deep/notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "deep/notes.txt").chmod(0o666)  # is not run
    plugin = Plugin(TOY.manifest, "toy", "toy-dist", tmp_path)
    assert isinstance(placed({"type": kind}, plugin), Here | Command)
    (tmp_path / file).chmod(0o777)
    problems = placed({"type": kind}, plugin)
    assert isinstance(problems, list)
    assert [f"{tmp_path / file} is world-writable" in each.message for each in problems] == [True]


def test_the_manifest_says_where_it_runs_unless_the_file_does() -> None:
    """One line moves it."""
    assert placed({}) == Here()
    assert isinstance(placed({"type": "sidecar"}), Command)
    elsewhere = Plugin(TOY.manifest.model_copy(update={"placement": "sidecar"}), "toy")
    assert isinstance(placed({}, elsewhere), Command)
    assert placed({"type": "in_process"}, elsewhere) == Here()


def test_a_sidecar_in_python_is_served_by_the_sdk() -> None:
    """Without naming a command; a command that is given counts instead."""
    usual = placed({"type": "sidecar"})
    assert isinstance(usual, Command)
    assert usual.command[1:] == ("-m", "prism.sdk", "plugins.toy_store")
    own = placed({"type": "sidecar", "command": ["sh", "-c", "true"], "limits": {"memory": "64MiB", "cpu_time": 9}})
    assert isinstance(own, Command)
    assert Path(own.command[0]).is_absolute()
    assert own.limits == Limits(memory=64 << 20, cpu_time=9)


def test_what_the_interpreter_compiles_is_no_other_version(tmp_path: Path) -> None:
    """The first start of a plugin in Python leaves compiled files behind: the reload after it replaced the process."""
    (tmp_path / "deep").mkdir()
    code = tmp_path / "deep" / "code.py"
    code.write_text("before = 1\n")
    plugin = Plugin(TOY.manifest, "toy", "toy-dist", tmp_path)
    before = placed({"type": "sidecar"}, plugin)
    py_compile.compile(str(code))
    compiled = placed({"type": "sidecar"}, plugin)
    assert compiled == before
    assert repr(compiled) == repr(before)  # which an instance's key is made of
    code.write_text("after = 22\n")
    assert placed({"type": "sidecar"}, plugin) != before


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("program", True),
        ("plugin.toml", True),
        ("helper", True),
        ("libstore.so.2", True),
        ("main.js", True),
        ("rules.json", True),  # named in the command
        ("notes.txt", False),
        ("other.json", False),
        ("store.db", False),
        ("program.log", False),
        (".program.swp", False),
    ],
)
@pytest.mark.parametrize("is_new", [True, False])
def test_what_makes_another_version_of_a_program_in_a_folder(
    tmp_path: Path, file: str, counts: bool, is_new: bool
) -> None:
    """What is run, and not what somebody writes beside it: another version ends the process, with what it holds."""
    for name in ("plugin.toml", "program", "helper", file):
        (tmp_path / name).write_text("before")
    for name in ("program", "helper"):
        (tmp_path / name).chmod(0o755)
    if is_new and file not in ("plugin.toml", "program", "helper"):
        (tmp_path / file).unlink()
    manifest = TOY.manifest.model_copy(update={"backend": "", "command": ("./program", "rules.json")})
    plugin = Plugin(manifest, str(tmp_path), "", tmp_path)
    before = placed({"type": "sidecar"}, plugin)
    assert isinstance(before, Command)
    assert placed({"type": "sidecar"}, plugin) == before
    (tmp_path / file).write_text("after, and longer")
    assert (placed({"type": "sidecar"}, plugin) != before) is counts


def test_attached_and_remote_ones() -> None:
    """By socket, by one endpoint, by several."""
    assert placed({"type": "sidecar", "socket": "/run/toy.sock"}) == Socket(Path("/run/toy.sock"))
    assert placed({"type": "remote", "endpoint": "127.0.0.1:1"}) == Endpoints(("127.0.0.1:1",))
    several = placed({"type": "remote", "endpoints": ["a.b:1", "[2001:db8::1]:2"], "tls": {"server_name": "toy"}})
    assert several == Endpoints(("a.b:1", "[2001:db8::1]:2"), Tls(server_name="toy"))


def test_another_certificate_is_another_placement(tmp_path: Path) -> None:
    """So that an instance with it takes over, as for any change; its folder is watched for that."""
    files = {name: tmp_path / f"{name}.pem" for name in ("ca", "cert", "key")}
    for file in files.values():
        file.write_text("before")
    section = {"type": "remote", "endpoint": "far.example:1", "tls": {name: str(each) for name, each in files.items()}}
    before = placed(section)
    assert placed(section) == before
    files["cert"].write_text("after, and longer")
    assert placed(section) != before
    assert isinstance(before, Endpoints)
    assert list(watched(before, TOY)) == [tmp_path]


@pytest.mark.parametrize(
    ("section", "at", "message"),
    [
        ({"socket": "/x"}, ("socket",), "'socket' is for plugins of type 'sidecar', and this one is 'in_process'"),
        ({"type": "sidecar", "endpoint": "h:1"}, ("endpoint",), "for plugins of type 'remote'"),
        ({"type": "remote", "endpoint": "127.0.0.1:1", "limits": {}}, ("limits",), "type 'sidecar'"),
        ({"type": "sidecar", "socket": "/x", "user": 1}, ("user",), "a plugin that runs already"),
        ({"type": "sidecar", "command": ["/no/such"]}, ("command", 0), "this program does not exist"),
        ({"type": "sidecar", "user": "nobody-of-that-name"}, ("user",), "this user does not exist"),
        ({"type": "remote"}, (), "either 'endpoint' or 'endpoints'"),
        ({"type": "remote", "endpoint": "h:1", "endpoints": ["h:2"]}, (), "either 'endpoint' or 'endpoints'"),
        ({"type": "remote", "endpoint": "store.example:50051"}, ("endpoint",), "without TLS others"),
        ({"type": "remote", "endpoints": ["127.0.0.1:1", "0.0.0.0:1"]}, ("endpoints", 1), "without TLS others"),
        ({"type": "remote", "endpoints": ["127.0.0.1:1"] * 2}, ("endpoints",), "listed twice"),
        ({"type": "remote", "endpoint": "h:1", "tls": {"cert": "/c"}}, ("tls",), "belong together"),
        ({"type": "remote", "endpoint": "h:1", "tls": {"ca": "/no/such"}}, ("tls", "ca"), "this file does not exist"),
    ],
)
def test_what_does_not_go_together_is_told(section: dict[str, object], at: tuple[object, ...], message: str) -> None:
    """With the place in the section."""
    problems = placed(section)
    assert isinstance(problems, list)
    found: Misplaced = problems[0]
    assert found.at == at
    assert message in found.message


def test_a_pinned_backend_has_one_endpoint() -> None:
    """Its data would be another behind each."""
    memory = toy_plugins().found["memory"]
    problems = placed({"type": "remote", "endpoints": ["127.0.0.1:1", "127.0.0.1:2"]}, memory)
    assert isinstance(problems, list)
    assert "in one process" in problems[0].message


def test_a_plugin_folder(folders: Path) -> None:
    """Its manifest names the program and lists the options; its files belong to what it is."""
    plugin = foreign(folders)
    first = placed({}, plugin)
    assert isinstance(first, Command)
    assert first.command == (str(folders / "foreign" / "serve"), "--quietly")
    assert {folders / "foreign", folders / "foreign" / "serve"} <= set(first.files)
    config = plugin.config_model().model_validate({"path": "/x"})
    assert config.model_dump() == {"path": "/x", "size": 1 << 20}
    assert "swordfish" not in repr(plugin.credentials_model().model_validate({"password": "swordfish"}))
    (folders / "foreign" / "serve").write_text("#!/bin/sh\nexit 1\n")
    assert placed({}, plugin) != first


@pytest.mark.parametrize("what", [".", "plugin.toml", "serve"])
def test_what_everybody_may_write_to_is_refused(folders: Path, what: str) -> None:
    """Folder, manifest and program alike."""
    (folders / "foreign" / what).chmod(0o777)
    plugins = Plugins({}).joined_by([folders])
    if what == "serve":
        problems = placed({}, plugins.found["foreign"])
        assert isinstance(problems, list)
        assert "chmod o-w" in problems[0].message
    else:
        assert "chmod o-w" in plugins.broken[0].problem


def problems_of(folder: Path, text: str) -> dict[str, Problem]:
    file = folder / "prism.yaml"
    file.write_text(text)
    with pytest.raises(ConfigInvalid) as caught:
        load(file, toy_plugins(), os.environ)
    return {each.path: each for each in caught.value.problems}


def test_problems_have_their_place_in_the_file(tmp_path: Path) -> None:
    """The section's own and those of values, with the nearest spelling."""
    problems = problems_of(
        tmp_path,
        """
plugins: {folders: [/no/such/folder]}
namespaces:
  - {name: a, backend: memory, plugin: {type: remote, endpoint: "grpc://127.0.0.1:50051/"}}
  - {name: b, backend: memory, plugin: {type: remote, endpoint: "store.example:50051"}}
  - {name: c, backend: memory, plugin: {type: side_car, sokcet: /x}}
  - {name: d, backend: memory, plugin: {type: sidecar, limits: {memory: 1KiB}}}
  - {name: e, backend: toy, plugin: {type: remote}, config: {pol: 1}}
""",
    )
    assert {path: (each.line, each.nearest) for path, each in problems.items()} == {
        "plugins.folders[0]": (2, ""),
        "namespaces[0].plugin.endpoint": (4, "127.0.0.1:50051"),
        "namespaces[1].plugin.endpoint": (5, ""),
        "namespaces[2].plugin.type": (6, "sidecar"),
        "namespaces[2].plugin.sokcet": (6, "socket"),
        "namespaces[3].plugin.limits.memory": (7, ""),
        "namespaces[4].plugin": (8, ""),
        "namespaces[4].config.pol": (8, "pool"),
        "namespaces[4].config.store": (8, ""),
    }


def test_a_manifest_says_what_can_run_it() -> None:
    """A program, a class, or nothing: then it runs elsewhere."""
    fields = {
        "name": "x",
        "version": "1",
        "protocol": 1,
        "summary": "x",
        "maturity": "alpha",
        "interfaces": ["keyvalue"],
    }
    assert Manifest.model_validate(fields).placement == "remote"
    assert Manifest.model_validate(fields | {"command": ["x"]}).placement == "sidecar"
    for wrong in (
        {"command": ["x"], "backend": "a:B"},
        {"command": ["x"], "placement": "in_process"},
        {"placement": "sidecar"},
        {"command": ["x"], "config": {"a-b": {}}},
        {"command": ["x"], "config": {"a": {"type": "integer", "default": "many"}}},
        {"command": ["x"], "config": {"a": {"type": "integer", "secret": True}}},
        {"command": ["x"], "config": {"a": {"required": True, "default": "b"}}},
    ):
        with pytest.raises(ValueError, match="validation error"):
            Manifest.model_validate(fields | wrong)


def test_drivers_are_the_concern_of_where_they_are_used(tmp_path: Path) -> None:
    """The gateway needs none for a plugin that runs elsewhere."""
    plugins = toy_plugins(drivers=("no_such_driver",))
    file = tmp_path / "prism.yaml"
    for section, needed in (("{}", True), ("{type: sidecar}", True), ("{type: sidecar, socket: /x}", False)):
        file.write_text(f"namespaces: [{{name: a, backend: toy2, config: {{store: s}}, plugin: {section}}}]")
        try:
            load(file, plugins, os.environ)
            complained = False
        except ConfigInvalid as error:
            complained = "needs no_such_driver" in error.message
        assert complained == needed, section
