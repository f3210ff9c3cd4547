"""The peers of the interoperability cases: our own server, the stock one of Python, and the one that grpc-go makes."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from prism.wire import Server, ServerConfig
from wire.interop import messages as m
from wire.interop.grpcio_service import grpcio_server
from wire.interop.prism_service import PrismService


@pytest.fixture
async def prism_service() -> PrismService:
    """The service behind `prism_address`."""
    return PrismService()


@pytest.fixture
async def prism_address(prism_service: PrismService) -> AsyncIterator[str]:
    """Where our own server listens."""
    config = ServerConfig(max_message_size=m.LARGEST, max_concurrent_streams=m.STREAMS)
    async with Server(prism_service.lookup, config=config) as server:
        yield await server.listen("127.0.0.1:0")


@pytest.fixture
async def grpcio_address() -> AsyncIterator[str]:
    """Where the stock server of Python listens."""
    server = grpcio_server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


@pytest.fixture(scope="session")
def go_address(go_peer: Path) -> Iterator[str]:
    """Where grpc-go's server listens."""
    with subprocess.Popen([go_peer, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
