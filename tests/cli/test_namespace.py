"""`prism namespace`: configurations looked at without starting anything."""

import json
from pathlib import Path

import pytest
import yaml

from cli.command import prism

CONFIG = """
namespaces:
  - name: sessions
    abstraction: keyvalue
    backend: memory
  - name: profiles
    abstraction: keyvalue
    backend: sqlite
    config:
      path: profiles.db
"""

WRONG = """
namespaces:
  - name: sessions
    backend: memori
  - name: sessions
    backend: memory
    config: {stoer: x}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A valid file."""
    path = tmp_path / "prism.yaml"
    path.write_text(CONFIG)
    return str(path)


async def test_list(config: str) -> None:
    """A row for each namespace."""
    done = await prism("namespace", "list", "--config", config)
    assert [line.split() for line in done.out.splitlines()] == [
        ["NAME", "ABSTRACTIONS", "BACKEND", "PLACEMENT"],
        ["sessions", "keyvalue", "memory", "in_process"],
        ["profiles", "keyvalue", "sqlite", "in_process"],
    ]


async def test_what_serves_without_a_configuration() -> None:
    """One namespace: SQLite, and a folder for its objects."""
    done = await prism("namespace", "list", "--output", "json")
    served = [(row["name"], row["backend"]) for row in json.loads(done.out)]
    assert served == [("default", "sqlite"), ("default", "files")]


async def test_describe(config: str) -> None:
    """Options with their defaults, and capabilities; the environment may name the file."""
    done = await prism("namespace", "describe", "profiles", "--output", "yaml", PRISM_CONFIG=config)
    details = yaml.safe_load(done.out)
    assert details["config"]["path"].endswith("profiles.db")
    assert details["capabilities"]["keyvalue"]["scan"] is True
    table = await prism("namespace", "describe", "profiles", "--config", config)
    assert "capabilities.keyvalue.scan" in table.out


async def test_describe_an_unknown_namespace(config: str) -> None:
    """The nearest name is suggested."""
    done = await prism("namespace", "describe", "profile", "--config", config)
    assert done.code == 2
    assert "did you mean 'profiles'?" in done.err


async def test_validate(config: str) -> None:
    """One line for a valid file, and no problems for programs."""
    done = await prism("namespace", "validate", "--config", config)
    assert (done.code, done.out) == (0, f"{config}: valid; 2 namespaces on 2 stores\n")
    assert json.loads((await prism("namespace", "validate", "-c", config, "-o", "json")).out) == []


async def test_validate_names_every_mistake(tmp_path: Path) -> None:
    """For people on standard error, for programs as rows."""
    path = tmp_path / "prism.yaml"
    path.write_text(WRONG)
    done = await prism("namespace", "validate", "--config", str(path))
    assert (done.code, done.out) == (2, "")
    for hint in ("memory", "is taken", "store"):
        assert hint in done.err
    rows = await prism("namespace", "validate", "--config", str(path), "--output", "json")
    assert rows.code == 2
    assert {problem["path"] for problem in json.loads(rows.out)} >= {"namespaces[0].backend", "namespaces[1].name"}


async def test_validate_needs_a_file() -> None:
    """There is nothing to check otherwise."""
    assert (await prism("namespace", "validate")).code == 2
