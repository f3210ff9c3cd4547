"""grpclib: `python -m bench.peers.grpclib_proxy SOCKET [UPSTREAM]` echoes, or passes on to UPSTREAM."""

import sys
from typing import Any

import uvloop
from grpclib.client import Channel, UnaryStreamMethod, UnaryUnaryMethod
from grpclib.const import Cardinality, Handler
from grpclib.encoding.base import CodecBase
from grpclib.server import Server

from bench.peers.methods import STREAM, UNARY


class RawCodec(CodecBase):
    """Leaves messages as the bytes that they are."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:  # noqa: ARG002  # the face
        encoded: bytes = message
        return encoded

    def decode(self, data: bytes, message_type: Any) -> Any:  # noqa: ARG002  # the face
        return data


class Service:
    """The methods, as grpclib wants to be told of them."""

    def __init__(self, unary: Any, stream: Any) -> None:
        self._handlers = {
            UNARY: Handler(unary, Cardinality.UNARY_UNARY, bytes, bytes),
            STREAM: Handler(stream, Cardinality.UNARY_STREAM, bytes, bytes),
        }

    def __mapping__(self) -> dict[str, Handler]:
        return self._handlers


async def echo(stream: Any) -> None:
    """Answers with what was asked."""
    await stream.send_message(await stream.recv_message())


def forwarding(upstream: str) -> Service:
    """Passes bytes, metadata and deadline on."""
    channel = Channel(path=upstream, codec=RawCodec())
    ask = UnaryUnaryMethod(channel, UNARY, bytes, bytes)
    follow = UnaryStreamMethod(channel, STREAM, bytes, bytes)

    async def unary(stream: Any) -> None:
        request = await stream.recv_message()
        await stream.send_message(await ask(request, timeout=_timeout(stream), metadata=stream.metadata))

    async def forward(stream: Any) -> None:
        async with follow.open(timeout=_timeout(stream), metadata=stream.metadata) as call:
            await call.send_message(await stream.recv_message(), end=True)
            async for answer in call:
                await stream.send_message(answer)

    return Service(unary, forward)


def _timeout(stream: Any) -> float | None:
    return None if stream.deadline is None else stream.deadline.time_remaining()


async def serve(path: str, upstream: str | None) -> None:
    """Serves until killed; prints a line once it listens."""
    service = Service(echo, echo) if upstream is None else forwarding(upstream)
    server = Server([service], codec=RawCodec())
    await server.start(path=path)
    print("ready", flush=True)
    await server.wait_closed()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
