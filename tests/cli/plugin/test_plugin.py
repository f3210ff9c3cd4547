"""`prism plugin`, asked of a running gateway."""

import asyncio
import json
from collections.abc import Iterator

import pytest
import yaml

import gateways
from cli.command import prism


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The admin port of a gateway with one namespace that is served, and one that is not."""
    namespaces = [
        gateways.namespace("default", "memory"), gateways.namespace("lost", "postgres", host="127.0.0.1", port=1),
    ]  # fmt: skip
    with gateways.running({"namespaces": namespaces}, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway.admin


async def test_what_there_is(admin: str) -> None:
    """A table by default; JSON and YAML have the same rows."""
    table, as_json, as_yaml = await asyncio.gather(
        *(prism("plugin", "list", "--endpoint", admin, *output) for output in ([], ["-o", "json"], ["-o", "yaml"]))
    )
    assert table.out.split()[:3] == ["NAME", "VERSION", "MATURITY"]
    rows = json.loads(as_json.out)
    assert rows == yaml.safe_load(as_yaml.out)
    assert {"memory", "sqlite", "postgres"} <= {row["name"] for row in rows}


async def test_a_plugin_s_options(admin: str) -> None:
    """What is required, what is secret, and what each means."""
    done = await prism("plugin", "describe", "postgres", PRISM_ADMIN_ENDPOINT=admin)
    assert done.code == 0
    assert "capabilities.keyvalue.durability" in done.out
    assert any(line.split()[:3] == ["password", "secret", "text"] for line in done.out.splitlines())


async def test_the_exit_code_says_whether_all_is_served(admin: str) -> None:
    """0 for what is served, 1 for what is not, 2 for what does not exist, 3 where nobody answers."""
    served, lost, all_, unknown, nobody = await asyncio.gather(
        prism("plugin", "status", "default", "--endpoint", admin),
        prism("plugin", "status", "lost", "-o", "json", "--endpoint", admin),
        prism("plugin", "status", "--endpoint", admin),
        prism("plugin", "status", "lots", "--endpoint", admin),
        prism("plugin", "status", "--endpoint", "127.0.0.1:1"),
    )
    assert [each.code for each in (served, lost, all_, unknown, nobody)] == [0, 1, 1, 2, 3]
    assert json.loads(lost.out)["state"] == "unavailable"
    assert "did you mean 'lost'?" in unknown.err
    assert "or name another with --endpoint" in nobody.err
    assert [line.split()[0] for line in all_.out.splitlines()] == ["NAMESPACE", "default", "lost"]
