"""`prism serve`: a gateway process, and commands that it answers."""

import asyncio
from pathlib import Path

import gateways
from cli.command import prism


async def test_commands_work_through_a_gateway(tmp_path: Path) -> None:
    """What is put through a real gateway is got; a namespace that it does not have is a usage error."""
    config = {"namespaces": [gateways.namespace("default", "memory")]}
    gateway = await asyncio.to_thread(gateways.GatewayProcess(config, tmp_path).start)
    try:
        put = await prism("kv", "put", "default", "account:1", "plan=team", endpoint=gateway.data)
        got = await prism("kv", "get", "default", "account:1", "plan", "--raw", endpoint=gateway.data)
        unknown = await prism("kv", "get", "defautl", "account:1", endpoint=gateway.data)
    finally:
        await asyncio.to_thread(gateway.stop)
    assert (put.code, got.out) == (0, "team")
    assert unknown.code == 2


async def test_a_wrong_configuration_is_refused_at_once(tmp_path: Path) -> None:
    """With every mistake, before anything is started."""
    config = tmp_path / "prism.yaml"
    config.write_text("namespaces: [{name: a, backend: memori}]\n")
    done = await prism("serve", "--config", str(config))
    assert done.code == 2
    assert "did you mean 'memory'?" in done.err
    assert "Traceback" not in done.err
