"""One process that serves prism.plugin.v1, as the gateway reaches it: the ways to it, and an instance's life in it.

What callers may hold is kept apart. Streams have connections of their own, as they may be held for days; calls of one
message have theirs; probes and the instance's life have one that no caller's call can use up.
"""

import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any, Final, TypeVar

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from google.protobuf.struct_pb2 import Struct

from prism._proto.grpc.health.v1.health_pb2 import HealthCheckRequest as AliveRequest
from prism._proto.grpc.health.v1.health_pb2 import HealthCheckResponse as AliveResponse
from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.errors import BackendUnavailable, DeadlineExceeded, FailedPrecondition, PrismError, Unimplemented
from prism.plugins.discovery import Plugin
from prism.plugins.own_services import NotDescribed, described
from prism.plugins.rpc import translation
from prism.plugins.rpc.metrics import PluginMetrics
from prism.plugins.sidecar.handshake import VERSIONS
from prism.reason import Reason
from prism.sdk.backend import Health, HealthStatus
from prism.wire import Channel, ChannelConfig, ChannelState, Code, Deadline, Peer, StatusError

SERVICE = "/prism.plugin.v1."
HEALTH_SERVICE = "plugin"
"""What go-plugin calls the one service whose health it serves."""

MAX_STREAMS: Final = 100
"""Streams on one connection: the windows and buffers that they hold unread are its own, and far from its bounds."""
MAX_STREAM_CONNECTIONS: Final = 100
MAX_CALL_CONNECTIONS: Final = 10

_Answer = TypeVar("_Answer", bound=Message)


@dataclass(frozen=True, slots=True)
class Identity:
    """An instance, as Initialize describes it to a plugin's process.

    Attributes:
        name: unique in that process.
        backend: the plugin's name.
        config: its options, as they were written.
        credentials: its credentials for the store.
        plugin: what its manifest says.
    """

    name: str
    backend: str
    config: Mapping[str, Any] = field(repr=False)
    credentials: Mapping[str, Any] = field(repr=False)
    plugin: Plugin | None = field(default=None, repr=False)

    def request(self, namespace: str) -> pb.InitializeRequest:
        """What starts it, and attaches a namespace where one is named."""
        options = Struct()
        options.update(self.config)
        config = AnyMessage()
        config.Pack(options)
        return pb.InitializeRequest(
            namespace=namespace,
            backend_type=self.backend,
            config=config,
            credentials={
                name: value if isinstance(value, str) else json.dumps(value) for name, value in self.credentials.items()
            },
            capabilities=pb.ProxyCapabilities(
                supports_distributed_tracing=True, supports_hot_reload=True, proxy_version=version("prism-gateway")
            ),
            instance=self.name,
            protocol_versions=VERSIONS,
        )


