"""The relay: gives back what it is sent, counts what it is sent, and can be told to misbehave."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence

from google.protobuf.wrappers_pb2 import BytesValue, Int64Value

from prism.acceptance.relay.service import METHODS
from prism.backends.memory.backend import MemoryBackend
from prism.backends.memory.config import MemoryConfig
from prism.context import Context
from prism.errors import FailedPrecondition
from prism.sdk import NoCredentials, operation

FAIL, HOLD, DRAINING = b"fail", b"hold", b"draining"
"""Parts that `Both` and `Up` take for an order: to fail, to read no more; and the last part of one that drains."""


class Relay:
    """The operations; each of the streams that are open counts."""

    def __init__(self) -> None:
        self._open = 0

    @operation(METHODS["Echo"])
    async def echo(self, request: BytesValue, _context: Context) -> BytesValue:
        """The same again."""
        return request

    @operation(METHODS["Down"])
    async def down(self, request: Int64Value, context: Context) -> AsyncIterator[BytesValue]:
        """As many numbered parts."""
        context.established()
        for number in range(request.value):
            yield BytesValue(value=b"part %d" % number)

    @operation(METHODS["Up"])
    async def up(self, requests: AsyncIterator[BytesValue], _context: Context) -> BytesValue:
        """How many parts came, how many bytes, and their digest."""
        parts = size = 0
        digest = hashlib.sha256()
        self._open += 1
        try:
            async for part in requests:
                await self._obey(part.value)
                parts += 1
                size += len(part.value)
                digest.update(part.value)
        finally:
            self._open -= 1
        return BytesValue(value=f"{parts} parts, {size} bytes, {digest.hexdigest()}".encode())

    @operation(METHODS["Both"])
    async def both(self, requests: AsyncIterator[BytesValue], context: Context) -> AsyncIterator[BytesValue]:
        """Each part again as it comes; where it is to drain, a last one that says so."""
        self._open += 1
        reading = asyncio.ensure_future(anext(requests, None))
        draining = asyncio.ensure_future(context.draining.wait())
        try:
            context.established()
            while True:
                await asyncio.wait((reading, draining), return_when=asyncio.FIRST_COMPLETED)
                if draining.done():
                    yield BytesValue(value=DRAINING)
                    return
                part = reading.result()
                if part is None:
                    return
                await self._obey(part.value)
                yield part
                reading = asyncio.ensure_future(anext(requests, None))
        finally:
            self._open -= 1
            for each in (reading, draining):
                each.cancel()
            await asyncio.gather(reading, draining, return_exceptions=True)

    @operation(METHODS["Open"])
    async def open(self, _request: BytesValue, _context: Context) -> Int64Value:
        """How many streams of requests are open."""
        return Int64Value(value=self._open)

    async def _obey(self, part: bytes) -> None:
        if part == FAIL:
            raise FailedPrecondition("the relay was told to fail")
        if part == HOLD:
            await asyncio.Event().wait()


class RelayBackend(MemoryBackend):
    """Memory, and the relay beside it."""

    def __init__(self, config: MemoryConfig, credentials: NoCredentials) -> None:
        super().__init__(config, credentials)
        self._relay = Relay()

    @property
    def interfaces(self) -> Sequence[object]:
        """What memory serves, and the relay."""
        return (*super().interfaces, self._relay)
