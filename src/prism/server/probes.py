"""The probes port: is the process alive, does it serve, and its metrics. An `HttpHandler` for a server of its own.

GET /health/live     the event loop turns; restart the process where this fails
GET /health/ready    calls are accepted; ?namespace=NAME asks for one
GET /metrics         for Prometheus
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from prism.server.exposition import Exposition
from prism.server.readiness import NamespaceReadiness, Readiness
from prism.wire import HttpRequest, HttpResponse

MAX_LISTED = 1000
"""Most namespaces that one answer lists, those that are not ready first: probes come often."""

_JSON = "application/json"
_PATHS = ("/health/live", "/health/ready", "/metrics")


class Probes:
    """Answers on the probes port.

    Args:
        readiness: whether the gateway and its namespaces serve.
        exposition: the metrics.
    """

    def __init__(self, readiness: Readiness, exposition: Exposition) -> None:
        self._readiness = readiness
        self._exposition = exposition

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answers one request."""
        if request.path not in _PATHS:
            return _json(404, {"error": f"no such path: {request.path[:100]}; there are {', '.join(_PATHS)}"})
        if request.method not in ("GET", "HEAD"):
            refusal = _json(405, {"error": f"{request.path} answers GET only"})
            return HttpResponse(405, [*refusal.headers, ("allow", "GET, HEAD")], refusal.body)
        if request.path == "/health/live":
            return _json(200, {"status": "live"})
        if request.path == "/metrics":
            text, content_type = await self._exposition.render(str(request.headers.get("accept", "")))
            return HttpResponse(200, [("content-type", content_type)], text)
        asked = parse_qs(request.query, keep_blank_values=True).get("namespace")
        return self._ready() if asked is None else self._namespace_ready(asked[0])

    def _ready(self) -> HttpResponse:
        namespaces = sorted(self._readiness.namespaces(), key=lambda each: (each.status == "ready", each.name))
        accepting = self._readiness.accepting
        body: dict[str, Any] = {
            "status": "ready" if accepting else "not ready",
            "reason": "" if accepting else "the gateway is starting or draining",
            "namespaces_ready": sum(each.ready for each in namespaces),
            "namespaces_not_ready": sum(not each.ready for each in namespaces),
            "namespaces": {each.name: _described(each) for each in namespaces[:MAX_LISTED]},
        }
        return _json(200 if accepting else 503, body)

    def _namespace_ready(self, name: str) -> HttpResponse:
        namespace = self._readiness.namespace(name)
        if namespace is None:
            return _json(404, {"error": f"no namespace {name[:63]!r} is configured"})
        serves = self._readiness.accepting and namespace.ready
        reason = "" if self._readiness.accepting else "the gateway is starting or draining"
        return _json(200 if serves else 503, {"namespace": name, **_described(namespace, reason)})


def _described(namespace: NamespaceReadiness, gateway_reason: str = "") -> Mapping[str, str]:
    status = "not ready" if gateway_reason else namespace.status
    return {"status": status, "backend": namespace.backend, "reason": gateway_reason or namespace.reason}


def _json(status: int, body: Mapping[str, Any]) -> HttpResponse:
    # Probes must not be answered by a cache.
    headers = [("content-type", _JSON), ("cache-control", "no-store")]
    return HttpResponse(status, headers, json.dumps(body, indent=2).encode() + b"\n")
