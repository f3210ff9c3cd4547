"""The admin port: the admin service by the same ways in as the data port, behind a guard against web pages.

It listens from the start of a gateway; what it serves is loaded and made with the first call, so that no start waits
for it.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from time import time
from typing import TYPE_CHECKING

from prism._proto.admin.v1 import admin_pb2
from prism.gateway.grpc import grpc_methods
from prism.gateway.http import WhenAsked
from prism.gateway.other_port import misdirected
from prism.interfaces.catalogue import interfaces
from prism.reason import Reason
from prism.services import HealthService, StandardOperations, described, described_services
from prism.services.described import Described
from prism.wire import HttpHandler, HttpRequest, Method, Server, ServerConfig
from prism.wire.http.message import MessageBodies

if TYPE_CHECKING:
    from prism.admin.service import Admin
    from prism.gateway.connect.errors import HttpRefusal


SERVICE = "prism.admin.v1.AdminService"


class AdminPort:
    """Makes the server.

    Args:
        make: makes what it serves; called once.
    """

    def __init__(self, make: Callable[[], "Admin"]) -> None:
        self._make = make
        self._health = HealthService(lambda: {"": True, SERVICE: True})

    def server(self, config: ServerConfig | None = None) -> Server:
        """A server that does not listen yet."""
        http = WhenAsked(self._http)
        return Server(
            lambda path: self._methods.get(path),
            http=http,
            message_bodies=http.message_bodies,
            config=config or ServerConfig(),
        )

    @cached_property
    def _admin(self) -> "Admin":
        return self._make()

    @cached_property
    def _described(self) -> Described:
        return described([admin_pb2.DESCRIPTOR.services_by_name["AdminService"]])

    @cached_property
    def _methods(self) -> Mapping[str, Method]:
        elsewhere = misdirected([each.service for each in interfaces().values()], self._admin.operations)
        return {**elsewhere, **grpc_methods(self._admin), **described_services(self._health, self._described)}

    def _http(self) -> tuple[HttpHandler, MessageBodies]:
        from prism.admin.guard import Guard
        from prism.admin.paths import PlainPaths
        from prism.gateway.connect import Connect

        connect = Connect(self._admin, beside=StandardOperations(self._health, self._described))
        return Guard(PlainPaths(connect, self._admin.operations), self._refused), connect.message_bodies

    def close(self) -> None:
        """The gateway drains: those who watch the port's health are let go."""
        self._health.close()

    def _refused(self, request: HttpRequest, refusal: "HttpRefusal") -> None:
        from prism.admin.action import Action, Actor

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
