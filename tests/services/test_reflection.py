"""grpc.reflection, asked by the stock client, by hand, and by grpcurl."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import pytest
from google.protobuf import wrappers_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

from prism.errors import LimitExceeded, Outcome, Violation
from prism.rpc_status import to_status
from prism.services import HealthService
from prism.services.described import Described
from prism.services.reflection import VERSIONS
from prism.wire import Method, ServerCall, StatusError
from services.serving import SERVICE_NAMES, serving


@pytest.fixture
async def address() -> AsyncIterator[str]:
    async with serving(HealthService(lambda: {"": True})) as address:
        yield address


@pytest.fixture(params=VERSIONS, ids=lambda version: version.DESCRIPTOR.package)
def version(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


async def ask(address: str, version: Any, *requests: dict[str, Any]) -> list[Any]:
    """The answers to requests on one stream."""
    async with grpc.aio.insecure_channel(address) as channel:
        method = channel.stream_stream(
            f"/{version.DESCRIPTOR.package}.ServerReflection/ServerReflectionInfo",
            version.ServerReflectionRequest.SerializeToString,
            version.ServerReflectionResponse.FromString,
        )
        asked = [version.ServerReflectionRequest(**request) for request in requests]
        return [answer async for answer in method(iter(asked), timeout=10)]


def file_names(answer: Any) -> list[str]:
    files = answer.file_descriptor_response.file_descriptor_proto
    return [FileDescriptorProto.FromString(file).name for file in files]


async def test_services_are_listed(address: str, version: ModuleType) -> None:
    """Everything served on the port is listed, under both versions."""
    (answer,) = await ask(address, version, {"list_services": "*", "host": "here"})
    assert sorted(service.name for service in answer.list_services_response.service) == sorted(SERVICE_NAMES)
    assert answer.valid_host == "here"
    assert answer.original_request.list_services == "*"


async def test_files_come_with_what_they_import(address: str, version: ModuleType) -> None:
    """A file comes first and its imports after it, so that a client can build them all."""
    answers = await ask(
        address,
        version,
        {"file_by_filename": "prism/data/v1/keyvalue.proto"},
        {"file_containing_symbol": "prism.data.v1.KeyValue"},
        {"file_containing_symbol": "prism.data.v1.KeyValue.Get"},
        {"file_containing_symbol": "prism.data.v1.KeyValueBatchPutResponse.Result"},
        {"file_containing_symbol": "prism.data.v1.KeyValueItem.key"},
    )
    for answer in answers:
        names = file_names(answer)
        assert names[0] == "prism/data/v1/keyvalue.proto"
        assert set(names[1:]) >= {"prism/data/v1/options.proto", "google/rpc/status.proto", "google/protobuf/any.proto"}
        pool = DescriptorPool()
        for file in reversed(answer.file_descriptor_response.file_descriptor_proto):
            pool.AddSerializedFile(file)
        assert pool.FindServiceByName("prism.data.v1.KeyValue").methods_by_name["Get"]


async def test_files_of_the_standard_services(address: str, version: ModuleType) -> None:
    """What lives in descriptor pools of its own is told too."""
    answers = await ask(
        address,
        version,
        {"file_containing_symbol": "grpc.health.v1.Health"},
        {"file_containing_symbol": "grpc.reflection.v1.ServerReflection"},
        {"file_containing_symbol": "grpc.reflection.v1alpha.ServerReflection"},
    )
    assert [file_names(answer) for answer in answers] == [
        ["grpc/health/v1/health.proto"],
        ["grpc/reflection/v1/reflection.proto"],
        ["grpc/reflection/v1alpha/reflection.proto"],
    ]


async def test_extensions(address: str, version: ModuleType) -> None:
    """The options of the contract are found by number and by the type that they extend."""
    options = "google.protobuf.FieldOptions"
    (numbers,) = await ask(address, version, {"all_extension_numbers_of_type": options})
    known = list(numbers.all_extension_numbers_response.extension_number)
    assert numbers.all_extension_numbers_response.base_type_name == options
    assert known
    (found, none) = await ask(
        address,
        version,
        {"file_containing_extension": {"containing_type": options, "extension_number": known[0]}},
        {"all_extension_numbers_of_type": "prism.data.v1.KeyValueItem"},
    )
    assert file_names(found)[0] == "prism/data/v1/options.proto"
    assert list(none.all_extension_numbers_response.extension_number) == []


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({"file_by_filename": "no/such.proto"}, "no file 'no/such.proto'"),
        ({"file_containing_symbol": "prism.data.v1.KeyVale"}, "did you mean prism.data.v1.KeyValue?"),
        ({"all_extension_numbers_of_type": "no.Such"}, "no message type 'no.Such'"),
        (
            {"file_containing_extension": {"containing_type": "google.protobuf.FieldOptions", "extension_number": 1}},
            "no extension 1",
        ),
    ],
)
async def test_what_is_not_there(address: str, version: ModuleType, request_: dict[str, Any], says: str) -> None:
    """A missing thing is NOT_FOUND in the answer, and the stream goes on."""
    missing, services = await ask(address, version, request_, {"list_services": ""})
    assert missing.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    assert says in missing.error_response.error_message
    assert len(services.list_services_response.service) == len(SERVICE_NAMES)


async def test_an_empty_request_is_an_invalid_argument(address: str, version: ModuleType) -> None:
    """A request that asks for nothing is told so."""
    (answer,) = await ask(address, version, {})
    assert answer.error_response.error_code == grpc.StatusCode.INVALID_ARGUMENT.value[0]


async def test_the_stock_client_builds_the_services(address: str) -> None:
    """grpcio-reflection's descriptor database lists the services and builds their messages."""
    pytest.importorskip("grpc_reflection")
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

    def build() -> tuple[list[str], str]:
        with grpc.insecure_channel(address) as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            pool = DescriptorPool(database)
            method = pool.FindServiceByName("prism.data.v1.KeyValue").FindMethodByName("Put")
            return sorted(database.get_services()), method.input_type.full_name

    services, put = await asyncio.to_thread(build)
    assert services == sorted(SERVICE_NAMES)
    assert put == "prism.data.v1.KeyValuePutRequest"


