"""The services that a gateway calls: BackendPlugin, and NamespaceService beside it."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeVar

from google.protobuf.message import DecodeError, Message

from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.errors import FailedPrecondition, InternalError, InvalidArgument, PrismError
from prism.host.execute import Execute
from prism.host.instance import HostedInstance
from prism.host.instance_options import InstanceOptions
from prism.host.instances import Instances
from prism.host.tracing import PluginTracer
from prism.plugins.manifest import PROTOCOL
from prism.reason import Reason
from prism.redactor import Redactor
from prism.rpc_status import to_rpc_status, to_status
from prism.wire.grpc.status import StatusError
from prism.wire.server.call import ServerCall
from prism.wire.server.method import Handler, Method

SPOKEN: Final = (PROTOCOL,)
"""The versions of the protocol that are spoken here."""

SERVICES: Final = tuple(pb.DESCRIPTOR.services_by_name[name] for name in ("BackendPlugin", "NamespaceService"))

Request = TypeVar("Request", bound=Message)

log = logging.getLogger(__name__)


class BackendPlugin:
    """The services.

    Args:
        instances: those of the process.
        end: ends the process: its instances first, for so many seconds; returns when they have ended.
        tracer: makes a span of each call; None to make none.
        settled: options that instances have whatever a gateway says.
    """

    def __init__(
        self,
        instances: Instances,
        end: Callable[[float], Awaitable[None]],
        tracer: PluginTracer | None = None,
        settled: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self._instances = instances
        self._settled = settled
        self._tracer = tracer
        self._end = end

    def methods(self) -> Sequence[Method]:
        """What a server runs."""
        plugin, namespaces = (service.full_name for service in SERVICES)
        execute = Execute(self._instances, self._tracer)
        return (
            Method(f"/{plugin}/Initialize", answering(pb.InitializeRequest, self._initialize)),
            Method(f"/{plugin}/HealthCheck", answering(pb.HealthCheckRequest, self._health_check)),
            Method(f"/{plugin}/Execute", explained(execute.unary)),
            Method(f"/{plugin}/ExecuteStream", explained(execute.stream), client_streaming=True, server_streaming=True),
            Method(f"/{plugin}/Shutdown", answering(pb.ShutdownRequest, self._shutdown)),
            Method(f"/{namespaces}/HoldsData", answering(pb.HoldsDataRequest, self._holds_data)),
        )

    async def _initialize(self, request: pb.InitializeRequest) -> pb.InitializeResponse:
        manifest = self._instances.plugin.manifest
        response = pb.InitializeResponse(plugin_version=manifest.version)
        fresh: HostedInstance | None = None
        try:
            response.protocol_version = _agreed(request.protocol_versions)
            _check_name(request.backend_type, manifest.name)
            options = InstanceOptions(request.config, request.credentials, self._settled)
            options.teach(self._instances.redactor)
            fresh = HostedInstance(request.instance, self._instances.plugin, options, self._instances.redactor)
            instance = await self._instances.initialise(fresh)
            response.identity = instance.identity
            response.supported_operations.extend(instance.binding.operations)
            if request.namespace:
                await instance.attach(request.namespace)
        except Exception as error:  # noqa: BLE001  # an author's defect is reported to the gateway, and logged
            where = f"instance {request.instance!r}, namespace {request.namespace!r}"
            failed = _reported(error, where, self._instances.redactor)
            response.error = failed.message
            response.status.CopyFrom(to_rpc_status(failed))
            if not response.identity and fresh is not None:
                response.identity = fresh.identity
        else:
            response.success = True
        return response

    async def _health_check(self, request: pb.HealthCheckRequest) -> pb.HealthCheckResponse:
        instance = self._instances.named(request.instance)
        health = await instance.health()
        instance.touch()
        status = pb.HealthCheckResponse.Status.Name(health.status.value)  # the numbers are the same
        return pb.HealthCheckResponse(status=status, message=health.message, details=health.details)

    async def _holds_data(self, request: pb.HoldsDataRequest) -> pb.HoldsDataResponse:
        instance = self._instances.named(request.instance)
        return pb.HoldsDataResponse(holds_data=await instance.holds_data(request.namespace))

    async def _shutdown(self, request: pb.ShutdownRequest) -> pb.ShutdownResponse:
        if request.instance:
            await self._instances.end(request.instance, request.grace_seconds)
        else:
            await self._end(request.grace_seconds)
        return pb.ShutdownResponse(success=True)


def answering(kind: type[Request], answer: Callable[[Request], Awaitable[Message]]) -> Handler:
    """A handler that takes one message and gives one."""

    async def handle(call: ServerCall) -> bytes:
        try:
            request = kind.FromString(call.message)
        except DecodeError:
            raise InvalidArgument(f"the request is not a {kind.DESCRIPTOR.full_name}; send one") from None
        return (await answer(request)).SerializeToString()

    return explained(handle)


def explained(handle: Callable[[ServerCall], Awaitable[bytes | None]]) -> Handler:
    """The handler, with its PrismErrors as the status of its call."""

    async def explaining(call: ServerCall) -> bytes | None:
        try:
            return await handle(call)
        except PrismError as error:
            raise StatusError(to_status(error)) from error

    return explaining


def _agreed(offered: Sequence[int]) -> int:
    """The newest version that both sides speak; a caller that names none is a person with a tool."""
    common = set(SPOKEN) & set(offered) if offered else set(SPOKEN)
    if not common:
        theirs, ours = (", ".join(map(str, versions)) for versions in (offered, SPOKEN))
        problem = f"the gateway speaks plugin protocol {theirs} and this plugin {ours}; upgrade the older of the two"
        raise FailedPrecondition(problem, reason=Reason.PROTOCOL_VERSION)
    return max(common)


def _check_name(asked: str, name: str) -> None:
    if asked and asked != name:
        raise InvalidArgument(
            f"this is plugin {name!r}, not {asked[:100]!r}; check the address or command in the gateway's configuration"
        )


def _reported(error: Exception, where: str, redactor: Redactor) -> PrismError:
    if isinstance(error, PrismError):
        error.message = redactor.scrub(error.message)
        log.warning("%s could not be initialised: %s; the gateway retries it", where, error.message)
        return error
    log.error(
        "%s could not be initialised because of an unexpected error; the gateway retries it; this is a defect in the "
        "plugin: report it to its author with the traceback below",
        where,
        exc_info=error,
    )
    return InternalError(f"the plugin raised an unexpected {type(error).__name__}; see the plugin's log")
