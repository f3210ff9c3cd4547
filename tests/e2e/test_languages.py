"""The main job on real input: Debian's table of the world's languages goes through the gateway and comes back."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import gateways
from missing import missing

TABLE = Path("/usr/share/iso-codes/json/iso_639-3.json")


@pytest.fixture
def languages(tmp_path: Path) -> Path:
    """ISO 639-3 as JSON Lines in the order of an export: records and keys in byte order."""
    if not TABLE.exists():
        missing("iso-codes is not installed: Debian's package with the table of ISO 639-3")
    rows = json.loads(TABLE.read_text())["639-3"]
    lines = [
        json.dumps({"id": row["alpha_3"], "items": {key: row[key] for key in sorted(row)}}, ensure_ascii=False)
        for row in sorted(rows, key=lambda row: row["alpha_3"])
    ]
    path = tmp_path / "languages.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_languages_survive_the_way_into_sqlite_and_postgres_and_back(
    tmp_path: Path, languages: Path, postgres_url: str
) -> None:
    """The same import into both stores, an export from each: the files are identical, and equal to what went in."""
    config = {
        "namespaces": [
            gateways.namespace("embedded", "sqlite", path="languages.db"),
            gateways.namespace("served", "postgres", connection_string=postgres_url),
        ]
    }
    with gateways.running(config, tmp_path) as gateway:
        exports = []
        for name in ("embedded", "served"):
            _prism(gateway, "kv", "import", name, str(languages))
            exports.append(_prism(gateway, "kv", "export", name))
    assert exports[0].count("\n") == len(languages.read_text().splitlines()) > 7000
    assert exports[0] == exports[1]
    assert exports[0] == languages.read_text()


def _prism(gateway: gateways.GatewayProcess, *arguments: str) -> str:
    command = [sys.executable, "-m", "prism", *arguments]
    environment = os.environ | {"PRISM_ENDPOINT": gateway.data}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout
