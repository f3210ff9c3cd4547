"""What the tests of the wire share: a service, a server for it, both event loops, and channels to it."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable

import grpc.aio
import pytest
import uvloop

from prism.wire import Channel, Server
from wire.service import Service


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every test runs on the loop of production and on the standard library's, but for the second pass, in Python."""
    factories = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
    if os.environ.get("PRISM_NATIVE") == "0":
        del factories["asyncio"]
    return factories


@pytest.fixture
async def service() -> Service:
    """The service that the server serves."""
    return Service()


@pytest.fixture
async def server(service: Service) -> AsyncIterator[Server]:
    """A server that listens nowhere yet."""
    async with Server(service.lookup) as server:
        yield server


@pytest.fixture
async def address(server: Server) -> str:
    """Where the server listens."""
    return await server.listen("127.0.0.1:0")


@pytest.fixture
async def stock(address: str) -> AsyncIterator[grpc.aio.Channel]:
    """The channel of a stock client, without its limit on received messages."""
    async with grpc.aio.insecure_channel(address, [("grpc.max_receive_message_length", -1)]) as channel:
        yield channel


@pytest.fixture
async def channel(address: str) -> AsyncIterator[Channel]:
    """Our own channel."""
    async with Channel(address) as channel:
        yield channel
