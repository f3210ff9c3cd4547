"""The data port: what is served there, and what of it a reload changes while connections are open."""

from collections.abc import Mapping

from prism.admin.service import SERVICE
from prism.config.sections.root import Config
from prism.gateway.chain import response_chain
from prism.gateway.connect import Connect, Cors
from prism.gateway.gateway import Gateway
from prism.gateway.grpc import answering, grpc_methods
from prism.gateway.hops.response_headers import ResponseHeaders
from prism.gateway.local_reply import GatewayLocalReply
from prism.gateway.other_port import misdirected
from prism.gateway.response import ResponseHop
from prism.gateway.streams.heartbeats import Heartbeats
from prism.interfaces.catalogue import interfaces
from prism.open_files import SPARE
from prism.services import HealthService, StandardOperations, described, described_services
from prism.wire import Server, ServerConfig
from prism.wire.networks import Networks


class DataPort:
    """Serves operations by every protocol.

    Attributes:
        server: what listens.
    """

    def __init__(self, gateway: Gateway, health: HealthService, heartbeats: Heartbeats, config: Config) -> None:
        """
        Args:
            gateway: carries operations out.
            health: of the gateway.
            heartbeats: of streams.
            config: what is in force.
        """
        described_here = described([interface.service for interface in interfaces().values()])
        elsewhere = misdirected([SERVICE], gateway.operations)
        standard = described_services(health, described_here)
        self._plain = {**elsewhere, **grpc_methods(gateway, heartbeats), **standard}
        self._headers: Mapping[str, str] = config.gateway.response_headers
        self._origins = config.gateway.cors.origins
        hops = _hops(self._headers)
        # Looked into for each call: other headers are other methods in the same dictionary.
        self._methods = dict(answering(self._plain, hops))
        self._connect = Connect(
            gateway,
            cors=self._cors(),
            max_message_size=int(config.gateway.max_message_size),
            response_hops=hops,
            heartbeats=heartbeats,
            beside=StandardOperations(health, described_here),
        )
        settings = server_config(config, self._connect.body_limit)
        self.server = Server(self._methods.get, http=self._connect, local_replies=GatewayLocalReply(), config=settings)

    def configure(self, config: Config) -> None:
        """Applies what of another configuration needs no restart."""
        section = config.gateway
        self.server.limit_age(section.max_connection_age or None, section.max_connection_age_grace)
        if section.response_headers != self._headers:
            self._headers = section.response_headers
            hops = _hops(self._headers)
            self._methods.update(answering(self._plain, hops))
            self._connect.configure(self._cors(), hops)

    def _cors(self) -> Cors:
        return Cors(self._origins, exposed=tuple(self._headers))


def _hops(headers: Mapping[str, str]) -> tuple[ResponseHop, ...]:
    return response_chain(headers=ResponseHeaders(headers) if headers else None)


def server_config(config: Config, body_limit: int) -> ServerConfig:
    """What the port begins with."""
    section = config.gateway
    proxies = section.proxies
    return ServerConfig(
        max_message_size=int(section.max_message_size),
        max_header_list_size=int(section.max_header_size),
        max_body_size=body_limit,
        max_connection_age=section.max_connection_age or None,
        drain_timeout=section.max_connection_age_grace,
        spare_descriptors=SPARE,
        proxies=Networks(proxies.trusted) if proxies is not None and proxies.proxy_protocol else None,
    )
