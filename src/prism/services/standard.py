"""The services that every gRPC server of the field has beside its own: health, and reflection over all of them."""

from collections.abc import Iterable, Mapping

from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from google.rpc import error_details_pb2

from prism.services import reflection
from prism.services.described import Described
from prism.services.health import SERVICE, HealthService
from prism.wire import Method


def described(services: Iterable[ServiceDescriptor], files: Iterable[FileDescriptor] = ()) -> Described:
    """What reflection describes of a server; the details of errors too, else a tool shows their reasons as bytes.

    Args:
        services: what it serves beside the standard ones.
        files: what is described besides, such as messages that travel in a `google.protobuf.Any`.
    """
    return Described([*services, SERVICE, *reflection.SERVICES], [error_details_pb2.DESCRIPTOR, *files])


def described_services(health_service: HealthService, described: Described) -> Mapping[str, Method]:
    """The methods, by path; the descriptions may become more while a server serves them."""
    methods = [*health_service.methods()]
    methods += [reflection.Reflection(version, described).method() for version in reflection.VERSIONS]
    return {method.path: method for method in methods}
