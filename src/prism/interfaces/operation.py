"""The contract as data: what the .proto descriptors say of each operation and of each abstraction."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from prism._proto.data.v1 import options_pb2
from prism.context import Context

Invoke = Callable[[str, Message, Context], Awaitable[Any]]
"""Runs one operation of the same backend, by its Python name, with every check that a call from outside gets."""

Derived = Callable[[Invoke, Any, Context, int], Awaitable[Message]]
"""An operation made of others; the number is the most bytes that one answer of the backend may have."""

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of an abstraction.

    Attributes:
        name: the full gRPC method, `prism.data.v1.KeyValue/Get`.
        method: the Python method that implements it, `get`.
        request: the message type asked with.
        response: the message type answered with.
        client_streaming: many requests.
        server_streaming: many responses.
        reads: it changes nothing (`idempotency_level = NO_SIDE_EFFECTS`).
        repeatable: it may be sent twice without harm (`NO_SIDE_EFFECTS` or `IDEMPOTENT`).
        requires: the capability a backend must declare; empty for none.
        path: of the HTTP/2 request.
        service: the abstraction's gRPC service, `prism.data.v1.KeyValue`.
    """

    name: str
    method: str
    request: type[Message]
    response: type[Message]
    client_streaming: bool
    server_streaming: bool
    reads: bool
    repeatable: bool
    requires: str
    path: str = field(init=False)
    service: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", f"/{self.name}")
        object.__setattr__(self, "service", self.name.partition("/")[0])

    @classmethod
    def of(cls, method: MethodDescriptor) -> "Operation":
        """What the descriptor of a method says."""
        options = method.GetOptions()
        level = options.idempotency_level
        return cls(
            name=f"{method.containing_service.full_name}/{method.name}",
            method=_CAPITAL.sub("_", method.name).lower(),
            request=GetMessageClass(method.input_type),
            response=GetMessageClass(method.output_type),
            client_streaming=method.client_streaming,
            server_streaming=method.server_streaming,
            reads=level == MethodOptions.NO_SIDE_EFFECTS,
            repeatable=level != MethodOptions.IDEMPOTENCY_UNKNOWN,
            requires=extension(method, options_pb2.requires),
        )


@dataclass(frozen=True, slots=True)
class Interface:
    """One abstraction.

    Attributes:
        name: its name in configuration, `keyvalue`.
        protocol: what a backend's object implements.
        service: the gRPC service, as reflection serves it.
        operations: in the order of the .proto.
        derived: operations that are made of others, by their Python name; no backend needs to implement them.
        keeps_data: what callers write stays until they remove it or it expires, so that a namespace cannot be pointed
            at another store without moving it. A cache may forget.
    """

    name: str
    protocol: type
    service: ServiceDescriptor
    operations: tuple[Operation, ...]
    derived: Mapping[str, Derived]
    keeps_data: bool = True

    @classmethod
    def of(
        cls,
        protocol: type,
        service: ServiceDescriptor,
        derived: Mapping[str, Derived] | None = None,
        *,
        keeps_data: bool = True,
    ) -> "Interface":
        """The abstraction that `service` describes and `protocol` types.

        Raises:
            TypeError: an operation has neither a method nor a derivation.
        """
        derived = dict(derived or {})
        operations = tuple(Operation.of(method) for method in service.methods)
        missing = [each.method for each in operations if not (hasattr(protocol, each.method) or each.method in derived)]
        if missing:
            raise TypeError(f"{protocol.__name__} lacks the methods {', '.join(missing)} of {service.full_name}")
        return cls(service.name.lower(), protocol, service, operations, derived, keeps_data)


def extension(described: Any, option: Any) -> Any:
    """The value of a custom option of prism/data/v1/options.proto; `Any`, for generated stubs do not type them."""
    return described.GetOptions().Extensions[option]
