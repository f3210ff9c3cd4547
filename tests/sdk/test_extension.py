"""Operations of a plugin's own: described in its .proto, marked on a method, bound like any other."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, MethodOptions
from google.protobuf.descriptor_pool import Default, DescriptorPool
from google.protobuf.wrappers_pb2 import Int64Value, StringValue

from prism.errors import InternalError, InvalidArgument, Outcome
from prism.interfaces.keyvalue import INTERFACE
from prism.sdk import Binding, Context, DeclaredCapabilities, operation

HERE = Context("here")


def described() -> ServiceDescriptor:
    """The service of a plugin's own .proto, as its generated module would have it."""
    file = FileDescriptorProto(name="tests/shelf.proto", package="tests.shelf", syntax="proto3")
    file.dependency.append("google/protobuf/wrappers.proto")
    service = file.service.add(name="Shelf")
    for name, streams in (("Dust", False), ("Read", True), ("Pile", False)):
        method = service.method.add(name=name, server_streaming=streams, client_streaming=name == "Pile")
        method.input_type, method.output_type = ".google.protobuf.StringValue", ".google.protobuf.Int64Value"
    service.method[1].options.idempotency_level = MethodOptions.NO_SIDE_EFFECTS
    Default().AddSerializedFile(file.SerializeToString())
    return Default().FindServiceByName("tests.shelf.Shelf")


SHELF = described()


class Extras:
    """Two operations of a shelf's own."""

    @operation(SHELF.methods_by_name["Dust"])
    async def clean(self, request: Any, context: Context) -> Any:
        if request.value == "broken":
            raise ZeroDivisionError
        return Int64Value(value=len(request.value) + len(context.namespace))

    @operation(SHELF.methods_by_name["Read"])
    async def read(self, request: Any, _context: Context) -> AsyncIterator[Any]:
        for letter in request.value:
            yield Int64Value(value=ord(letter))


@pytest.fixture
def binding() -> Binding:
    return Binding([Extras()], DeclaredCapabilities())


async def test_it_is_bound_under_its_own_name(binding: Binding) -> None:
    """Unary and streaming as the .proto says; the method may be called anything."""
    assert set(binding.operations) == {"tests.shelf.Shelf/Dust", "tests.shelf.Shelf/Read"}
    request = StringValue(value="books").SerializeToString()
    answer = await binding.unary["tests.shelf.Shelf/Dust"](request, HERE)
    assert Int64Value.FromString(answer).value == 9
    answers = [
        Int64Value.FromString(each).value async for each in binding.streaming["tests.shelf.Shelf/Read"](request, HERE)
    ]
    assert answers == [*b"books"]


async def test_its_errors_are_those_of_every_operation(binding: Binding) -> None:
    """What is no request is refused; a defect is told without its text; a write says its outcome."""
    run = binding.unary["tests.shelf.Shelf/Dust"]
    with pytest.raises(InvalidArgument) as refusal:
        await run(b"\xff", HERE)
    assert refusal.value.outcome is Outcome.NOT_APPLIED
    with pytest.raises(InternalError) as defect:
        await run(StringValue(value="broken").SerializeToString(), HERE)
    assert defect.value.outcome is Outcome.UNKNOWN


def test_the_abstractions_are_not_to_be_shadowed() -> None:
    """Their operations come by their Protocol alone."""
    with pytest.raises(TypeError, match="belongs to an abstraction"):
        operation(INTERFACE.service.methods_by_name["Get"])
    again = FileDescriptorProto(name="keyvalue.proto", package="prism.data.v1", syntax="proto3")
    method = again.service.add(name="KeyValue").method.add(name="Get")
    again.message_type.add(name="Other")
    method.input_type = method.output_type = ".prism.data.v1.Other"
    pool = DescriptorPool()
    pool.AddSerializedFile(again.SerializeToString())
    with pytest.raises(TypeError, match="belongs to an abstraction"):
        operation(pool.FindServiceByName("prism.data.v1.KeyValue").methods_by_name["Get"])
