"""The namespaces of the running configuration."""

from prism._proto.admin.v1 import admin_pb2 as pb
from prism.admin.action import Actor
from prism.admin.page import page
from prism.admin.plain import struct
from prism.admin.status import Reporter, find
from prism.control import describe
from prism.control.control import Control
from prism.control.served import Served


class Namespaces:
    """Lists and describes namespaces.

    Args:
        control: serves them.
        reporter: knows the state of namespaces.
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
        statuses = self._reporter.statuses([served])
        namespace = _namespace(self._reporter, served)
        response = pb.DescribeNamespaceResponse(namespace=namespace, line=served.spec.line, status=statuses[0])
        found = [describe.options(each.spec) for each in served.backends]
        if len(found) == 1:
            response.config.CopyFrom(struct(found[0]["config"]))
            response.credentials.CopyFrom(struct(found[0]["credentials"]))
        else:
            for backend, options, status in zip(response.namespace.backends, found, statuses, strict=True):
                backend.config.CopyFrom(struct(options["config"]))
                backend.credentials.CopyFrom(struct(options["credentials"]))
                backend.status.CopyFrom(status)
        return response


def _namespace(reporter: Reporter, served: Served) -> pb.Namespace:
    backends = [
        pb.NamespaceBackend(
            abstractions=each.spec.abstractions,
            plugin=each.spec.instance.plugin.name,
            placement=each.spec.instance.placement.type,
            state=reporter.state(served, each),
        )
        for each in served.backends
    ]
    return pb.Namespace(
        name=served.spec.name,
        abstractions=served.spec.abstractions,
        plugin=backends[0].plugin,
        placement=backends[0].placement,
        state=reporter.worst(served),
        backends=backends if len(backends) > 1 else (),
    )
