"""The services that every gRPC server of the field has beside its own: health, and reflection over all of them."""

from collections.abc import Iterable, Mapping

from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor

from prism.services import health, reflection
from prism.services.described import Described
from prism.wire import Method


def standard_services(
    health_service: health.Health, services: Iterable[ServiceDescriptor], files: Iterable[FileDescriptor] = ()
) -> Mapping[str, Method]:
    """The methods, by path.

    Args:
        health_service: answers for health.
        services: what else the server serves, for reflection to tell.
        files: what reflection tells besides, such as messages that travel in a `google.protobuf.Any`.
    """
    described = Described([*services, health.SERVICE, *reflection.SERVICES], files)
    methods = [*health_service.methods()]
    methods += [reflection.Reflection(version, described).method() for version in reflection.VERSIONS]
    return {method.path: method for method in methods}
