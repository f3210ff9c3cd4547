"""The admin port of a gateway that asks who calls: the data port's methods, rules with the operation `admin`."""

import hashlib
import json
from collections.abc import Iterator

import pytest

import gateways
from admin.port import JSON, AdminPort, Reply, opened
from cli.command import prism

KEYS = {name: f"prism_{name}_0123456789" for name in ("root", "orders", "reader")}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminPort]:
    """Root may administer everything, `orders` one namespace, and the reader nothing."""
    keys = [{"name": name, "hash": f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"} for name, key in KEYS.items()]
    rules = [
        {"principals": ["root"], "namespaces": ["*"], "operations": ["admin"]},
        {"principals": ["orders"], "namespaces": ["orders"], "operations": ["admin", "read"]},
        {"principals": ["reader"], "namespaces": ["*"], "operations": ["read", "write"]},
    ]
    config = {
        "authentication": {"methods": [{"type": "api_keys", "keys": keys}]},
        "authorization": {"rules": rules},
        "namespaces": [gateways.namespace(name, "memory") for name in ("orders", "payments")],
    }
    with opened(config, tmp_path_factory.mktemp("operators")) as port:
        yield port


def asked(port: AdminPort, key: str | None, path: str, body: object = None) -> Reply:
    """A request with a key."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return port.ask("GET" if body is None else "POST", path, body, headers | (JSON if body is not None else {}))


@pytest.mark.parametrize(
    ("name", "orders", "payments", "whole"),
    [("root", 200, 200, 200), ("orders", 200, 403, 403), ("reader", 403, 403, 403), ("nobody", 401, 401, 401)],
)
def test_matrix(port: AdminPort, name: str, orders: int, payments: int, whole: int) -> None:
    """Identities on namespaces and on the gateway as a whole, looking and changing."""
    key = KEYS.get(name)
    for namespace, verdict in (("orders", orders), ("payments", payments)):
        assert asked(port, key, f"/admin/plugin/status?namespace={namespace}").status == verdict
        assert asked(port, key, "/admin/plugin/disable", {"namespace": namespace}).status == verdict
        assert asked(port, key, "/admin/plugin/enable", {"namespace": namespace}).status == verdict
        assert asked(port, key, "/admin/plugin/reload", {"namespace": namespace}).status == verdict
    for path in ("/admin/plugin/status", "/admin/plugin/list", "/admin/namespace/list"):
        assert asked(port, key, path).status == whole
    assert asked(port, key, "/admin/configuration/reload", {}).status == whole


def test_a_denial_tells_nothing_of_what_there_is(port: AdminPort) -> None:
    """A namespace that exists and one that does not get the same sentence."""
    there, absent = (
        asked(port, KEYS["orders"], f"/admin/plugin/status?namespace={name}").json["message"]
        for name in ("payments", "absentee")
    )
    assert there.replace("payments", "absentee") == absent


async def test_the_command_shows_a_token(port: AdminPort) -> None:
    """And ends with 4 where it is not accepted, or does not suffice."""
    endpoint = {"PRISM_ADMIN_ENDPOINT": port.gateway.admin}
    root = await prism("plugin", "status", "orders", "-o", "json", PRISM_TOKEN=KEYS["root"], **endpoint)
    reader = await prism("plugin", "disable", "orders", "--token", KEYS["reader"], **endpoint)
    nobody = await prism("plugin", "status", **endpoint)
    assert [each.code for each in (root, reader, nobody)] == [0, 4, 4]
    assert json.loads(root.out)["state"] == "ready"
    assert "a rule with the operation admin" in reader.err
