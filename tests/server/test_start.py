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
