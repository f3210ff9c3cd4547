"""The same gateway (control, hops, backends) with grpc.aio in place of our own transport: what the transport buys."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import uvloop

from prism.errors import PrismError
from prism.interfaces.operation import Operation
from prism.server.server import GatewayServer
from prism.wire import Deadline, Metadata, Peer


class Incoming:
    """A grpc.aio call as the gateway sees requests."""

    __slots__ = ("deadline", "metadata", "peer")

    def __init__(self, context: Any) -> None:
        self.metadata = Metadata([(key, value) for key, value in context.invocation_metadata() if key != "user-agent"])
        left = context.time_remaining()
        self.deadline = None if left is None else Deadline.after(left)
        self.peer = Peer(context.peer())


class Handlers(grpc.GenericRpcHandler):
    """Every unary operation of the contract."""

    def __init__(self, server: GatewayServer) -> None:
        self._handlers = {
            operation.path: grpc.unary_unary_rpc_method_handler(self._handler(server, operation))
            for operation in server.gateway.operations.values()
            if not operation.server_streaming
        }

    def service(self, details: Any) -> Any:
        return self._handlers.get(details.method)

    def _handler(self, server: GatewayServer, operation: Operation) -> Any:
        async def handle(payload: bytes, context: Any) -> bytes:
            try:
                return await server.gateway.unary(Incoming(context), operation, payload)
            except PrismError as error:
                await context.abort(grpc.StatusCode[error.code.name], error.message)
                raise

        return handle


async def serve(config: Path) -> None:
    """Serves until killed; prints its address."""
    gateway = GatewayServer(config)
    async with gateway.control:
        await gateway.control.begin()
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((Handlers(gateway),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        print(f"127.0.0.1:{port}", flush=True)
        await server.wait_for_termination()


@contextmanager
def running(config: Path) -> Iterator[tuple[str, int]]:
    """The gateway as a process: its address and process id."""
    command = [sys.executable, "-m", "bench.grpc_aio", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(serve(Path(sys.argv[1])))