class Endpoint:
    """A plugin's process, and one instance in it.

    Attributes:
        target: its address.
        calls: the way of calls of one message.
        streams: the way of streams: more connections as they fill them.
        control: the way of probes and of the instance's life.
        outstanding: calls in progress.
        store: the identity of the instance's store; empty until it is known.
        initialised: the process has the instance.
    """

    __slots__ = ("_identity", "calls", "control", "initialised", "outstanding", "store", "streams", "target")

    def __init__(
        self,
        target: str,
        identity: Identity,
        *,
        tls: ssl.SSLContext | None = None,
        server_name: str = "",
        objection: Callable[[Peer], str] | None = None,
        max_message_size: int = 4 << 20,
        probe_timeout: float | None = None,
    ) -> None:
        """
        Args:
            target: its address.
            identity: the instance.
            tls: None for a plain socket.
            server_name: the name in its certificate; empty for the host of the address.
            objection: why the peer that was reached is not the plugin; empty where it is.
            max_message_size: bytes of one answer.
            probe_timeout: a call that is given up puts its connection in doubt: new calls use another one soon, and it
                is dropped after so many seconds of silence. None where nothing is on the way, which might
                also refuse calls that the plugin took.
        """
        self.target = target
        self.outstanding = 0
        self.store = ""
        self.initialised = False
        self._identity = identity
        config = ChannelConfig(
            max_message_size=max_message_size,
            backoff_initial=0.05,
            backoff_max=2.0,
            keepalive_interval=30.0,
            probe_timeout=probe_timeout,
            doubt_refusals=probe_timeout is not None,
        )

        def channel(config: ChannelConfig) -> Channel:
            return Channel(target, tls=tls, server_name=server_name or None, config=config, verify_peer=objection)

        self.control = channel(config)
        self.calls = channel(replace(config, max_connections=MAX_CALL_CONNECTIONS))
        self.streams = channel(replace(config, max_connections=MAX_STREAM_CONNECTIONS, max_streams=MAX_STREAMS))

    @property
    def _channels(self) -> tuple[Channel, ...]:
        return (self.calls, self.streams, self.control)

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return any(each.state is ChannelState.READY for each in self._channels)

    async def initialise(self, namespace: str, deadline: Deadline | None = None) -> None:
        """Starts the instance, or attaches a namespace to it. Raises as the backend's own start does."""
        request = self._identity.request(namespace)
        try:
            answer = await self._ask("BackendPlugin/Initialize", request, pb.InitializeResponse, deadline)
        except Unimplemented as error:
            raise FailedPrecondition(
                f"the server at {self.target} is not a Prism plugin ({error.message}); check the address"
            ) from error
        self.store = answer.identity or self.store
        if not answer.success:
            raise translation.of_response(answer, self._identity.backend)
        if answer.protocol_version not in (0, *VERSIONS):
            spoken = " and ".join(map(str, VERSIONS))
            raise FailedPrecondition(
                f"plugin {self._identity.backend!r} speaks version {answer.protocol_version} of the plugin protocol "
                f"and the gateway version {spoken}; install compatible versions of both"
            )
        if not self.initialised and self._identity.plugin is not None and self._identity.plugin.manifest.services:
            await self._check_services(self._identity.plugin, deadline)
        self.initialised = True

    async def _check_services(self, plugin: Plugin, deadline: Deadline | None) -> None:
        """Passes a plugin that describes its own services as its manifest does, or not at all.

        Raises:
            FailedPrecondition: it describes them otherwise.
        """
        try:
            answer = await self._ask("PluginInfoService/GetInfo", pb.GetInfoRequest(), pb.GetInfoResponse, deadline)
        except Unimplemented:
            return
        if not answer.descriptors:
            return
        try:
            found = described(answer.descriptors, tuple(answer.services))
        except NotDescribed as error:
            raise FailedPrecondition(
                f"plugin {plugin.name!r} answers GetInfo with descriptors that cannot be used: what it sends {error}"
            ) from error
        known = {name: said for each in found for name, said in each.description.items()}
        if objection := plugin.objection(known):
            raise FailedPrecondition(objection)

    async def health(self, deadline: Deadline | None = None) -> Health:
        """The health of the instance's store; raises where the plugin cannot be asked."""
        request = pb.HealthCheckRequest(instance=self._identity.name)
        answer = await self._ask("BackendPlugin/HealthCheck", request, pb.HealthCheckResponse, deadline)
        known = answer.status in (each.value for each in HealthStatus)
        status = HealthStatus(answer.status) if known else HealthStatus.UNHEALTHY
        return Health(status, answer.message, dict(answer.details))

    async def alive(self, deadline: Deadline) -> bool:
        """Whether the process answers at all, whatever its store does."""
        # Any answer, even an error, shows that it is alive.
        return not isinstance(await self._silence(self.control, deadline), BackendUnavailable | DeadlineExceeded)

    async def reachable(self, deadline: Deadline) -> bool:
        """Whether calls can connect to the process, though it may be too busy to answer in time."""
        return not isinstance(await self._silence(self.calls, deadline), BackendUnavailable)

    async def _silence(self, channel: Channel, deadline: Deadline) -> PrismError | None:
        """Why it does not answer whether it serves, if it does not."""
        try:
            question = AliveRequest(service=HEALTH_SERVICE).SerializeToString()
            await channel.unary("/grpc.health.v1.Health/Check", question, deadline=deadline)
        except StatusError as error:
            return translation.of_failure(error, self._identity.backend)
        return None

    async def serving(self, deadline: Deadline) -> None:
        """Waits until the process says that it serves.

        Raises:
            PrismError: it does not, or cannot be reached.
        """
        question = AliveRequest(service=HEALTH_SERVICE)
        try:
            written = question.SerializeToString()
            answer = await self.control.unary(
                "/grpc.health.v1.Health/Check", written, deadline=deadline, wait_for_ready=True
            )
            status = AliveResponse.FromString(answer).status
        except StatusError as error:
            raise translation.of_failure(error, self._identity.backend) from error
        except DecodeError as error:
            raise translation.defective(
                self._identity.backend, "answered its health check with bytes that are not a valid HealthCheckResponse"
            ) from error
        if status != AliveResponse.SERVING:
            name = AliveResponse.ServingStatus.Name(status)
            raise FailedPrecondition(
                f"plugin {self._identity.backend!r} reports {name} (grpc.health.v1, {HEALTH_SERVICE!r}); see its log"
            )

    async def holds_data(self, namespace: str) -> bool:
        """Whether anything is stored in the namespace; assumed where the plugin does not implement this."""
        request = pb.HoldsDataRequest(namespace=namespace, instance=self._identity.name)
        try:
            answer = await self._ask("NamespaceService/HoldsData", request, pb.HoldsDataResponse, None)
        except PrismError as error:
            if error.code == Code.UNIMPLEMENTED:
                return True
            raise
        return answer.holds_data

    async def metrics(self, deadline: Deadline | None = None) -> PluginMetrics:
        """The metrics of the instance; empty where the plugin serves none."""
        request = pb.GetMetricsRequest(instance=self._identity.name)
        try:
            answer = await self._ask("MetricsService/GetMetrics", request, pb.GetMetricsResponse, deadline)
        except PrismError:
            return PluginMetrics({})
        return PluginMetrics.of(answer.plugin_metrics)

    async def shut_down(self, *, whole: bool, grace: float, deadline: Deadline) -> bool:
        """Stops the instance, or the whole process; whether the plugin confirms it. Raises where it cannot be asked."""
        request = pb.ShutdownRequest(instance="" if whole else self._identity.name, grace_seconds=grace)
        answer = await self._ask("BackendPlugin/Shutdown", request, pb.ShutdownResponse, deadline)
        self.initialised = False
        return answer.success

    async def close(self) -> None:
        """Closes the connections; calls in progress are lost."""
        for each in self._channels:
            await each.close()

    async def _ask(self, method: str, request: Message, kind: type[_Answer], deadline: Deadline | None) -> _Answer:
        backend = self._identity.backend
        try:
            answer = await self.control.unary(SERVICE + method, request.SerializeToString(), deadline=deadline)
            return kind.FromString(answer)
        except StatusError as error:
            failure = translation.of_failure(error, backend)
            if failure.reason == Reason.INSTANCE_UNKNOWN:
                self.initialised = False
            raise failure from error
        except DecodeError as error:
            raise translation.defective(
                backend, f"answered {method} with bytes that are not a valid {kind.DESCRIPTOR.name}"
            ) from error
