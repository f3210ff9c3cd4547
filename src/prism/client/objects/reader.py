"""An object as it is read: its bytes as they come, also over a connection that breaks."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Self

from prism.client.headers import NamespaceHeaders
from prism.client.objects.again import Again
from prism.client.objects.info import ObjectInfo
from prism.client.objects.source import OnProgress
from prism.client.transport import Transport
from prism.errors import InternalError, PrismError
from prism.interfaces import objectstore as messages
from prism.wire import Deadline

(_GET,) = (each for each in messages.INTERFACE.operations if each.method == "get")


@dataclass(slots=True)
class Place:
    """Where the reader stands in the object.

    Attributes:
        offset: of the next byte.
        end: behind the last one that is wanted.
        info: of the object; None before it is known, and where there is none.
    """

    offset: int = 0
    end: int = 0
    info: ObjectInfo | None = field(default=None)


class ObjectReader:
    """The bytes of one object: `async with objects.get(key) as reader`, then `async for chunk in reader`.

    All are of the one object that was there at first: a connection that breaks is made again, and reading goes on where
    it was. What took the object's place meanwhile ends it with `ConditionNotMet`.
    """

    def __init__(
        self,
        transport: Transport,
        headers: NamespaceHeaders,
        asked: messages.GetRequest,
        again: Again,
        on_progress: OnProgress | None,
        deadline: Deadline | None,
    ) -> None:
        self._transport = transport
        self._headers = headers
        self._asked = asked
        self._again = again
        self._on_progress = on_progress
        self._deadline = deadline
        self._place = Place()
        self._chunks = self._read()
        self._first: bytes | None = None

    @property
    def info(self) -> ObjectInfo | None:
        """What is said of the object; None where there is none, or where it is one of `if_none_match`."""
        return self._place.info

    @property
    def size(self) -> int:
        """Bytes that are to come."""
        return self._place.end - self._place.offset

    async def read(self) -> bytes:
        """All that is left, at once."""
        return b"".join([chunk async for chunk in self])

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._first is not None:
            chunk, self._first = self._first, None
            return chunk
        return await anext(self._chunks)

    async def __aenter__(self) -> Self:
        self._first = await anext(self._chunks, None)  # with it the head has come
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ends it, wherever it is."""
        await self._chunks.aclose()

    async def _read(self) -> AsyncGenerator[bytes, None]:
        place = self._place
        while True:
            try:
                async with aclosing(self._attempt()) as chunks:
                    async for chunk in chunks:
                        place.offset += len(chunk)
                        self._again.progress()
                        if self._on_progress is not None:
                            self._on_progress(len(chunk))
                        yield chunk
            except PrismError as error:
                if place.info is None:
                    raise
                await self._again.after(error)
                if place.offset == place.end:
                    return
            else:
                return

    async def _attempt(self) -> AsyncGenerator[bytes, None]:
        """What comes of one call, from where the reader stands."""
        place, asked = self._place, self._asked
        if place.info is not None:
            asked = messages.GetRequest(key=asked.key, version=asked.version, if_match=[place.info.etag])
            asked.range.offset, asked.range.length = place.offset, place.end - place.offset
        payload = asked.SerializeToString()
        async with aclosing(self._transport.stream(_GET, payload, self._headers, self._deadline)) as answers:
            async for answer in answers:
                message = messages.GetResponse.FromString(answer)
                match message.WhichOneof("response"):
                    case "chunk":
                        yield message.chunk
                    case "head":
                        self._begin(message.head)
                        if not message.head.modified:
                            return
                    case "end":
                        return
        raise InternalError("the object's bytes ended without their end; read it again")

    def _begin(self, head: messages.GetHead) -> None:
        place = self._place
        if place.info is None and head.modified:
            place.info = ObjectInfo.of(head.object)
            place.offset = head.range.offset
            place.end = place.offset + head.range.length if head.HasField("range") else head.object.size