async def ask_grpcurl(grpcurl: Path, *arguments: str) -> tuple[int | None, str]:
    """The exit code and everything printed."""
    process = await asyncio.create_subprocess_exec(
        str(grpcurl), "-plaintext", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def run(grpcurl: Path, *arguments: str) -> str:
    code, output = await ask_grpcurl(grpcurl, *arguments)
    assert code == 0, output
    return output


async def test_grpcurl_works_unprepared(grpcurl: Path, address: str) -> None:
    """grpcurl lists, describes and calls by reflection alone."""
    assert (await run(grpcurl, address, "list")).split() == sorted(SERVICE_NAMES)
    described = await run(grpcurl, address, "describe", "prism.data.v1.KeyValue.Get")
    assert "prism.data.v1.KeyValueGetRequest" in described
    answer = await run(grpcurl, "-d", "{}", address, "grpc.health.v1.Health/Check")
    assert json.loads(answer) == {"status": "SERVING"}


async def test_grpcurl_shows_the_reason_of_a_failure(grpcurl: Path) -> None:
    """Every detail that errors have is described, though no service names it: it travels in an Any."""
    violations = (Violation("id", "an empty text", "1 to 255 characters"),)
    error = LimitExceeded("too many", outcome=Outcome.NOT_APPLIED, retry_after=1.5, violations=violations)

    async def refuse(_call: ServerCall) -> bytes:
        raise StatusError(to_status(error))

    method = Method("/prism.data.v1.KeyValue/Get", refuse)
    async with serving(HealthService(lambda: {"": True}), methods=[method]) as address:
        code, shown = await ask_grpcurl(grpcurl, "-d", "{}", address, "prism.data.v1.KeyValue/Get")
    assert code != 0
    assert "not recognized" not in shown
    assert f'"reason":"{error.reason}"' in shown.replace(" ", ""), shown
    assert '"outcome":"NOT_APPLIED"' in shown.replace(" ", "")
    assert '"1.500s"' in shown  # RetryInfo's
    assert "1 to 255 characters" in shown


async def test_the_details_of_errors_are_described(address: str, version: ModuleType) -> None:
    """A client finds them by the name that an Any has."""
    names = ("ErrorInfo", "RetryInfo", "BadRequest")
    for name in names:
        (answer,) = await ask(address, version, {"file_containing_symbol": f"google.rpc.{name}"})
        assert file_names(answer)[0] == "google/rpc/error_details.proto"


def test_what_is_described_may_become_more() -> None:
    """A plugin's messages are known when its code is loaded; what is known already stays."""
    described = Described([])
    assert described.by_symbol("google.protobuf.StringValue") is None
    described.add(wrappers_pb2.DESCRIPTOR, wrappers_pb2.DESCRIPTOR)
    assert described.by_symbol("google.protobuf.StringValue") == [wrappers_pb2.DESCRIPTOR.serialized_pb]
    assert described.services == ()
