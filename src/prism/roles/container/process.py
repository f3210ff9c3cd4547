"""The process of a role: its probes and metrics, and its life from start to SIGTERM.

Source: ADR-025 "Plugin Contract".
"""

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from prism._proto.grpc.health.v1 import health_pb2
from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.client import Client
from prism.errors import FailedPrecondition, PrismError
from prism.roles.container.broker import Broker, sink, source
from prism.roles.container.listener import Gateway, Listener
from prism.roles.container.moving import GRACE, Consumer, Publisher, Role
from prism.roles.container.settings import Settings
from prism.services import HealthService, described, described_services
from prism.services.listening import listen
from prism.wire import HttpRequest, HttpResponse, Method, Server, ServerCall

log = logging.getLogger(__name__)

VERSION: Final = "0.1.0"
_SERVICE: Final = pb.DESCRIPTOR.services_by_name["PluginInfoService"]
_HEALTH_SERVICE: Final = pb.DESCRIPTOR.services_by_name["HealthService"]
_METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"
_PROBE_SECONDS: Final = 2.0


class RoleProcess:
    """One role.

    Args:
        settings: what it is to do.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        token = settings.prism_token.get_secret_value() if settings.prism_token else None
        self._client = Client(settings.prism_proxy_endpoint, token=token)
        self._broker: Broker
        self._role: Role
        match settings.prism_plugin_role:
            case "publisher":
                taking = sink(settings)
                self._broker, self._role = taking, Publisher(self._client, taking, settings)
            case "consumer":
                giving = source(settings)
                self._broker, self._role = giving, Consumer(self._client, giving, settings)
            case "listener":
                self._broker, self._role = Gateway(), Listener(self._client, settings)
            case role:
                raise FailedPrecondition(f"the role {role} is a process of its own kind: `prism role {role}`")
        self._health = HealthService(lambda: {"": self._started, _SERVICE.full_name: self._started})
        self._started = False
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Serves until a signal; a second one does not wait.

        Raises:
            OSError: a port cannot be listened on.
        """
        settings = self._settings
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self._end)
        methods = [Method(f"/{_SERVICE.full_name}/GetInfo", self._get_info)]
        methods += [Method(f"/{_HEALTH_SERVICE.full_name}/Live", self._live)]
        methods += [Method(f"/{_HEALTH_SERVICE.full_name}/Ready", self._ready)]
        served: Mapping[str, Method] = {each.path: each for each in methods} | dict(
            described_services(self._health, described([_SERVICE, _HEALTH_SERVICE]))
        )
        async with Server(served.get, http=self._probe) as probes, Server(_nothing, http=self._scraped) as metrics:
            host = settings.prism_listen_host
            where = await listen(probes, f"{host}:{settings.prism_health_port}", "PRISM_HEALTH_PORT")
            scraped = await listen(metrics, f"{host}:{settings.prism_metrics_port}", "PRISM_METRICS_PORT")
            log.info(
                "%s for %s: probes at %s, metrics at %s", settings.prism_plugin_role, settings.between, where, scraped
            )
            await self._work()
            self._health.close()
            await probes.drain(1.0)

    async def _work(self) -> None:
        async with self._client:
            if not await self._connected():
                return
            running = asyncio.create_task(self._role.run())
            self._started = True
            ending = asyncio.ensure_future(self._ending.wait())
            try:
                await asyncio.wait((running, ending), return_when=asyncio.FIRST_COMPLETED)
                self._started = False
                self._role.stop()
                done, _ = await asyncio.wait((running,), timeout=GRACE + 5)
                if not done:
                    running.cancel()
                await running
            finally:
                ending.cancel()
                await self._broker.stop()

    async def _connected(self) -> bool:
        """Whether the broker is reached; False where a signal ends that."""
        while not self._ending.is_set():
            try:
                await self._broker.start()
            except PrismError as error:
                pause = self._role.faults.note(error)
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._ending.wait()
            else:
                self._role.faults.clear()
                return True
        return False

    def _end(self) -> None:
        if self._ending.is_set():
            sys.exit(1)
        self._ending.set()

    async def _dependencies(self) -> dict[str, str]:
        """What is wrong with each side; empty where it answers."""
        found = {"broker": "not connected yet"}
        if self._started:
            found["broker"] = await self._broker.health()
        try:
            asked = health_pb2.HealthCheckRequest()
            answer = await self._client.call(
                self._settings.prism_namespace, "grpc.health.v1.Health/Check", asked, timeout=_PROBE_SECONDS
            )
            serving = answer.status == health_pb2.HealthCheckResponse.SERVING
            found["proxy"] = "" if serving else "the gateway does not serve"
        except PrismError as error:
            found["proxy"] = error.message
        return found

    async def _readiness(self) -> pb.ReadyResponse:
        found = await self._dependencies()
        shown = {name: wrong or "healthy" for name, wrong in found.items()}
        wrong = "; ".join(filter(None, [*found.values(), self._role.wrong]))
        return pb.ReadyResponse(ready=self._started and not wrong, message=wrong, dependencies=shown)

    async def _get_info(self, _call: ServerCall) -> bytes:
        settings = self._settings
        role, backend = settings.prism_plugin_role, settings.between
        return pb.GetInfoResponse(
            name=f"{backend}-{role}", version=VERSION, role=role, backend=backend
        ).SerializeToString()

    async def _live(self, _call: ServerCall) -> bytes:
        response = pb.LiveResponse(alive=True)
        response.timestamp.GetCurrentTime()
        return response.SerializeToString()

    async def _ready(self, _call: ServerCall) -> bytes:
        return (await self._readiness()).SerializeToString()

    async def _probe(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/health/live":
            return _json(200, {"status": "alive"})
        if request.path == "/health/ready":
            found = await self._readiness()
            body = {"status": "ready" if found.ready else "not ready", "message": found.message}
            return _json(200 if found.ready else 503, {**body, "dependencies": dict(found.dependencies)})
        return _json(404, {"error": "the paths are /health/live and /health/ready"})

    async def _scraped(self, request: HttpRequest) -> HttpResponse:
        if request.path != "/metrics":
            return _json(404, {"error": "the path is /metrics"})
        labels = f'{{role="{self._settings.prism_plugin_role}",backend="{self._settings.between}"}}'
        lines = [
            "# TYPE prism_role_messages_total counter",
            f"prism_role_messages_total{labels} {self._role.moved}",
            "# TYPE prism_role_failures_total counter",
            f"prism_role_failures_total{labels} {self._role.failed}",
        ]
        return HttpResponse(200, [("content-type", _METRICS)], ("\n".join(lines) + "\n").encode())


def _json(status: int, body: object) -> HttpResponse:
    return HttpResponse(status, [("content-type", "application/json")], json.dumps(body).encode())


def _nothing(_path: str) -> None:
    return None
