"""Operations of a plugin's own, beside those of the abstractions: for what only its store can do.

They are described in a .proto of the plugin's, like the abstractions are in Prism's, so that they are decoded, checked
and counted alike, and run by the same Execute.

Source: ADR-005 "Extension Traits for Backend-Specific Features".
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from google.protobuf.descriptor import MethodDescriptor

from prism.interfaces.catalogue import interfaces
from prism.interfaces.operation import Operation

_MARK: Final = "_prism_operation"

Method = TypeVar("Method", bound=Callable[..., Any])


def operation(described: MethodDescriptor) -> Callable[[Method], Method]:
    """Marks a method of one of a backend's objects as what serves an operation of the plugin's own.

        @operation(shelf_pb2.DESCRIPTOR.services_by_name["Shelf"].methods_by_name["Dust"])
        async def dust(self, request: DustRequest, context: Context) -> DustResponse: ...

    It takes the request, or an async iterator of them where they are a stream, and a `Context`; one whose responses are
    a stream is an async generator. In the .proto,
    `idempotency_level = NO_SIDE_EFFECTS` says that it changes nothing.

    Raises:
        TypeError: it is an operation of an abstraction.
    """
    own = Operation.of(described)
    # By name: a descriptor of a pool of the plugin's own is another object.
    if described.containing_service.full_name in {each.service.full_name for each in interfaces().values()}:
        raise TypeError(f"{own.name} belongs to an abstraction; subclass its Protocol, or use a service of your own")

    def mark(method: Method) -> Method:
        setattr(method, _MARK, own)
        return method

    return mark


def operations_of(implementation: object) -> Iterator[tuple[str, Operation]]:
    """The operations of its own that an object serves, each with the name of its method."""
    for name in dir(type(implementation)):
        own = getattr(getattr(type(implementation), name), _MARK, None)
        if own is not None:
            yield name, own
