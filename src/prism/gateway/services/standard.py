"""The services that every gRPC server of the field has beside its own: health, and reflection over all of them."""

from collections.abc import Iterable, Mapping

from google.protobuf.descriptor import ServiceDescriptor

from prism.gateway.services import health, reflection
from prism.gateway.services.described import Described
from prism.wire import Method


def standard_services(health_service: health.Health, services: Iterable[ServiceDescriptor]) -> Mapping[str, Method]:
    """The methods, by path.

    Args:
        health_service: answers for health.
        services: what else the server serves, for reflection to tell.
    """
    described = Described([*services, health.SERVICE, *reflection.SERVICES])
    methods = [*health_service.methods()]
    methods += [reflection.Reflection(version, described).method() for version in reflection.VERSIONS]
    return {method.path: method for method in methods}
