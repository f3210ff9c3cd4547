"""What a call is asked with, on its way to the gateway while its responses are read."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

from prism.wire import ClientCall
from prism.wire.client import sending as wire

Requests = AsyncGenerator[bytes, None]


@asynccontextmanager
async def sending(call: ClientCall, asked: bytes | Requests) -> AsyncGenerator[None, None]:
    """Sends one request, or all of a stream; raises as `prism.wire.client.sending` does."""
    if isinstance(asked, bytes):
        await call.send(asked)
        await call.end()
        yield
        return
    async with aclosing(asked), wire.sending(call, asked):
        yield
