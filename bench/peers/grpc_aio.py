"""The stock asyncio stack: `python -m bench.peers.grpc_aio SOCKET [UPSTREAM]` echoes, or passes on to UPSTREAM."""

import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import uvloop

from bench.peers.methods import LARGEST, STREAM, UNARY

OPTIONS = [("grpc.max_receive_message_length", LARGEST), ("grpc.max_send_message_length", LARGEST)]


class Handlers(grpc.GenericRpcHandler):
    """Finds handlers by path."""

    def __init__(self, handlers: dict[str, Any]) -> None:
        self._handlers = handlers

    def service(self, details: Any) -> Any:
        return self._handlers.get(details.method)


def echoing() -> Handlers:
    """Answers with what was asked."""

    async def unary(request: bytes, context: Any) -> bytes:  # noqa: ARG001  # the face
        return request

    return Handlers({UNARY: grpc.unary_unary_rpc_method_handler(unary)})


def forwarding(upstream: str) -> Handlers:
    """Passes bytes, metadata and deadline on."""
    channel = grpc.aio.insecure_channel(f"unix:{upstream}", options=OPTIONS)
    ask, follow = channel.unary_unary(UNARY), channel.unary_stream(STREAM)

    async def unary(request: bytes, context: Any) -> bytes:
        answer: bytes = await ask(request, metadata=_metadata(context), timeout=context.time_remaining())
        return answer

    async def stream(request: bytes, context: Any) -> AsyncIterator[bytes]:
        async for answer in follow(request, metadata=_metadata(context), timeout=context.time_remaining()):
            yield answer

    return Handlers(
        {UNARY: grpc.unary_unary_rpc_method_handler(unary), STREAM: grpc.unary_stream_rpc_method_handler(stream)}
    )


def _metadata(context: Any) -> tuple[tuple[str, str], ...]:
    return tuple((key, value) for key, value in context.invocation_metadata() if key != "user-agent")


async def serve(path: str, upstream: str | None) -> None:
    """Serves until killed; prints a line once it listens."""
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers((echoing() if upstream is None else forwarding(upstream),))
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    print("ready", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
