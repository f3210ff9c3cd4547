"""The namespaces of the running configuration."""

from prism._proto.admin.v1 import admin_pb2 as pb
from prism.control import describe
from prism.control.admin.action import Actor
from prism.control.admin.page import page
from prism.control.admin.plain import struct
from prism.control.admin.status import find, state, status
from prism.control.control import Control
from prism.control.transition import Served


class Namespaces:
    """Lists and describes namespaces.

    Args:
        control: serves them.
    """

    def __init__(self, control: Control) -> None:
        self._control = control

    async def list_namespaces(self, request: pb.ListNamespacesRequest, _actor: Actor) -> pb.ListNamespacesResponse:
        """A page of them."""
        served = self._control.served
        shown, token = page(served, request.page_token, request.page_size)
        return pb.ListNamespacesResponse(
            namespaces=[_namespace(self._control, served[name]) for name in shown],
            next_page_token=token,
            generation=self._control.generation,
        )

    async def describe_namespace(
        self, request: pb.DescribeNamespaceRequest, _actor: Actor
    ) -> pb.DescribeNamespaceResponse:
        """One.

        Raises:
            NamespaceNotFound: it is not configured.
        """
        served = find(self._control, request.namespace)
        details = describe.details(served.spec)
        return pb.DescribeNamespaceResponse(
            namespace=_namespace(self._control, served),
            line=details["line"],
            config=struct(details["config"]),
            credentials=struct(details["credentials"]),
            status=status(self._control, served),
        )


def _namespace(control: Control, served: Served) -> pb.Namespace:
    row = describe.row(served.spec)
    return pb.Namespace(
        name=row["name"],
        abstractions=row["abstractions"],
        plugin=row["backend"],
        placement=row["placement"],
        state=state(control, served),
    )
