"""The contract as data: what the .proto descriptors say of each operation and of each abstraction."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from prism._proto.data.v1 import options_pb2
from prism.context import Context
from prism.principal import READ, WRITE

if TYPE_CHECKING:
    from prism.interfaces.capabilities import Capabilities

Requests = AsyncIterator[bytes]
"""What arrives on a stream of requests, one message after another; reading is what lets the sender go on."""

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
        operation_class: what authorization takes it for: `read`, `write`, `consume` or `manage`.
        repeatable: it may be sent twice without harm (`NO_SIDE_EFFECTS` or `IDEMPOTENT`).
        requires: the capability a backend must declare; empty for none.
        drains: a stream that ends by itself once `Context.draining` is set.
        named: authorization rules allow it only where they name its abstraction.
        also: another class that a caller must be allowed as well; empty for none.
        affinity: the path of the field that names what the call is about, of the first request; empty for none.
        path: of the HTTP/2 request.
        own_right: what a rule gives that names its abstraction, `keyvalue.read`.
        right: what a rule gives that allows it: its class, or `own_right` where the rule must name the abstraction.
        also_rights: what a rule gives that allows `also`, one of them is enough; empty where nothing more is needed.
        service: the abstraction's gRPC service, `prism.data.v1.KeyValue`.
        streams: many requests, many responses, or both.
    """

    name: str
    method: str
    request: type[Message]
    response: type[Message]
    client_streaming: bool
    server_streaming: bool
    reads: bool
    operation_class: str
    repeatable: bool
    requires: str
    drains: bool = False
    named: bool = False
    also: str = ""
    affinity: str = ""
    path: str = field(init=False)
    service: str = field(init=False)
    streams: bool = field(init=False)
    own_right: str = field(init=False)
    right: str = field(init=False)
    also_rights: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "streams", self.client_streaming or self.server_streaming)
        object.__setattr__(self, "path", f"/{self.name}")
        object.__setattr__(self, "service", self.name.partition("/")[0])
        object.__setattr__(self, "own_right", right(self.interface, self.operation_class))
        object.__setattr__(self, "right", self.own_right if self.named else self.operation_class)
        of_all = () if self.named else (self.also,)
        also = (*of_all, right(self.interface, self.also)) if self.also else ()
        object.__setattr__(self, "also_rights", frozenset(also))

    @property
    def interface(self) -> str:
        """The abstraction's name in configuration."""
        return self.name.rpartition("/")[0].rpartition(".")[2].lower()

    @classmethod
    def of(cls, method: MethodDescriptor) -> "Operation":
        """What the descriptor of a method says.

        Raises:
            TypeError: its class and its idempotency level contradict each other.
        """
        options = method.GetOptions()
        level = options.idempotency_level
        reads = level == MethodOptions.NO_SIDE_EFFECTS
        operation_class = _class(method, reads=reads)
        return cls(
            name=f"{method.containing_service.full_name}/{method.name}",
            method=_CAPITAL.sub("_", method.name).lower(),
            request=GetMessageClass(method.input_type),
            response=GetMessageClass(method.output_type),
            client_streaming=method.client_streaming,
            server_streaming=method.server_streaming,
            reads=reads,
            operation_class=operation_class,
            repeatable=level != MethodOptions.IDEMPOTENCY_UNKNOWN,
            requires=extension(method, options_pb2.requires),
            drains=extension(method, options_pb2.drains),
            named=extension(method, options_pb2.named),
            also=_name(extension(method, options_pb2.also)),
            affinity=extension(method, options_pb2.affinity),
        )


