"""The services of a plugin's own, beside the abstractions: what its descriptors say of them, and how they compare.

Each plugin's descriptors live in a pool of their own, so that two plugins may have files and messages of one name.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from prism.interfaces.catalogue import interfaces
from prism.interfaces.operation import Operation

_TAKEN: Final = ("grpc.", "prism.admin.", "prism.data.", "prism.plugin.")
"""Packages whose services are the gateway's."""

_OF_OTHERS: Final = ("google.protobuf.", "google.rpc.", "prism.data.")
"""Packages whose messages come in versions that understand each other: two plugins may have two of them."""


@dataclass(frozen=True, slots=True)
class OwnService:
    """One service. Equal to another with the same name and description.

    Attributes:
        name: its full name, `shelf.v1.Shelf`.
        description: what is said of each operation, message and enum that it reaches, by full name: a digest each.
        operations: in the order of the .proto.
        descriptor: as reflection gives it.
    """

    name: str
    description: Mapping[str, str] = field(repr=False)
    operations: tuple[Operation, ...] = field(compare=False, repr=False)
    descriptor: ServiceDescriptor = field(compare=False, repr=False)

    def __hash__(self) -> int:
        return hash(self.name)

    @classmethod
    def of(cls, descriptor: ServiceDescriptor) -> "OwnService":
        """What the descriptor says.

        Raises:
            TypeError: an operation contradicts itself.
        """
        operations = tuple(Operation.of(method) for method in descriptor.methods)
        return cls(descriptor.full_name, description(operations), operations, descriptor)


class OwnServices:
    """The services of their own of all plugins that a configuration routes. Equal to others with the same.

    Attributes:
        operations: by path.
    """

    def __init__(self, services: Iterable[OwnService] = ()) -> None:
        self._services = {each.name: each for each in services}

    @cached_property
    def operations(self) -> Mapping[str, Operation]:
        """By path."""
        return {operation.path: operation for each in self for operation in each.operations}

    def __iter__(self) -> Iterator[OwnService]:
        return iter(self._services.values())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OwnServices) and self._services == other._services

    def __hash__(self) -> int:
        return hash(frozenset(self._services))


NONE: Final = OwnServices()


class NotDescribed(Exception):
    """Descriptors do not say what they should; the message is a sentence without the file's name."""


def check_name(service: str) -> str:
    """The name of a service that a plugin may have.

    Raises:
        ValueError: it is the gateway's.
    """
    if service in {each.service.full_name for each in interfaces().values()}:
        raise ValueError(f"{service} is the service of an abstraction; list that under 'interfaces'")
    if service.startswith(_TAKEN):
        raise ValueError(f"{service} is in a package of the gateway's own; use a package of your own")
    return service


@lru_cache(maxsize=64)  # the same objects after a reload, so that nothing that is served changes
def described(content: bytes, names: tuple[str, ...]) -> tuple[OwnService, ...]:
    """The services of those names in the bytes of a FileDescriptorSet.

    Raises:
        NotDescribed: they are not valid, or lack a service.
    """
    pool = DescriptorPool()
    try:
        for file in FileDescriptorSet.FromString(content).file:
            pool.AddSerializedFile(file.SerializeToString())
    except DecodeError:
        raise NotDescribed("is not a FileDescriptorSet; write it with `protoc --descriptor_set_out`") from None
    except TypeError as error:
        why = " ".join(str(error).split())
        raise NotDescribed(
            f"cannot be read ({why}); write it with `protoc --include_imports --descriptor_set_out`"
        ) from None
    found = []
    for name in names:
        try:
            found.append(OwnService.of(pool.FindServiceByName(name)))
        except KeyError:
            raise NotDescribed(f"has no service {name}; list under 'services' what it describes") from None
        except TypeError as error:
            raise NotDescribed(f"contradicts itself: {error}") from None
    return tuple(found)


def description(operations: Iterable[Operation]) -> Mapping[str, str]:
    """What is said of operations, and of the messages and enums that they reach: a digest each, by full name."""
    found: dict[str, str] = {}
    for each in operations:
        said = (
            each.request.DESCRIPTOR.full_name,
            each.response.DESCRIPTOR.full_name,
            each.client_streaming,
            each.server_streaming,
            each.operation_class,
            each.repeatable,
            each.requires,
            each.drains,
            *((each.also,) if each.also else ()),
            *((f"affinity {each.affinity}",) if each.affinity else ()),
        )
        found[each.name] = _digest(said)
        _add(each.request.DESCRIPTOR, found)
        _add(each.response.DESCRIPTOR, found)
    return found


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> str:
    """A name that both descriptions have and say different things of; empty where there is none."""
    return next((name for name, said in one.items() if other.get(name, said) != said), "")


def _add(kind: Any, found: dict[str, str]) -> None:
    """A message type and all that it reaches."""
    waiting: list[Descriptor | EnumDescriptor] = [kind]
    while waiting:
        each = waiting.pop()
        if each.full_name in found or each.full_name.startswith(_OF_OTHERS):
            continue
        if isinstance(each, EnumDescriptor):
            found[each.full_name] = _digest([(value.number, value.name) for value in each.values])
            continue
        fields = sorted(each.fields, key=lambda one: one.number)
        found[each.full_name] = _digest((_options(each), [_said(one) for one in fields]))
        waiting += [kind for one in fields for kind in (one.message_type, one.enum_type) if kind is not None]


def _said(one: FieldDescriptor) -> tuple[object, ...]:
    kind = one.message_type or one.enum_type
    oneof = one.containing_oneof.name if one.containing_oneof is not None else ""
    name = kind.full_name if kind is not None else ""
    return one.number, one.name, one.json_name, one.type, one.is_repeated, one.has_presence, name, oneof, _options(one)


def _options(described: Any) -> bytes:
    written: bytes = described.GetOptions().SerializeToString(deterministic=True)
    return written


def _digest(said: object) -> str:
    return hashlib.sha256(repr(said).encode()).hexdigest()
