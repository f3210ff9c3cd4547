"""`prism serve`: a gateway process, and commands that it answers."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

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


async def test_a_wrong_address_is_a_usage_error(tmp_path: Path) -> None:
    """Told before anything is started or made."""
    for address in ("foo", ":8980", "localhost:99999", "unix:"):
        done = await prism("serve", "--listen", address, folder=tmp_path)
        assert done.code == 2
        assert f"{address!r} is not an address to listen on; give host:port" in done.err
    assert not await asyncio.to_thread(os.listdir, tmp_path)


async def test_a_taken_port_is_told_with_what_to_do(tmp_path: Path) -> None:
    """Who has it nobody can tell, but what to do about it."""
    (tmp_path / "prism.yaml").write_text("namespaces: []\ntelemetry: {listen: '127.0.0.1:0'}\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = await prism("serve", "--config", "prism.yaml", "--listen", address, folder=tmp_path)
    assert done.code == 6
    assert f"cannot listen on {address}" in done.err
    assert "choose another address (--listen or gateway.listen)" in done.err


async def test_an_address_for_the_world_is_refused_on_the_command_line_too(tmp_path: Path) -> None:
    """As in the file: unless somebody is asked who they are, or it is said that nobody is."""
    done = await prism("serve", "--listen", "0.0.0.0:0", folder=tmp_path)
    assert done.code == 2
    assert "exposed to the network without authentication" in done.err
    assert "authentication: none" in done.err


@pytest.mark.parametrize(
    ("address", "advice"),
    [
        ("unix:none/here.sock", "the folder does not exist: create it"),
        ("192.0.2.1:8980", "it is not an address of this machine"),
        ("no-such-host.invalid:8980", "this machine cannot resolve that name"),
    ],
)
async def test_where_nobody_can_listen_is_told_with_what_to_do(tmp_path: Path, address: str, advice: str) -> None:
    """In words, whatever the system calls it."""
    text = "namespaces: []\nauthentication: none\ntelemetry: {listen: '127.0.0.1:0'}\n"
    (tmp_path / "prism.yaml").write_text(text)
    done = await prism("serve", "--config", "prism.yaml", "--listen", address, folder=tmp_path)
    assert done.code == 6
    assert f"cannot listen on {address}" in done.err
    assert advice in done.err
    assert "or choose another address (--listen or gateway.listen)" in done.err


async def test_the_command_to_try_proves_who_it_is(tmp_path: Path) -> None:
    """Where callers must, and in the way that they must."""
    methods = [{"type": "api_keys", "keys": [{"name": "ann", "hash": f"sha256:{'0' * 64}"}]}]
    config = {"namespaces": [gateways.namespace("default", "memory")], "authentication": {"methods": methods}}
    gateway = await asyncio.to_thread(gateways.GatewayProcess(config, tmp_path).start)
    await asyncio.to_thread(gateway.wait_for_log, "  try ")
    await asyncio.to_thread(gateway.stop)
    assert next(line for line in gateway.lines if line.startswith("  try")).endswith(" --token TOKEN")


async def test_the_first_lines_do_not_boast(tmp_path: Path) -> None:
    """A namespace whose store is not there is not said to be served."""
    (tmp_path / "file").touch()
    lost = {"name": "lost", "backend": "sqlite", "config": {"path": str(tmp_path / "file" / "x.db")}}
    config = {"namespaces": [lost, gateways.namespace("default", "memory")]}
    gateway = await asyncio.to_thread(gateways.GatewayProcess(config, tmp_path).start)
    await asyncio.to_thread(gateway.wait_for_log, "  try ")
    await asyncio.to_thread(gateway.stop)
    said = gateway.log
    assert "serves 1 of 2 namespaces" in said
    assert "waiting  lost: backend 'sqlite' is unavailable: " in said
    assert "prism kv put default" in said


async def test_several_addresses_and_both_kinds_of_ip(tmp_path: Path) -> None:
    """A list of addresses, of which `[::]` is reached by IPv4 too, and a unix socket: a call by each."""
    path = tmp_path / "socket"
    config = {
        "gateway": {"listen": ["[::]:0", f"unix:{path}"]},
        "authentication": "none",
        "namespaces": [gateways.namespace("default", "memory")],
    }
    gateway = await asyncio.to_thread(gateways.GatewayProcess(config, tmp_path).start)
    try:
        first = next(line.split()[1] for line in gateway.lines if line.startswith("  data "))
        port = first.removeprefix("[::]:")
        for address in (f"127.0.0.1:{port}", f"unix:{path}"):
            done = await prism("kv", "put", "default", "a", "k=v", "--endpoint", address, folder=tmp_path)
            assert done.code == 0, done.err
    finally:
        await asyncio.to_thread(gateway.stop)
    assert sum(line.startswith("  data ") for line in gateway.lines) == 2
