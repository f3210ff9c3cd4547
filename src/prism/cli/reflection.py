"""What a gateway serves, as its reflection describes it: nothing of a plugin's own needs to be installed for it."""

from collections.abc import AsyncIterator
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

from prism._proto.grpc.reflection.v1 import reflection_pb2 as pb

if TYPE_CHECKING:
    from prism.client import Client

_METHOD: Any = pb.DESCRIPTOR.services_by_name["ServerReflection"].methods_by_name["ServerReflectionInfo"]


async def services(client: "Client", namespace: str) -> list[ServiceDescriptor]:
    """The services of the gateway, each in a pool of its own, as those of two plugins may differ."""
    names: list[str] = []
    async for answer in client.stream(namespace, _METHOD, _each(pb.ServerReflectionRequest(list_services=""))):
        names += [each.name for each in answer.list_services_response.service]
    questions = [pb.ServerReflectionRequest(file_containing_symbol=name) for name in names]
    return [
        _service(answer.original_request.file_containing_symbol, answer.file_descriptor_response.file_descriptor_proto)
        async for answer in client.stream(namespace, _METHOD, _each(*questions))
        if answer.HasField("file_descriptor_response")  # else a reload has just taken it away
    ]


def _service(name: str, contents: list[bytes]) -> ServiceDescriptor:
    files = {file.name: file for file in map(FileDescriptorProto.FromString, contents)}
    pool = DescriptorPool()
    for each in TopologicalSorter({file.name: [*file.dependency] for file in files.values()}).static_order():
        pool.AddSerializedFile(files[each].SerializeToString())
    return pool.FindServiceByName(name)


async def _each(*questions: pb.ServerReflectionRequest) -> AsyncIterator[pb.ServerReflectionRequest]:
    for question in questions:
        yield question
