"""Calls that come to the wrong port of a gateway: refused with the name of the right one."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from google.protobuf.descriptor import ServiceDescriptor

from prism.errors import Outcome, Unimplemented
from prism.reason import Reason
from prism.rpc_status import to_status
from prism.wire import Method, ServerCall, StatusError
from prism.wire.server.method import Handler

_PORTS: Final = {
    "/prism.admin.": "the gateway's admin port (admin.listen), and this is its data port",
    "/prism.data.": "the gateway's data port (gateway.listen), and this is its admin port",
}
"""Where the services of a package are, said on the other port."""


def place_of(path: str, operations: Collection[str]) -> str:
    """On which other port of the gateway the service of a path is; empty where it is on this one, or on neither.

    Args:
        path: what was asked for.
        operations: the paths that are served here.
    """
    for package, place in _PORTS.items():
        if path.startswith(package) and not any(each.startswith(package) for each in operations):
            return place
    return ""


def misdirected(services: Iterable[ServiceDescriptor], operations: Collection[str]) -> Mapping[str, Method]:
    """Methods that refuse what belongs to another port.

    Args:
        services: those of the other ports.
        operations: the paths that are served here.
    """
    paths = [f"/{service.full_name}/{method.name}" for service in services for method in service.methods]
    return {path: Method(path, _refusing(path, place_of(path, operations))) for path in paths}


def _refusing(path: str, place: str) -> Handler:
    error = Unimplemented(f"{path} is on {place}")
    error.reason, error.outcome = Reason.METHOD_UNKNOWN, Outcome.NOT_APPLIED
    status = to_status(error)

    async def refuse(_: ServerCall) -> bytes:
        raise StatusError(status)

    return refuse
