"""The gRPC interoperability cases of streams of requests, by stock clients, through a gateway to a plugin's operations.

Source: grpc/doc/interop-test-descriptions.md; tests/wire/interop has all of them without a gateway. Left out is
`client_compressed_streaming`, whose server must see how messages were compressed: behind a gateway no operation does.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import grpc.aio
import pytest

import relays
from gateway.connect.door import Door, opened
from prism.backends.memory.backend import MemoryBackend
from prism.backends.memory.config import MemoryConfig
from prism.context import Context
from prism.plugins.discovery import Plugin
from prism.sdk import NoCredentials, operation
from wire.interop import grpcio_cases
from wire.interop import messages as m

_SERVICE: Final = m.pool.FindServiceByName(m.SERVICE)
_METHODS: Final = _SERVICE.methods_by_name
CASES: Final = (
    "client_streaming",
    "ping_pong",
    "empty_stream",
    "cancel_after_begin",
    "cancel_after_first_response",
    "timeout_on_sleeping_server",
)


class TestService:
    """The operations that these cases call."""

    __test__ = False

    @operation(_METHODS["EmptyCall"])
    async def empty_call(self, _request: Any, _context: Context) -> Any:
        """An empty message for an empty message."""
        return m.Empty()

    @operation(_METHODS["StreamingInputCall"])
    async def streaming_input_call(self, requests: AsyncIterator[Any], _context: Context) -> Any:
        """The sum of the sizes received."""
        total = 0
        async for request in requests:
            total += len(request.payload.body)
        if not total:
            # cancel_after_begin: grpc-go ends the stream before it cancels it, and an answer could overtake that.
            await asyncio.Event().wait()
        return m.StreamingInputCallResponse(aggregated_payload_size=total)

    @operation(_METHODS["FullDuplexCall"])
    async def full_duplex_call(self, requests: AsyncIterator[Any], _context: Context) -> AsyncIterator[Any]:
        """The payloads that each message asks for."""
        async for request in requests:
            for each in request.response_parameters:
                yield m.StreamingOutputCallResponse(payload=m.payload(each.size))


class Backend(MemoryBackend):
    """Memory, and the service beside it."""

    def __init__(self, config: MemoryConfig, credentials: NoCredentials) -> None:
        super().__init__(config, credentials)
        self._service = TestService()

    @property
    def interfaces(self) -> Sequence[object]:
        """What memory serves, and the service."""
        return (*super().interfaces, self._service)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    """A gateway with the plugin in its process."""
    changed = {"backend": f"{__name__}:Backend", "services": [], "descriptors": ""}
    plugin = Plugin(relays.RELAY.manifest.model_copy(update=changed), __name__, "interop", relays.FOLDER)
    async with opened(plugin=plugin, own=[_SERVICE]) as door:
        yield door


@pytest.mark.parametrize("case", CASES)
async def test_grpcio(door: Door, case: str) -> None:
    """The stock client of Python finds what it expects."""
    async with asyncio.timeout(60), grpc.aio.insecure_channel(door.address) as channel:
        await grpcio_cases.CASES[case](grpcio_cases.Stub(channel))


@pytest.mark.parametrize("case", CASES)
async def test_grpc_go(door: Door, go_peer: Path, case: str) -> None:
    """So does grpc-go's."""
    process = await asyncio.create_subprocess_exec(
        go_peer, "call", door.address, case, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
