"""The probes port, asked over HTTP."""

import asyncio
import http.client
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from prism.gateway.snapshot import Namespace, Snapshot
from prism.interfaces.catalogue import interfaces
from prism.sdk.backend import Health, HealthStatus
from prism.server import probes
from prism.server.exposition import Exposition, MetricSources
from prism.server.probes import Probes
from prism.server.readiness import Readiness
from prism.telemetry.metrics.call_metrics import CallMetrics
from prism.wire import Server
from server.standing import StandingInstance

KEYVALUE, PUBSUB = "prism.data.v1.KeyValue", "prism.data.v1.PubSub"
WHY = "the store does not answer; it is tried again"


@dataclass
class Port:
    """A probes port, and what stands behind it."""

    readiness: Readiness
    namespaces: dict[str, Namespace] = field(default_factory=dict)
    address: str = ""

    def add(self, name: str, refusal: str = "", probed: Health | None = None) -> None:
        instance = StandingInstance(refusal=refusal, probed=probed or Health())
        self.namespaces[name] = Namespace.of(name, frozenset({KEYVALUE}), instance)

    async def get(self, path: str, method: str = "GET", accept: str = "*/*") -> tuple[int, dict[str, str], bytes]:
        return await asyncio.to_thread(self._get, path, method, accept)

    def _get(self, path: str, method: str, accept: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.address, timeout=20)
        try:
            connection.request(method, path, headers={"accept": accept})
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return response.status, headers, response.read()
        finally:
            connection.close()

    async def json(self, path: str) -> tuple[int, Any]:
        status, _, body = await self.get(path)
        return status, json.loads(body)


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    namespaces: dict[str, Namespace] = {}

    def snapshot() -> Snapshot:
        return Snapshot(1, namespaces)

    port = Port(Readiness(snapshot), namespaces)
    port.readiness.accepting = True
    server = Server({}.get, http=Probes(port.readiness, Exposition(MetricSources(CallMetrics(), snapshot))))
    port.address = await server.listen("127.0.0.1:0")
    try:
        yield port
    finally:
        await server.close()


async def test_live(port: Port) -> None:
    """The process lives even where nothing is ready."""
    port.readiness.accepting = False
    assert await port.json("/health/live") == (200, {"status": "live"})


async def test_ready_with_every_namespace(port: Port) -> None:
    """The gateway is ready while it accepts calls; a namespace that is not says why."""
    port.add("up")
    port.add("down", WHY)
    status, body = await port.json("/health/ready")
    assert status == 200
    assert body == {
        "status": "ready",
        "reason": "",
        "namespaces_ready": 1,
        "namespaces_not_ready": 1,
        "namespaces": {
            "down": {"status": "not ready", "backend": "memory", "reason": WHY},
            "up": {"status": "ready", "backend": "memory", "reason": ""},
        },
    }


async def test_not_ready_while_draining(port: Port) -> None:
    """A gateway that starts or drains is not ready, and says so."""
    port.add("up")
    port.readiness.accepting = False
    status, body = await port.json("/health/ready")
    assert (status, body["status"]) == (503, "not ready")
    assert "draining" in body["reason"]
    status, body = await port.json("/health/ready?namespace=up")
    assert (status, body["status"]) == (503, "not ready")


async def test_one_namespace(port: Port) -> None:
    """One namespace can be asked for: 200, 503 with the reason, or 404."""
    port.add("up")
    port.add("down", WHY)
    up = {"namespace": "up", "status": "ready", "backend": "memory", "reason": ""}
    assert await port.json("/health/ready?namespace=up") == (200, up)
    status, body = await port.json("/health/ready?namespace=down")
    assert (status, body["reason"]) == (503, WHY)
    status, body = await port.json("/health/ready?namespace=nowhere")
    assert (status, body) == (404, {"error": "no namespace 'nowhere' is configured"})


async def test_a_store_that_fails_later_is_told(port: Port) -> None:
    """What a probe finds counts, though calls are still tried: a lost store is not ready, a weak one is degraded."""
    port.add("lost", probed=Health(HealthStatus.UNHEALTHY, "the server went away"))
    port.add("weak", probed=Health(HealthStatus.DEGRADED, "the disk is full"))
    _, body = await port.json("/health/ready")
    assert body["namespaces"] == {
        "lost": {"status": "not ready", "backend": "memory", "reason": "the server went away"},
        "weak": {"status": "degraded", "backend": "memory", "reason": "the disk is full"},
    }
    assert [(await port.json(f"/health/ready?namespace={name}"))[0] for name in ("lost", "weak")] == [503, 200]
    _, _, metrics = await port.get("/metrics")
    assert b'prism_namespace_ready{namespace="lost"} 0.0' in metrics
    assert b'prism_namespace_ready{namespace="weak"} 1.0' in metrics


async def test_long_lists_are_cut_behind_what_matters(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    """With very many namespaces those that are not ready come first, and the numbers stay whole."""
    monkeypatch.setattr(probes, "MAX_LISTED", 3)
    for number in range(10):
        port.add(f"n{number}", WHY if number == 7 else "")
    _, body = await port.json("/health/ready")
    assert list(body["namespaces"]) == ["n7", "n0", "n1"]
    assert (body["namespaces_ready"], body["namespaces_not_ready"]) == (9, 1)


async def test_metrics(port: Port) -> None:
    """Prometheus scrapes /metrics, in the form that it asks for."""
    port.add("up")
    status, headers, body = await port.get("/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=")
    assert b'prism_namespace_ready{namespace="up"} 1.0' in body
    _, headers, _ = await port.get("/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert headers["content-type"].startswith("application/openmetrics-text")


async def test_what_is_not_there(port: Port) -> None:
    """Other paths and methods are refused with what there is."""
    status, body = await port.json("/healthz")
    assert status == 404
    assert "/health/live, /health/ready, /metrics" in body["error"]
    status, headers, _ = await port.get("/health/live", method="POST")
    assert (status, headers["allow"]) == (405, "GET, HEAD")


async def test_services_for_grpc_health(port: Port) -> None:
    """A service is down where every namespace that has it refuses, and all are while the gateway drains."""
    every = ["", *(interface.service.full_name for interface in interfaces().values())]
    assert port.readiness.services() == dict.fromkeys(every, True)
    port.add("down", WHY)
    assert port.readiness.services() == {**dict.fromkeys(every, True), KEYVALUE: False}
    port.add("up")
    assert port.readiness.services() == dict.fromkeys(every, True)
    port.readiness.accepting = False
    assert port.readiness.services() == dict.fromkeys(every, False)
