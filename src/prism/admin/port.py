"""The admin port: the admin service by the same ways in as the data port, behind a guard against web pages."""

from time import time

from prism.admin.action import Action, Actor
from prism.admin.guard import Guard
from prism.admin.paths import PlainPaths
from prism.admin.service import SERVICE, Admin
from prism.gateway.connect import Connect
from prism.gateway.connect.errors import HttpRefusal
from prism.gateway.grpc import grpc_methods
from prism.gateway.other_port import misdirected
from prism.interfaces.catalogue import interfaces
from prism.reason import Reason
from prism.services import HealthService, StandardOperations, described, described_services
from prism.wire import HttpRequest, Method, Server, ServerConfig


class AdminPort:
    """Makes the server.

    Args:
        admin: what it serves.
    """

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._health = HealthService(lambda: {"": True, SERVICE.full_name: True})

    def server(self, config: ServerConfig | None = None) -> Server:
        """A server that does not listen yet."""
        described_here = described([SERVICE])
        elsewhere = misdirected([each.service for each in interfaces().values()], self._admin.operations)
        own = {**grpc_methods(self._admin), **described_services(self._health, described_here)}
        methods: dict[str, Method] = {**elsewhere, **own}
        connect = Connect(self._admin, beside=StandardOperations(self._health, described_here))
        http = Guard(PlainPaths(connect, self._admin.operations), self._refused)
        return Server(methods.get, http=http, message_bodies=connect.message_bodies, config=config or ServerConfig())

    def close(self) -> None:
        """The gateway drains: those who watch the port's health are let go."""
        self._health.close()

    def _refused(self, request: HttpRequest, refusal: HttpRefusal) -> None:
        self._admin.tell(
            Action(
                operation=request.path[:100],
                reads=False,
                namespace="",
                plugin="",
                actor=Actor.of(request.headers, request.peer),
                code=refusal.code,
                reason=Reason.NOT_FOR_WEB_PAGES,
                message=refusal.message,
                time=time(),
                seconds=0.0,
            )
        )
