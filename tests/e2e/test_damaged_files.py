"""A gateway over SQLite files that are damaged: their namespaces say so, and waiting is not advised."""

from pathlib import Path

import pytest

import gateways
from e2e.test_plugins import sidecar
from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.config import SqliteConfig
from prism.client import Client, DataLoss
from prism.sdk import NoCredentials


async def test_a_damaged_file_is_data_loss(tmp_path: Path) -> None:
    """Garbage and a file cut short, in the gateway's process and in another: DATA_LOSS, and no time to retry after."""
    good = tmp_path / "good.db"
    backend = SqliteBackend(SqliteConfig(path=good), NoCredentials())
    await backend.start()
    await backend.stop()
    damaged = {"garbage": b"\xa5" * 8192, "short": good.read_bytes()[:5000]}
    entries = []
    for name, content in damaged.items():
        for place in ("inside", "beside"):
            path = tmp_path / f"{name}-{place}.db"
            path.write_bytes(content)
            own = {"readers": 1 if place == "inside" else 2}
            entry = gateways.namespace if place == "inside" else sidecar
            entries.append(entry(f"{name}-{place}", "sqlite", path=str(path), **own))
    async with gateways.serving({"namespaces": entries}, tmp_path) as gateway, Client(gateway.data) as client:
        for entry in entries:
            with pytest.raises(DataLoss, match=f"{entry['name']}.db.*restore it") as caught:
                await client.keyvalue(str(entry["name"])).get("r", b"k")
            assert caught.value.retry_after is None
            with pytest.raises(DataLoss):
                await client.keyvalue(str(entry["name"])).put("r", {b"k": b"v"})
