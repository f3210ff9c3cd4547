"""The standard services on a real server, beside a data service."""

import contextlib
from collections.abc import AsyncIterator, Iterable

from google.protobuf.descriptor import ServiceDescriptor

from prism.interfaces.catalogue import interfaces
from prism.services import HealthService, described, described_services
from prism.wire import Method, Server

DATA_SERVICES = [interface.service for interface in interfaces().values()]
SERVICE_NAMES = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    *(service.full_name for service in DATA_SERVICES),
]


@contextlib.asynccontextmanager
async def serving(
    health: HealthService, services: Iterable[ServiceDescriptor] = DATA_SERVICES, methods: Iterable[Method] = ()
) -> AsyncIterator[str]:
    """A server for the length of a block, with methods of its own; gives its address."""
    server = Server(
        {**described_services(health, described(services)), **{method.path: method for method in methods}}.get
    )
    try:
        yield await server.listen("127.0.0.1:0")
    finally:
        await server.close()
