"""grpc.health.v1.Health: what load balancers and stock clients ask before they send calls.

Source: github.com/grpc/grpc/blob/master/doc/health-checking.md.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from time import monotonic

from google.protobuf.message import DecodeError

from prism._proto.grpc.health.v1 import health_pb2 as pb
from prism.wire import Code, Method, ServerCall, Status, StatusError

SERVICE = pb.DESCRIPTOR.services_by_name["Health"]
_Response = pb.HealthCheckResponse


class HealthService:
    """The service.

    Args:
        readiness: by full service name, and by the empty name for the server as a whole: whether it serves.
        interval: seconds after which watchers' statuses are looked at again, where `refresh` is not called.
    """

    def __init__(self, readiness: Callable[[], Mapping[str, bool]], *, interval: float = 1.0) -> None:
        self._readiness = readiness
        self._interval = interval
        self._refreshed = asyncio.Event()
        self._closed = False
        self._seen: Mapping[str, bool] = {}
        self._look_again = 0.0

    def refresh(self) -> None:
        """Something may have changed: watchers get it at once."""
        self._look_again = 0.0
        self._refreshed.set()
        self._refreshed = asyncio.Event()

    def close(self) -> None:
        """The server drains: watchers get the last status and their streams end, or they would delay its end."""
        self._closed = True
        self.refresh()

    def methods(self) -> tuple[Method, ...]:
        """What a server runs."""
        return (
            Method(f"/{SERVICE.full_name}/Check", self._check),
            Method(f"/{SERVICE.full_name}/List", self._list),
            Method(f"/{SERVICE.full_name}/Watch", self._watch, server_streaming=True),
        )

    async def _check(self, call: ServerCall) -> bytes:
        return self.check(call.message)

    async def _list(self, call: ServerCall) -> bytes:
        return self.list_all(call.message)

    async def _watch(self, call: ServerCall) -> None:
        async with aclosing(self.watch(call.message)) as statuses:
            async for status in statuses:
                await call.send(status)

    def _recent(self) -> Mapping[str, bool]:
        """The readiness as watchers share it: with many namespaces it is not free."""
        now = monotonic()
        if now >= self._look_again:
            self._seen = self._readiness()
            self._look_again = now + self._interval
        return self._seen

    def check(self, request: bytes) -> bytes:
        """Answers `Check`.

        Raises:
            StatusError: the service is not known, or the request malformed.
        """
        service = _service_asked_for(request)
        readiness = self._readiness()
        if service not in readiness:
            known = ", ".join(name for name in readiness if name)
            raise StatusError(Status(Code.NOT_FOUND, f"unknown service {service[:100]!r}; known: {known}"))
        return _Response(status=_status(readiness, service)).SerializeToString()

    def list_all(self, _request: bytes) -> bytes:
        """Answers `List`."""
        readiness = self._readiness()
        statuses = {service: _Response(status=_status(readiness, service)) for service in readiness}
        return pb.HealthListResponse(statuses=statuses).SerializeToString()

    async def watch(self, request: bytes) -> AsyncGenerator[bytes, None]:
        """Answers `Watch`: a message for each change; raises as `check` does, and where the server drains."""
        service = _service_asked_for(request)
        sent = None
        while True:
            refreshed = self._refreshed
            status = _status(self._recent(), service)
            if status != sent:
                sent = status
                yield _Response(status=status).SerializeToString()
            if self._closed:
                raise StatusError(Status(Code.UNAVAILABLE, "the server is draining; watch another one"))
            try:
                async with asyncio.timeout(self._interval):
                    await refreshed.wait()
            except TimeoutError:
                continue


def _service_asked_for(request: bytes) -> str:
    try:
        return pb.HealthCheckRequest.FromString(request).service
    except DecodeError as error:
        message = f"the request is not a {pb.HealthCheckRequest.DESCRIPTOR.full_name}"
        raise StatusError(Status(Code.INVALID_ARGUMENT, message)) from error


def _status(readiness: Mapping[str, bool], service: str) -> pb.HealthCheckResponse.ServingStatus:
    if service not in readiness:
        return _Response.SERVICE_UNKNOWN
    return _Response.SERVING if readiness[service] else _Response.NOT_SERVING
