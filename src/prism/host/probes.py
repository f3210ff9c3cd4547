"""Probes and metrics over plain HTTP, for orchestrators that speak no gRPC. An `HttpHandler`.

GET /health/live     the event loop turns; restart the process where this fails
GET /health/ready    it takes calls, and not all of its stores are down
GET /metrics         for Prometheus

Source: ADR-025 "Plugin Contract".
"""

import json
from typing import Final

from prism.host.exposition import render
from prism.host.information import Information
from prism.host.instances import Instances
from prism.wire import HttpRequest, HttpResponse

_PATHS: Final = ("/health/live", "/health/ready", "/metrics")
_PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"


class Probes:
    """Answers over HTTP.

    Args:
        instances: those of the process.
        information: knows whether it is ready.
    """

    def __init__(self, instances: Instances, information: Information) -> None:
        self._instances = instances
        self._information = information

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answers one request."""
        if request.path not in _PATHS:
            return _json(404, {"error": f"{request.path[:100]} was not found; the paths are {', '.join(_PATHS)}"})
        if request.method not in ("GET", "HEAD"):
            return _json(405, {"error": "use GET"}, ("allow", "GET, HEAD"))
        if request.path == "/health/live":
            return _json(200, {"status": "alive"})
        if request.path == "/health/ready":
            found = await self._information.ready()
            stores = dict(found.dependencies)
            status = "ready" if found.ready else "not ready"
            return _json(200 if found.ready else 503, {"status": status, "message": found.message, "stores": stores})
        text = await render(self._instances.plugin.name, self._instances.running)
        return HttpResponse(200, [("content-type", _PROMETHEUS)], text.encode())


def _json(status: int, body: object, *headers: tuple[str, str]) -> HttpResponse:
    return HttpResponse(status, [("content-type", "application/json"), *headers], json.dumps(body).encode())
