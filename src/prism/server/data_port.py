"""The data port: what is served there, and what of it a reload changes while connections are open."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from prism._proto.admin.v1 import admin_pb2
from prism.config.sections.root import Config
from prism.gateway.chain import response_chain
from prism.gateway.gateway import Gateway
from prism.gateway.grpc import answering, grpc_methods
from prism.gateway.hops.response_headers import ResponseHeaders
from prism.gateway.http import WhenAsked, body_limit
from prism.gateway.local_reply import GatewayLocalReply
from prism.gateway.other_port import misdirected
from prism.gateway.response import ResponseHop
from prism.gateway.streams.heartbeats import Heartbeats
from prism.interfaces.catalogue import interfaces
from prism.open_files import SPARE
from prism.plugins.own_services import NONE, OwnServices
from prism.server.objects_port import ObjectsPort
from prism.services import HealthService, StandardOperations, described, described_services
from prism.wire import Method, Server, ServerConfig
from prism.wire.http.message import MessageBodies
from prism.wire.networks import Networks

if TYPE_CHECKING:
    from prism.gateway.connect import Connect, Cors


class DataPort:
    """Serves operations by every protocol.

    Attributes:
        server: what listens.
        objects: what of it is about objects.
    """

    def __init__(self, gateway: Gateway, health: HealthService, heartbeats: Heartbeats, config: Config) -> None:
        """
        Args:
            gateway: carries operations out.
            health: of the gateway.
            heartbeats: of streams.
            config: what is in force.
        """
        self._gateway, self._heartbeats = gateway, heartbeats
        self._described = described([interface.service for interface in interfaces().values()])
        elsewhere = misdirected([admin_pb2.DESCRIPTOR.services_by_name["AdminService"]], gateway.operations)
        standard = described_services(health, self._described)
        keys = [each.get_secret_value() for each in config.gateway.presign_keys]
        self.objects = ObjectsPort(gateway, keys, lambda: (self._cors(), _hops(self._headers)))
        self._plain = {**elsewhere, **grpc_methods(gateway, heartbeats), **self.objects.methods(), **standard}
        self._own: OwnServices = NONE
        self._headers: Mapping[str, str] = config.gateway.response_headers
        self._origins = config.gateway.cors.origins
        hops = _hops(self._headers)
        # Looked into for each call: other headers are other methods in the same dictionary.
        self._methods = dict(answering(self._plain, hops))
        self._of_plugins: Mapping[str, Method] = {}
        self._connect: Connect | None = None

        def connect() -> "tuple[Connect, MessageBodies]":
            from prism.gateway.connect import Connect

            self._connect = Connect(
                self.objects.signing,
                cors=self._cors(),
                max_message_size=int(config.gateway.max_message_size),
                response_hops=_hops(self._headers),
                heartbeats=heartbeats,
                beside=StandardOperations(health, self._described),
            )
            return self._connect, self._connect.message_bodies

        http = WhenAsked(connect)
        self.server = Server(
            self._methods.get,
            http=self.objects.before(http),
            message_bodies=http.message_bodies,
            raw_bodies=self.objects.raw_bodies,
            local_replies=GatewayLocalReply(),
            config=server_config(config),
        )

    def configure(self, config: Config) -> None:
        """Applies what of another configuration needs no restart."""
        section = config.gateway
        self.server.limit_age(section.max_connection_age or None, section.max_connection_age_grace)
        if section.response_headers != self._headers:
            self._headers = section.response_headers
            hops = _hops(self._headers)
            self._methods.update(answering({**self._plain, **self._of_plugins}, hops))
            if self._connect is not None:
                self._connect.configure(self._cors(), hops)
            self.objects.configure()

    def serve(self, own: OwnServices) -> None:
        """Serves and describes these services of plugins' own, in place of those that were given last."""
        if own is self._own:
            return
        self._own = own
        for path in self._of_plugins:
            del self._methods[path]
        operations = own.operations.values()
        self._of_plugins = {
            path: method
            for path, method in grpc_methods(self._gateway, self._heartbeats, operations).items()
            if path not in self._plain
        }
        self._methods.update(answering(self._of_plugins, _hops(self._headers)))
        self._described.describe_besides(each.descriptor for each in own)

    def _cors(self) -> "Cors":
        from prism.gateway.connect import Cors

        return Cors(self._origins, exposed=tuple(self._headers))


def _hops(headers: Mapping[str, str]) -> tuple[ResponseHop, ...]:
    return response_chain(headers=ResponseHeaders(headers) if headers else None)


def server_config(config: Config) -> ServerConfig:
    """What the port begins with."""
    section = config.gateway
    proxies = section.proxies
    return ServerConfig(
        max_message_size=int(section.max_message_size),
        max_header_list_size=int(section.max_header_size),
        max_body_size=body_limit(int(section.max_message_size)),
        max_connection_age=section.max_connection_age or None,
        drain_timeout=section.max_connection_age_grace,
        spare_descriptors=SPARE,
        proxies=Networks(proxies.trusted) if proxies is not None and proxies.proxy_protocol else None,
    )