@dataclass(frozen=True, slots=True)
class Interface:
    """One abstraction.

    Attributes:
        name: its name in configuration, `keyvalue`.
        protocol: what every backend's object implements.
        service: the gRPC service, as reflection serves it.
        operations: in the order of the .proto.
        load_capabilities: imports the model of what a backend may declare; a client never needs it.
        optional: what an object implements besides for a capability, by that capability.
        derived: operations that are made of others, by their Python name; no backend needs to implement them.
        keeps_data: what callers write stays until they remove it or it expires, so that a namespace cannot be pointed
            at another store without moving it. A cache may forget.
    """

    name: str
    protocol: type
    service: ServiceDescriptor
    operations: tuple[Operation, ...]
    load_capabilities: Callable[[], "type[Capabilities]"]
    optional: Mapping[str, type]
    derived: Mapping[str, Derived]
    keeps_data: bool = True

    @classmethod
    def of(
        cls,
        protocol: type,
        service: ServiceDescriptor,
        *,
        capabilities: Callable[[], "type[Capabilities]"] | None = None,
        optional: Mapping[str, type] | None = None,
        derived: Mapping[str, Derived] | None = None,
        keeps_data: bool = True,
    ) -> "Interface":
        """The abstraction that `service` describes and the Protocols type.

        Raises:
            TypeError: an operation has neither a method nor a derivation, its method is in another Protocol than that
                of the capability that the .proto says it requires.
        """
        optional, derived = dict(optional or {}), dict(derived or {})
        operations = tuple(Operation.of(method) for method in service.methods)
        for each in operations:
            place = optional.get(each.requires) if each.requires else protocol
            if each.method not in derived and (place is None or each.method not in vars(place)):
                named = protocol.__name__ if place is None else place.__name__
                needed = f", which needs the capability {each.requires!r}" if each.requires else ""
                raise TypeError(f"{named} lacks the method {each.method} of {service.full_name}{needed}")
        return cls(
            service.name.lower(), protocol, service, operations, capabilities or _common, optional, derived, keeps_data
        )

    @property
    def capabilities(self) -> "type[Capabilities]":
        """The model of what a backend may declare.

        Raises:
            TypeError: it lacks a capability that the .proto says an operation requires.
        """
        model = self.load_capabilities()
        if unknown := _required_by(self.operations) - model.model_fields.keys():
            raise TypeError(f"{model.__name__} lacks {', '.join(sorted(unknown))} of {self.service.full_name}")
        return model

    def protocol_of(self, operation: Operation) -> type:
        """What states the method of an operation that is not derived."""
        return self.optional[operation.requires] if operation.requires else self.protocol


def _common() -> "type[Capabilities]":
    from prism.interfaces.capabilities import Capabilities

    return Capabilities


@cache
def _required_by(operations: tuple[Operation, ...]) -> frozenset[str]:
    return frozenset(name for each in operations for name in _required(each))


def _required(operation: Operation) -> Iterator[str]:
    """The capabilities that an operation and the fields of its requests need."""
    if operation.requires:
        yield operation.requires
    waiting, seen = [operation.request.DESCRIPTOR], set()
    while waiting:
        message = waiting.pop()
        seen.add(message.full_name)
        for each in message.fields:
            if name := extension(each, options_pb2.rules).requires:
                yield name
            if each.message_type is not None and each.message_type.full_name not in seen:
                waiting.append(each.message_type)


def right(abstraction: str, operation_class: str) -> str:
    """What a rule gives that names the abstraction."""
    return f"{abstraction}.{operation_class}"


def _class(method: MethodDescriptor, *, reads: bool) -> str:
    """The class that the .proto states; without one `read` where the operation changes nothing, else `write`."""
    found = _name(extension(method, options_pb2.operation_class))
    if not found:
        return READ if reads else WRITE
    if (found == READ) != reads:
        level = "is" if reads else "is not"
        raise TypeError(
            f"{method.full_name} has the class {found} and its idempotency_level {level} NO_SIDE_EFFECTS; exactly the "
            "operations of the class read have that level"
        )
    return found


def _name(stated: "options_pb2.OperationClass") -> str:
    """A class as rules name it; empty where it is unspecified."""
    found = options_pb2.OperationClass.Name(stated).removeprefix("OPERATION_CLASS_").lower()
    return "" if found == "unspecified" else found


def extension(described: Any, option: Any) -> Any:
    """The value of a custom option of prism/data/v1/options.proto; `Any`, for generated stubs do not type them."""
    return described.GetOptions().Extensions[option]
