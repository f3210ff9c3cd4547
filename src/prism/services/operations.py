"""The standard services over HTTP, whose ways in hand operations to a handler: what gRPC runs as methods."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing

from prism.interfaces.operation import Operation, Requests
from prism.services import reflection
from prism.services.described import Described
from prism.services.health import SERVICE, HealthService


class StandardOperations:
    """A `prism.gateway.handler.OperationHandler` of health and reflection.

    Attributes:
        operations: by path.

    Args:
        health_service: answers for health.
        described: what reflection answers from.
    """

    def __init__(self, health_service: HealthService, described: Described) -> None:
        services = (SERVICE, *reflection.SERVICES)
        operations = (Operation.of(method) for service in services for method in service.methods)
        self.operations: Mapping[str, Operation] = {operation.path: operation for operation in operations}
        self._health = health_service
        self._unary = {"check": health_service.check, "list": health_service.list_all}
        versions = zip(reflection.SERVICES, reflection.VERSIONS, strict=True)
        self._reflections = {
            service.full_name: reflection.Reflection(version, described) for service, version in versions
        }

    async def unary(
        self,
        incoming: object,  # noqa: ARG002 - the handler's
        operation: Operation,
        payload: bytes,
        decode: Callable[[bytes], Awaitable[bytes]] | None = None,
    ) -> bytes:
        """Answers one request. Raises `StatusError`."""
        message = payload if decode is None else await decode(payload)
        return self._unary[operation.method](message)

    async def stream(
        self,
        incoming: object,  # noqa: ARG002 - the handler's
        operation: Operation,
        asked: bytes | Requests,
        decode: Callable[[bytes], Awaitable[bytes]] | None = None,
        on_established: Callable[[], None] | None = None,  # noqa: ARG002 - the first answer comes at once
    ) -> AsyncGenerator[bytes, None]:
        """Answers a request, or each of many, with a stream. Raises `StatusError`."""
        if not isinstance(asked, bytes):
            version = self._reflections[operation.service]
            async for request in asked:
                yield version.answer(request if decode is None else await decode(request))
            return
        message = asked if decode is None else await decode(asked)
        async with aclosing(self._health.watch(message)) as statuses:
            async for status in statuses:
                yield status
