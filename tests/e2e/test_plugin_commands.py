"""A running gateway under load while an operator reloads, disables and enables a namespace."""

import asyncio
from pathlib import Path

import pytest

import gateways
from admin.port import JSON, ask
from cli.command import prism
from prism.client import Client, PrismError

RELOADS = 10


async def _put_and_get(client: Client, done: asyncio.Event) -> int:
    kv = client.keyvalue("default")
    rounds = 0
    while not done.is_set():
        rounds += 1
        value = str(rounds).encode()
        await kv.put("record", {b"key": value})
        item = await kv.get("record", b"key")
        assert item is not None
        assert item.value == value
        await asyncio.sleep(0.002)
    return rounds


async def test_no_call_fails_while_the_plugin_is_reloaded(tmp_path: Path) -> None:
    """On SQLite, by curl's plain path; each put is read back at once."""
    config = {"namespaces": [gateways.namespace("default", "sqlite", path=str(tmp_path / "data.db"))]}
    async with (
        gateways.serving(config, tmp_path) as gateway,
        Client(gateway.data) as client,
        asyncio.TaskGroup() as all_,
    ):
        done = asyncio.Event()
        caller = all_.create_task(_put_and_get(client, done))
        body = {"namespace": "default", "version": ""}
        for number in range(RELOADS):
            reply = await asyncio.to_thread(ask, gateway.admin, "POST", "/admin/plugin/reload", body, JSON)
            assert reply.status == 200, reply.body
            assert reply.json["generation"] == str(number + 2)
        done.set()
        assert await caller > 0


async def test_an_operator_s_commands(tmp_path: Path) -> None:
    """Disabled, callers are told by whom; a reload leaves it so; enabled, they are served; a restart forgets it."""
    config = {"namespaces": [gateways.namespace("default", "memory")]}
    gateway = gateways.GatewayProcess(config, tmp_path)
    await asyncio.to_thread(gateway.start)
    try:
        endpoint = {"PRISM_ADMIN_ENDPOINT": gateway.admin}
        disabled = await prism("plugin", "disable", "default", "--reason", "moving", **endpoint)
        reloaded = await prism("plugin", "reload", "default", **endpoint)
        async with Client(gateway.data, timeout=2) as client:
            with pytest.raises(PrismError, match="namespace 'default' is disabled: moving; retry later") as caught:
                await client.keyvalue().put("record", {b"key": b"value"})
            assert caught.value.reason == "NAMESPACE_DISABLED"
            enabled = await prism("plugin", "enable", "default", **endpoint)
            await client.keyvalue().put("record", {b"key": b"value"}, timeout=60)
        wrong = await prism("plugin", "reload", "default", "--version", "v7", **endpoint)
        await prism("plugin", "disable", "default", **endpoint)
        log = gateway.log
    finally:
        await asyncio.to_thread(gateway.stop)
    assert [each.code for each in (disabled, reloaded, enabled, wrong)] == [0, 1, 0, 6]
    assert "until the gateway restarts" in disabled.out
    assert "default is disabled on a new instance of memory" in reloaded.out
    assert "is served as before" in wrong.err
    assert "prism.admin.v1.AdminService/DisablePlugin" in log
    await asyncio.to_thread(gateway.start)
    try:
        served = await prism("plugin", "status", "default", PRISM_ADMIN_ENDPOINT=gateway.admin)
    finally:
        await asyncio.to_thread(gateway.stop)
    assert served.code == 0
