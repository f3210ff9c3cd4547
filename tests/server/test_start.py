"""The start of a gateway: its ports are open at once, whatever its plugins do."""

import asyncio
import http.client
import json
import os
import socket
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

import gateways
from prism.client import Client, RetryPolicy
from prism.client.sync import Client as BlockingClient
from prism.config.sections.root import Config
from prism.control.supervision.supervised import Supervised
from prism.plugins.sidecar import process
from prism.server.server import GatewayServer

CONFIG = """
gateway: {{listen: "unix:{folder}/data.sock"}}
admin: {{enabled: false}}
telemetry: {{listen: "127.0.0.1:{port}"}}
namespaces:
  - {{name: good, backend: memory}}
  - {{name: silent, backend: memory, config: {{store: s}}, plugin: {{type: sidecar, command: [/bin/sleep, "1000"]}}}}
  - {{name: mute, backend: memory, config: {{store: m}}, plugin: {{type: sidecar, command: [/bin/sleep, "1000"]}}}}
"""


def asked(port: int, path: str) -> tuple[int, Any] | None:
    """An answer of the probes port; None while it does not listen."""
    connection = http.client.HTTPConnection(f"127.0.0.1:{port}", timeout=20)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except ConnectionRefusedError:
        return None
    finally:
        connection.close()


async def test_two_silent_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alive within 3 s, ready soon after; one after the other, they kept every port shut for a minute."""
    monkeypatch.setattr(process, "TERM_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "prism.yaml").write_text(CONFIG.format(folder=tmp_path, port=port))
    gateway = GatewayServer(tmp_path / "prism.yaml")
    began = monotonic()
    running = asyncio.create_task(gateway.run())
    try:
        while (live := await asyncio.to_thread(asked, port, "/health/live")) is None:
            assert not running.done()
            await asyncio.sleep(0.01)
        assert live[0] == 200
        assert monotonic() - began < 3
        # A port tells of nothing by itself.
        while (ready := await asyncio.to_thread(asked, port, "/health/ready")) is None or ready[0] != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert monotonic() - began < 15  # two seconds and what a busy machine adds
        found = ready[1]["namespaces"]
        assert {name: each["status"] for name, each in found.items()} == {
            "good": "ready", "silent": "not ready", "mute": "not ready",
        }  # fmt: skip
        assert found["silent"]["reason"] == "backend 'memory' is starting; retry in a moment"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("taken", ["gateway", "admin", "telemetry"])
async def test_a_port_in_use_is_noticed_before_a_store_is_opened(
    tmp_path: Path, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second gateway that is started by mistake touches no file of the first one's, and starts no plugin."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = dict.fromkeys(("gateway", "admin", "telemetry"), "127.0.0.1:0")
        listen[taken] = f"127.0.0.1:{other.getsockname()[1]}"
        lines = [f'{section}: {{listen: "{address}"}}' for section, address in listen.items()]
        store = f"namespaces: [{{name: a, backend: sqlite, config: {{path: {tmp_path / 'data' / 'a.db'}}}}}]"
        (tmp_path / "prism.yaml").write_text("\n".join([*lines, store]))
        gateway = GatewayServer(tmp_path / "prism.yaml")
        begun: list[str] = []
        monkeypatch.setattr(Supervised, "run", lambda each, _: begun.append(each.spec.plugin.name))
        with pytest.raises(OSError, match=f"choose another address .*{taken}.listen"):
            await gateway.run()
    assert begun == []
    assert await asyncio.to_thread(os.listdir, tmp_path) == ["prism.yaml"]


async def test_a_client_that_comes_early_is_answered_at_once(tmp_path: Path) -> None:
    """It waits for its store to be open; it was refused as starting, and came again a second later."""
    socket_path = tmp_path / "data.sock"
    sections = {"admin": {"enabled": False}, "telemetry": {"listen": "127.0.0.1:0"}}
    namespaces = [gateways.namespace("default", "sqlite", path=str(tmp_path / "data.db"))]
    listen = {"gateway": {"listen": f"unix:{socket_path}"}}
    gateway = GatewayServer(Config.model_validate({**sections, **listen, "namespaces": namespaces}))
    running = asyncio.create_task(gateway.run())
    try:
        while not socket_path.exists():  # a file tells of nothing by itself
            assert not running.done()
            await asyncio.sleep(0.001)
        async with Client(f"unix:{socket_path}", retry=RetryPolicy(attempts=1)) as prism:
            await prism.keyvalue().put("record", {b"key": b"value"})
            found = await prism.keyvalue().get("record", b"key")
            assert found is not None
            assert found.value == b"value"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


NOT_FOR_A_START = (
    "aiobotocore",
    "asyncpg",
    "cryptography",
    "google.protobuf.json_format",
    "google_crc32c",
    "h11",
    "http.client",
    "jwt",
    "nats",
    "opentelemetry",
    "prism.acceptance",
    "prism.admin.service",
    "prism.backends.files",
    "prism.backends.nats",
    "prism.backends.postgres",
    "prism.backends.redis",
    "prism.backends.s3",
    "prism.cli.kv",
    "prism.client",
    "prism.gateway.auth",
    "prism.gateway.connect",
    "prism.gateway.objects_http",
    "prism.gateway.observers.access_log",
    "prism.gateway.observers.tracer",
    "prism.host",
    "prism.plugins.rpc",
    "prism.plugins.sidecar.sidecar",
    "prism.sdk.objectstore",
    "prism.telemetry.metrics.prometheus",
    "prism.telemetry.tracing.exporter",
    "prism.wire.client",
    "prism.wire.http.http1",
    "prometheus_client",
    "redis",
)
"""What another configuration uses, or another way in: loaded where it is configured, or with the first request."""


def test_a_start_loads_what_it_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway on SQLite that has served gRPC has imported nothing that only others need."""
    config = {"namespaces": [gateways.namespace("default", "sqlite", path="data.db")]}
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")  # it prints every module that it imports
    with gateways.running(config, tmp_path) as gateway:
        with BlockingClient(gateway.data) as prism:
            prism.keyvalue().put("record", {b"key": b"value"})
        loaded = [line.rpartition("|")[2].strip() for line in gateway.lines if line.startswith("import time:")]
    assert "prism.backends.sqlite.store" in loaded
    assert [each for each in loaded if f"{each}.".startswith(tuple(f"{name}." for name in NOT_FOR_A_START))] == []
