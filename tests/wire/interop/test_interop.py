"""The gRPC interoperability cases: each by the stock clients against our server, and by our channel against theirs.

Source: grpc/doc/interop-test-descriptions.md; status details, 16 MiB messages and a thousand streams are added.
"""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc.aio
import pytest
from google.protobuf import descriptor_pb2

from prism.wire import Channel, ChannelConfig
from wire.interop import grpcio_cases, prism_cases
from wire.interop import messages as m
from wire.interop.prism_service import PrismService
from wire.interop.tap import Tap

_CASE_TIMEOUT = 120.0  # seconds after which a case counts as hanging
_LIMIT = [("grpc.max_receive_message_length", m.LARGEST)]

Client = Callable[[str, str], Awaitable[None]]

# The compressed flags of the requests' and the responses' messages, by stream. The stock clients first ask whether the
# server notices a plain message that should be compressed; neither they nor grpc-go's server can leave out a message.
_REQUESTS = {
    ("client_compressed_unary", "prism"): [[1], [0]],
    ("client_compressed_unary", "stock"): [[0], [1], [0]],
    ("client_compressed_streaming", "prism"): [[1, 0]],
    ("client_compressed_streaming", "stock"): [[0], [1, 1]],
}
_RESPONSES = {
    ("server_compressed_unary", "prism"): [[1], [0]],
    ("server_compressed_unary", "grpcio"): [[1], [0]],
    ("server_compressed_unary", "go"): [[1], [0]],
    ("server_compressed_streaming", "prism"): [[1, 0]],
    ("server_compressed_streaming", "grpcio"): [[1, 0]],
    ("server_compressed_streaming", "go"): [[1, 1]],
}


@pytest.fixture
def go_client(go_peer: Path) -> Client:
    """Runs a case by grpc-go."""

    async def run(address: str, case: str) -> None:
        process = await asyncio.create_subprocess_exec(
            go_peer, "call", address, case, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        try:
            output, _ = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        assert process.returncode == 0, output.decode()

    return run


async def grpcio_client(address: str, case: str) -> None:
    """Runs a case by grpcio."""
    async with grpc.aio.insecure_channel(address, _LIMIT) as channel:
        await grpcio_cases.CASES[case](grpcio_cases.Stub(channel))


async def prism_client(address: str, case: str) -> None:
    """Runs a case by our own channel."""
    async with Channel(address, config=ChannelConfig(max_message_size=m.LARGEST)) as channel:
        await prism_cases.CASES[case](channel)


async def _run(client: Client, address: str, case: str, sender: str, server: str) -> None:
    """Run a case; where it is about compression, look at the wire too."""
    async with asyncio.timeout(_CASE_TIMEOUT):
        if "compressed" not in case:
            await client(address, case)
            return
        async with Tap(address) as tap:
            await client(tap.address, case)
        if case.startswith("client"):
            assert tap.requests.flags == _REQUESTS[case, sender]
        else:
            assert tap.responses.flags == _RESPONSES[case, server]


@pytest.mark.parametrize("case", grpcio_cases.CASES)
async def test_grpcio_client_to_prism_server(case: str, prism_address: str, prism_service: PrismService) -> None:
    """The stock client of Python finds what it expects."""
    await _run(grpcio_client, prism_address, case, "stock", "prism")
    assert prism_service.most == m.STREAMS or case != "concurrent_streams"


@pytest.mark.parametrize("case", grpcio_cases.CASES)
async def test_go_client_to_prism_server(
    case: str, go_client: Client, prism_address: str, prism_service: PrismService
) -> None:
    """So does grpc-go's."""
    await _run(go_client, prism_address, case, "stock", "prism")
    assert prism_service.most == m.STREAMS or case != "concurrent_streams"


@pytest.mark.parametrize("case", prism_cases.CASES)
async def test_prism_client_to_grpcio_server(case: str, grpcio_address: str) -> None:
    """Our channel finds what it expects at the stock server of Python."""
    await _run(prism_client, grpcio_address, case, "prism", "grpcio")


@pytest.mark.parametrize("case", prism_cases.CASES)
async def test_prism_client_to_go_server(case: str, go_address: str) -> None:
    """And at grpc-go's."""
    await _run(prism_client, go_address, case, "prism", "go")


def test_every_client_has_every_case() -> None:
    """The table has no holes."""
    assert list(grpcio_cases.CASES) == list(prism_cases.CASES)


def test_our_description_is_the_published_one(go_peer: Path) -> None:
    """What testing.proto says of messages and methods, the description that grpc-go carries says too."""
    described = subprocess.run([go_peer, "describe"], check=True, capture_output=True).stdout
    files = descriptor_pb2.FileDescriptorSet.FromString(described).file
    messages = {message.name: message for file in files for message in file.message_type}
    services = {service.name: service for file in files for service in file.service}
    for ours in m.DESCRIPTION.message_type:
        published = {field.name: field for field in messages[ours.name].field}
        for field in ours.field:
            theirs = published[field.name]
            assert (field.number, field.type, field.label, field.type_name) == (
                theirs.number,
                theirs.type,
                theirs.label,
                theirs.type_name,
            )
    for service in m.DESCRIPTION.service:
        methods = {method.name: method for method in services[service.name].method}
        assert [methods[method.name].SerializeToString() for method in service.method] == [
            method.SerializeToString() for method in service.method
        ]
