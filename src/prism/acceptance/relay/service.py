"""The service as its .proto would describe it; `relay.binpb` has it as a manifest names it, from `descriptors`."""

from typing import Any, Final

from google.protobuf import wrappers_pb2
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet, MethodOptions
from google.protobuf.descriptor_pool import Default

from prism._proto.data.v1 import options_pb2

_BYTES = ".google.protobuf.BytesValue"
_NUMBER = ".google.protobuf.Int64Value"


def _described() -> ServiceDescriptor:
    file = FileDescriptorProto(name="prism/acceptance/relay.proto", package="prism.acceptance", syntax="proto3")
    file.dependency.extend([wrappers_pb2.DESCRIPTOR.name, options_pb2.DESCRIPTOR.name])
    service = file.service.add(name="Relay")
    service.method.add(name="Echo", input_type=_BYTES, output_type=_BYTES)
    down = service.method.add(name="Down", input_type=_NUMBER, output_type=_BYTES, server_streaming=True)
    down.options.idempotency_level = MethodOptions.NO_SIDE_EFFECTS
    service.method.add(name="Up", input_type=_BYTES, output_type=_BYTES, client_streaming=True)
    both = service.method.add(name="Both", input_type=_BYTES, output_type=_BYTES)
    both.client_streaming = both.server_streaming = True
    drains: Any = options_pb2.drains  # the generated stubs do not type it
    both.options.Extensions[drains] = True
    service.method.add(name="Open", input_type=_BYTES, output_type=_NUMBER)
    Default().AddSerializedFile(file.SerializeToString())
    return Default().FindServiceByName("prism.acceptance.Relay")


def descriptors() -> bytes:
    """A FileDescriptorSet with all imports, as protoc writes it."""
    files: dict[str, FileDescriptor] = {}

    def add(file: FileDescriptor) -> None:
        for each in file.dependencies:
            add(each)
        files.setdefault(file.name, file)

    add(SERVICE.file)
    return FileDescriptorSet(
        file=[FileDescriptorProto.FromString(each.serialized_pb) for each in files.values()]
    ).SerializeToString(deterministic=True)


SERVICE: Final = _described()
METHODS: Final = SERVICE.methods_by_name
NAME: Final = SERVICE.full_name
