"""PubSub in as few words as possible, for tests."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from google.protobuf.empty_pb2 import Empty

from prism._proto.data.v1.pubsub_pb2 import PubSubPublishBatchResponse
from prism.acceptance.callers.caller import TIMEOUT
from prism.acceptance.dsl import Dsl, operations
from prism.errors import PrismError
from prism.interfaces import pubsub as ps
from prism.interfaces.capabilities.pubsub import PubSubCapabilities

OPERATIONS = operations(ps.INTERFACE)
LAST = "the.last.one"
NOW = ps.Start(now=Empty())
EARLIEST = ps.Start(earliest=Empty())


class Listening:
    """A subscription in place, and what it gives."""

    def __init__(self, messages: AsyncIterator[ps.Message], first: "asyncio.Future[ps.Message]") -> None:
        self._messages = messages
        self._first: asyncio.Future[ps.Message] | None = first

    async def next(self) -> ps.Message:
        """The next message; waits for it."""
        async with asyncio.timeout(TIMEOUT):
            first, self._first = self._first, None
            return await (first or anext(self._messages))

    async def rest(self) -> tuple[list[ps.Message], PrismError]:
        """The messages that still come, and the error that ends them."""
        found: list[ps.Message] = []
        try:
            while True:
                found.append(await self.next())
        except PrismError as error:
            return found, error


class Following:
    """A subscription to what persists, in place, and what it gives.

    Attributes:
        position: where it stands.
    """

    def __init__(self, answers: AsyncIterator[ps.Message], position: bytes) -> None:
        self._answers = answers
        self.position = position

    async def answer(self) -> ps.Message:
        """The next answer of any kind; waits for it."""
        async with asyncio.timeout(TIMEOUT):
            answer = await anext(self._answers)
        assert 0 < len(answer.position) <= 1024
        self.position = answer.position
        return answer

    async def next(self) -> ps.Message:
        """The next message; waits for it."""
        async with asyncio.timeout(TIMEOUT):
            while True:
                answer = await self.answer()
                assert answer.kind != ps.Kind.PUB_SUB_KIND_GAP, "messages are missing"
                if answer.kind == ps.Kind.PUB_SUB_KIND_MESSAGE:
                    return answer

    async def payloads(self, count: int) -> list[bytes]:
        """Of the next messages, so many."""
        return [(await self.next()).payload for _ in range(count)]


class PubSub(Dsl):
    """PubSub in one namespace; answers are the contract's own messages unless a method says otherwise."""

    INTERFACE = ps.INTERFACE
    OPERATIONS = OPERATIONS
    capabilities: PubSubCapabilities

    async def publish(
        self,
        topic: str,
        payload: bytes = b"",
        attributes: Mapping[str, str] | None = None,
        *,
        ordering_key: str = "",
        via: int | None = None,
    ) -> str:
        """Publishes a message; its id."""
        request = ps.PublishRequest(topic=topic, payload=payload, attributes=attributes, ordering_key=ordering_key)
        answer: ps.PublishResponse = await self.call("Publish", request, via=via)
        assert answer.message_id
        return answer.message_id

    async def publish_batch(self, messages: Iterable[ps.PublishRequest]) -> list[PubSubPublishBatchResponse.Result]:
        """One result for each message."""
        answer: ps.PublishBatchResponse = await self.call("PublishBatch", ps.PublishBatchRequest(messages=messages))
        return list(answer.results)

    @asynccontextmanager
    async def listening(
        self, pattern: str = ">", group: str = "", *, via: int | None = None
    ) -> AsyncIterator[Listening]:
        """A subscription, from when it is in place."""
        request = ps.SubscribeRequest(topic_pattern=pattern, queue_group=group)
        established = asyncio.Event()
        messages: Any = self.caller.stream(
            OPERATIONS["Subscribe"], request, namespace=self.namespace, via=via, on_established=established.set
        )
        first, placed = asyncio.ensure_future(anext(messages)), asyncio.ensure_future(established.wait())
        try:
            await asyncio.wait((first, placed), return_when=asyncio.FIRST_COMPLETED, timeout=TIMEOUT)
            if not established.is_set():
                assert first.done(), "no response headers came"
                first.result()
                raise AssertionError("a message came before the subscription was in place")
            yield Listening(messages, first)
        finally:
            placed.cancel()
            first.cancel()
            await asyncio.wait((first,))
            await messages.aclose()

    @asynccontextmanager
    async def following(
        self,
        start: ps.Start | bytes = NOW,
        pattern: str = ">",
        *,
        on_gap: ps.OnGap = ps.OnGap.PUB_SUB_ON_GAP_UNSPECIFIED,
        via: int | None = None,
    ) -> AsyncIterator[Following]:
        """A subscription to what persists, from when it is in place; from a position where that is given."""
        place = ps.Start(position=start) if isinstance(start, bytes) else start
        request = ps.SubscribeRequest(topic_pattern=pattern, start=place, on_gap=on_gap)
        established = asyncio.Event()
        answers: Any = self.caller.stream(
            OPERATIONS["Subscribe"], request, namespace=self.namespace, via=via, timeout=60.0,
            on_established=established.set,
        )  # fmt: skip
        try:
            async with asyncio.timeout(TIMEOUT):
                first = await anext(answers)
            assert established.is_set(), "an answer came before the subscription was in place"
            assert first.kind == ps.Kind.PUB_SUB_KIND_PROGRESS, first
            yield Following(answers, first.position)
        finally:
            await answers.aclose()

    async def heard(self, listening: Listening, count: int) -> list[str]:
        """The topics of all messages so far, sorted, for no order is promised; `count` of them are waited for."""
        await self.publish(LAST)
        found: list[str] = []
        last = False
        while not last or len(found) < count:
            topic = (await listening.next()).topic
            if topic == LAST:
                last = True
            else:
                found.append(topic)
        return sorted(found)
