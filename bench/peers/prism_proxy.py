"""Our own wire, bare: `python -m bench.peers.prism_proxy SOCKET [UPSTREAM]` echoes, or passes on to UPSTREAM."""

import asyncio
import sys

import uvloop

from bench.peers.methods import STREAM, UNARY
from prism import gc_tuning
from prism.wire import Channel, Method, Server, ServerCall


async def echo(call: ServerCall) -> bytes:
    """Answers with what was asked."""
    return call.message


def forwarding(channel: Channel) -> list[Method]:
    """The methods that pass bytes and metadata on."""

    async def unary(call: ServerCall) -> bytes:
        return await channel.unary(call.path, call.message, metadata=call.metadata, deadline=call.deadline)

    async def stream(call: ServerCall) -> None:
        async with channel.open(call.path, metadata=call.metadata, deadline=call.deadline) as upstream:
            await upstream.send(call.message)
            await upstream.end()
            async for message in upstream:
                await call.send(message)

    return [Method(UNARY, unary), Method(STREAM, stream, server_streaming=True)]


async def serve(path: str, upstream: str | None) -> None:
    """Serves until killed; prints a line once it listens."""
    methods = [Method(UNARY, echo)] if upstream is None else forwarding(Channel(f"unix:{upstream}"))
    async with Server({method.path: method for method in methods}.get) as server:
        await server.listen(f"unix:{path}")
        gc_tuning.settle()
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
