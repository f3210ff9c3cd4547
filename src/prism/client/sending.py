"""The requests of a stream on their way to the gateway, while its responses are read."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from prism.wire import ClientCall, StatusError

Requests = AsyncGenerator[bytes, None]


@asynccontextmanager
async def sending(call: ClientCall, requests: bytes | Requests) -> AsyncGenerator[None, None]:
    """Sends one request, or all of a stream as fast as the gateway takes them, while the block receives.

    Where they cannot be read to their end the call is cancelled, and what the block raises for that is replaced by why.
    """
    if isinstance(requests, bytes):
        await call.send(requests)
        await call.end()
        yield
        return
    sender = asyncio.create_task(_send(call, requests))
    try:
        yield
    except StatusError:
        failure = sender.exception() if sender.done() and not sender.cancelled() else None
        if failure is not None:
            raise failure from None
        raise
    finally:
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
        await requests.aclose()


async def _send(call: ClientCall, requests: Requests) -> None:
    try:
        async for request in requests:
            await call.send(request)
        await call.end()
    except StatusError:
        return  # the call has failed, and who receives learns why
    except BaseException:
        call.cancel()
        raise
