"""The requests of a stream on their way to a plugin, while its responses are read."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from prism.interfaces.operation import Requests
from prism.plugins.rpc.envelope import DRAIN, further
from prism.wire import StatusError
from prism.wire.client.call import ClientCall


@asynccontextmanager
async def sending(call: ClientCall, requests: Requests, draining: asyncio.Event) -> AsyncGenerator[None, None]:
    """Sends the requests, as fast as the plugin takes them, while the block receives; passes on that it is to drain.

    Where they cannot be read to their end the call is cancelled, and what the block raises for that is replaced by why.
    """
    sender, drainer = asyncio.create_task(_send(call, requests)), asyncio.create_task(_drain(call, draining))
    try:
        yield
    except StatusError:
        failure = sender.exception() if sender.done() and not sender.cancelled() else None
        if failure is not None:
            raise failure from None
        raise
    finally:
        sender.cancel()
        drainer.cancel()
        await asyncio.gather(sender, drainer, return_exceptions=True)


async def _send(call: ClientCall, requests: Requests) -> None:
    try:
        async for request in requests:
            await call.send(further(request))
        await call.end()
    except StatusError:
        return  # the call has failed, and who receives learns why
    except BaseException:
        call.cancel()
        raise


async def _drain(call: ClientCall, draining: asyncio.Event) -> None:
    await draining.wait()
    with suppress(StatusError, RuntimeError):  # it has failed, or nothing more can be said: it ends without
        await call.send(DRAIN)
