"""Messages on their way to a server, while its responses are read."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from prism.wire.client.call import ClientCall
from prism.wire.grpc.status import StatusError


@asynccontextmanager
async def sending(call: ClientCall, messages: AsyncIterator[bytes]) -> AsyncGenerator[None, None]:
    """Sends the messages, as fast as the server takes them, for as long as the block receives.

    Where they cannot be read to their end the call is cancelled, and what the block raises for that is replaced by why.
    """
    sender = asyncio.create_task(_send(call, messages))
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


async def _send(call: ClientCall, messages: AsyncIterator[bytes]) -> None:
    try:
        async for message in messages:
            await call.send(message)
        await call.end()
    except StatusError:
        return  # the call has failed, and who receives learns why
    except BaseException:
        call.cancel()
        raise
