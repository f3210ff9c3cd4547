"""The namespaces of the running configuration."""

from prism._proto.admin.v1 import admin_pb2 as pb
from prism.admin.action import Actor
from prism.admin.page import page
from prism.admin.plain import struct
from prism.admin.status import Reporter, find
from prism.control import describe
from prism.control.control import Control
from prism.control.transition import Served


class Namespaces:
    """Lists and describes namespaces.

    Args:
        control: serves them.
        reporter: tells how namespaces fare.
    """

    def __init__(self, control: Control, reporter: Reporter) -> None:
        self._control = control
        self._reporter = reporter

    async def list_namespaces(self, request: pb.ListNamespacesRequest, _actor: Actor) -> pb.ListNamespacesResponse:
        """A page of them."""
        served = self._control.served
        shown, token = page(served, request.page_token, request.page_size)
        return pb.ListNamespacesResponse(
            namespaces=[_namespace(self._reporter, served[name]) for name in shown],
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
            namespace=_namespace(self._reporter, served),
            line=details["line"],
            config=struct(details["config"]),
            credentials=struct(details["credentials"]),
            status=self._reporter.status(served),
        )


def _namespace(reporter: Reporter, served: Served) -> pb.Namespace:
    row = describe.row(served.spec)
    return pb.Namespace(
        name=row["name"],
        abstractions=row["abstractions"],
        plugin=row["backend"],
        placement=row["placement"],
        state=reporter.state(served),
    )
