"""Servers that do nothing, in a process of their own: what a hop costs before anything of Prism runs.

`python -m bench.echo bytes [SOCKET]` echoes what it reads; `python -m bench.echo wire` answers gRPC calls with their
request.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import cast

import uvloop

from bench.contestants import GET, Call, Contestant
from bench.headers import headers
from prism import gc_tuning
from prism.wire import Channel, Deadline, Metadata, Method, Server, ServerCall

PAYLOAD = b"x" * 100


class Echo(asyncio.Protocol):
    """Sends back what it reads."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


class Caller(asyncio.Protocol):
    """Sends a payload, waits for it to come back."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self._answer: asyncio.Future[bytes] | None = None

    def data_received(self, data: bytes) -> None:
        assert self._answer is not None
        self._answer.set_result(data)

    async def call(self) -> None:
        """One round trip."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(PAYLOAD)
        assert await self._answer == PAYLOAD

    def close(self) -> None:
        """Ends the connection."""
        self._transport.close()


async def _serve(kind: str, socket: str = "") -> None:
    if socket:
        await asyncio.get_running_loop().create_unix_server(Echo, socket)
        print(socket, flush=True)
    elif kind == "bytes":
        server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
        print(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    else:

        async def handle(call: ServerCall) -> bytes:
            return call.message

        method = Method(GET, handle)
        address = await Server(lambda _: method).listen("127.0.0.1:0")
        gc_tuning.settle()  # as gateways and plugins do
        print(address, flush=True)
    await asyncio.Event().wait()


@contextmanager
def running(kind: str, *socket: str) -> Iterator[tuple[str, int]]:
    """Such a server: its address and process id."""
    command = [sys.executable, "-m", "bench.echo", kind, *socket]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.kill()


def bytes_echo(address: str, pid: int) -> Contestant:
    """A round trip of 100 bytes between two processes: no protocol at all."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        host, _, port = address.rpartition(":")
        _, caller = await asyncio.get_running_loop().create_connection(Caller, host, int(port))
        yield caller.call
        caller.close()

    return Contestant("round trip of bytes, no protocol", opened, pid)


def wire_echo(address: str, pid: int) -> Contestant:
    """A unary gRPC call that does nothing, with the headers of a real one."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        async with Channel(address) as channel:

            async def call() -> None:
                metadata = Metadata([("prism-namespace", "default"), *headers().items()])
                assert await channel.unary(GET, PAYLOAD, metadata=metadata, deadline=Deadline.after(10)) == PAYLOAD

            yield call

    return Contestant("gRPC echo over our transport", opened, pid)


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(_serve(*sys.argv[1:]))
