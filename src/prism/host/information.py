"""What a plugin's process tells of itself: PluginInfoService, HealthService and MetricsService."""

import asyncio
from collections.abc import Sequence
from typing import Final

from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.host.backend_plugin import SPOKEN, answering
from prism.host.exposition import render
from prism.host.instances import Instances
from prism.host.metrics import plugin_metrics
from prism.sdk.backend import HealthStatus
from prism.wire.server.method import Method

SERVICES: Final = tuple(
    pb.DESCRIPTOR.services_by_name[name] for name in ("PluginInfoService", "HealthService", "MetricsService")
)


class Information:
    """The services.

    Args:
        instances: those of the process.
        role: what the process is.
    """

    def __init__(self, instances: Instances, role: str = "backend") -> None:
        self._instances = instances
        self._role = role

    def methods(self) -> Sequence[Method]:
        """What a server runs."""
        information, health, metrics = (service.full_name for service in SERVICES)
        return (
            Method(f"/{information}/GetInfo", answering(pb.GetInfoRequest, self._get_info)),
            Method(f"/{health}/Live", answering(pb.LiveRequest, self._live)),
            Method(f"/{health}/Ready", answering(pb.ReadyRequest, self._ready)),
            Method(f"/{metrics}/GetMetrics", answering(pb.GetMetricsRequest, self._get_metrics)),
        )

    async def _get_info(self, _request: pb.GetInfoRequest) -> pb.GetInfoResponse:
        manifest = self._instances.plugin.manifest
        response = pb.GetInfoResponse(
            name=manifest.name,
            version=manifest.version,
            role=self._role,
            backend=manifest.name,
            protocol_versions=SPOKEN,
            interfaces=manifest.interfaces,
            services=manifest.services,
            descriptors=self._instances.plugin.read_descriptors(),
        )
        response.capabilities.update(manifest.capabilities.dump())
        return response

    async def _live(self, _request: pb.LiveRequest) -> pb.LiveResponse:
        response = pb.LiveResponse(alive=True)
        response.timestamp.GetCurrentTime()
        return response

    async def _ready(self, _request: pb.ReadyRequest) -> pb.ReadyResponse:
        return await self.ready()

    async def ready(self) -> pb.ReadyResponse:
        """Whether the process can serve: it does not end, and not every store it has is down."""
        instances = self._instances.running
        found = await asyncio.gather(*(each.health() for each in instances))
        stores = {
            each.identity or each.name: health.status.name.lower() + f": {health.message}" * bool(health.message)
            for each, health in zip(instances, found, strict=True)
        }
        down = [health.message for health in found if health.status is HealthStatus.UNHEALTHY]
        if self._instances.closing:
            return pb.ReadyResponse(ready=False, message="the plugin is shutting down", dependencies=stores)
        ready = not down or len(down) < len(found)
        return pb.ReadyResponse(ready=ready, message="; ".join(filter(None, down)), dependencies=stores)

    async def _get_metrics(self, request: pb.GetMetricsRequest) -> pb.GetMetricsResponse:
        instances = (self._instances.named(request.instance),) if request.instance else self._instances.running
        text = await render(self._instances.plugin.name, instances)
        return pb.GetMetricsResponse(metrics=text, plugin_metrics=plugin_metrics(instances))
