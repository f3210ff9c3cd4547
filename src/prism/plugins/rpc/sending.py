"""The requests of a stream on their way to a plugin, while its responses are read."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from prism.interfaces.operation import Requests
from prism.plugins.rpc.envelope import DRAIN, further
from prism.wire import StatusError
from prism.wire.client import sending as wire
from prism.wire.client.call import ClientCall


@asynccontextmanager
async def sending(call: ClientCall, requests: Requests, draining: asyncio.Event) -> AsyncGenerator[None, None]:
    """Sends the requests, and that it is to drain; raises as `prism.wire.client.sending` does."""
    drainer = asyncio.create_task(_drain(call, draining))
    try:
        async with wire.sending(call, (further(each) async for each in requests)):
            yield
    finally:
        drainer.cancel()
        await asyncio.gather(drainer, return_exceptions=True)


async def _drain(call: ClientCall, draining: asyncio.Event) -> None:
    await draining.wait()
    with suppress(StatusError, RuntimeError):  # it has failed, or nothing more can be said: it ends without
        await call.send(DRAIN)
