"""One namespace on two stores: items in SQLite, a cache in memory, through every way in; a reload moves the cache."""

import asyncio
import base64
import json
import urllib.request
from pathlib import Path
from typing import Any

import gateways
from admin.port import JSON, ask
from cli.command import prism
from prism.client import Client


def _config(cache: str) -> dict[str, Any]:
    backends = {
        "keyvalue": {"backend": "sqlite", "config": {"path": "shop.db"}},
        "cache": {"backend": "memory", "config": {"store": cache}},
    }
    return {"namespaces": [{"name": "shop", "backends": backends, "policy": {"breaker": {}}}]}


def _http(address: str, method: str, **request: Any) -> Any:
    asked = urllib.request.Request(
        f"http://{address}/prism.data.v1.{method}",
        json.dumps(request).encode(),
        {"content-type": "application/json", "prism-namespace": "shop"},
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.load(answer)


async def test_a_namespace_with_a_backend_per_abstraction(tmp_path: Path) -> None:
    """gRPC and HTTP/JSON see the same entries; status, metrics and the command line name both instances."""
    async with gateways.serving(_config("one"), tmp_path) as gateway, Client(gateway.data) as client:
        await client.keyvalue("shop").put("order", {b"total": b"12"})
        await client.cache("shop").set(b"page", b"<html>")
        key = base64.b64encode(b"page").decode()
        by_http = await asyncio.to_thread(_http, gateway.data, "Cache/Get", key=key)
        assert base64.b64decode(by_http["value"]) == b"<html>"
        assert (tmp_path / "shop.db").exists()

        endpoint = {"PRISM_ADMIN_ENDPOINT": gateway.admin}
        both = await prism("plugin", "status", "shop", "-o", "json", **endpoint)
        rows = json.loads(both.out)
        assert [(row["abstractions"], row["plugin"], row["breaker"]["state"]) for row in rows] == [
            (["keyvalue"], "sqlite", "closed"),
            (["cache"], "memory", "closed"),
        ]
        reply = await asyncio.to_thread(ask, gateway.admin, "GET", "/admin/namespace/describe?namespace=shop")
        described = {each["plugin"]: each["config"] for each in reply.json["namespace"]["backends"]}
        assert (described["sqlite"]["path"], described["memory"]["store"]) == ("shop.db", "one")

        gateway.write_config(_config("two"))
        reply = await asyncio.to_thread(ask, gateway.admin, "POST", "/admin/configuration/reload", {}, JSON)
        assert reply.json["changed"] == ["shop"]
        assert await client.cache("shop").get(b"page") is None
        item = await client.keyvalue("shop").get("order", b"total")
        assert item is not None
        assert item.value == b"12"
        await client.cache("shop").set(b"page", b"new")
        by_http = await asyncio.to_thread(_http, gateway.data, "Cache/Get", key=key)
        assert base64.b64decode(by_http["value"]) == b"new"

        reloaded = await prism("plugin", "reload", "shop", "--abstraction", "cache", **endpoint)
        assert "shop is ready on a new instance of memory" in reloaded.out
        everything = await prism("plugin", "reload", "shop", **endpoint)
        assert "new instance of sqlite" in everything.out
        assert "new instance of memory" in everything.out
        logs = await prism("plugin", "logs", "shop", "--abstraction", "cache", **endpoint)
        assert "its lines are in the gateway's log" in logs.err
