"""`prism policy`: decisions explained, and keys that the gateway takes."""

import hashlib
import json
from pathlib import Path

import pytest

from cli.command import prism

HASH = f"sha256:{hashlib.sha256(b'prism_key').hexdigest()}"
CONFIG = f"""
authentication:
  methods:
    - type: api_keys
      keys:
        - {{name: ci, hash: "{HASH}", operations: [read], namespaces: ["ci-*"], groups: [robots]}}
authorization:
  rules:
    - {{principals: [alice], namespaces: ["orders-*"], operations: [read, write]}}
    - {{groups: [robots], claims: {{}}, namespaces: ["*"], operations: [read, write]}}
    - {{claims: {{tenant: acme}}, namespaces: ["acme"], operations: [read]}}
namespaces:
  - {{name: orders-eu, backend: memory}}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A file with rules."""
    path = tmp_path / "prism.yaml"
    path.write_text(CONFIG)
    return str(path)


async def test_a_decision_is_explained_rule_by_rule(config: str) -> None:
    """What allows, and what each of the others wants; the exit code tells scripts."""
    asked = ("policy", "test", "--config", config, "--principal", "alice", "--namespace", "orders-eu")
    done = await prism(*asked, "--operation", "write")
    assert done.code == 0, done.err
    assert done.out.splitlines()[0] == "alice may write on orders-eu"
    assert "wants group 'robots'" in done.out
    refused = await prism(*asked, "--operation", "admin", "--output", "json")
    assert refused.code == 4
    assert json.loads(refused.out) == {
        "allowed": False,
        "credential": "",
        "rules": [
            {"rule": "rules[0]", "allows": False, "because": "allows read, write only"},
            {"rule": "rules[1]", "allows": False, "because": "wants group 'robots'"},
            {"rule": "rules[2]", "allows": False, "because": "is about the namespaces acme"},
        ],
    }


async def test_claims_may_be_given_and_a_key_brings_its_confinement(config: str) -> None:
    """The name of a key of the file is that key."""
    asked = ("policy", "test", "--config", config, "--operation", "read")
    done = await prism(*asked, "--principal", "x", "--namespace", "acme", "--claim", "tenant=acme")
    assert done.code == 0, done.err
    inside = await prism(*asked, "--principal", "ci", "--namespace", "ci-1")
    assert inside.code == 0, inside.err
    outside = await prism(*asked, "--principal", "ci", "--namespace", "orders-eu")
    assert (outside.code, outside.out.splitlines()[0]) == (
        4,
        "ci may not read on orders-eu: the credential is not made for read on orders-eu",
    )
    wrong = await prism(*asked, "--principal", "x", "--namespace", "acme", "--claim", "tenant")
    assert wrong.code == 2
    assert "'tenant' is not NAME=VALUE" in wrong.err


async def test_a_key_is_made_with_its_hash() -> None:
    """Two runs give two keys; the hash is the key's."""
    first, second = [json.loads((await prism("policy", "key", "--name", "ci", "-o", "json")).out) for _ in range(2)]
    assert first["key"].startswith("prism_")
    assert first["key"] != second["key"]
    assert first["hash"] == f"sha256:{hashlib.sha256(first['key'].encode()).hexdigest()}"
