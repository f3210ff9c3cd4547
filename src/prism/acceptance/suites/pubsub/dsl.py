"""The face that the tests use: one namespace of PubSub seen through one `Caller`, in as few words as possible."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from google.protobuf.message import Message as ProtoMessage

from prism._proto.data.v1.pubsub_pb2 import PubSubPublishBatchResponse
from prism.acceptance.callers.caller import TIMEOUT, Caller
from prism.acceptance.skips import not_declared
from prism.errors import Outcome, PrismError
from prism.interfaces import pubsub as ps
from prism.interfaces.operation import Operation

OPERATIONS: dict[str, Operation] = {each.name.rpartition("/")[2]: each for each in ps.INTERFACE.operations}
LAST = "the.last.one"

Error = TypeVar("Error", bound=PrismError)


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


class PubSub:
    """PubSub in one namespace; answers are the contract's own messages unless a method says otherwise."""

    def __init__(self, caller: Caller, namespace: str | None = None) -> None:
        self.caller = caller
        self.namespaces = caller.namespaces
        self.namespace = caller.namespaces.fresh() if namespace is None else namespace
        declared = caller.capabilities.of("pubsub")
        assert isinstance(declared, ps.PubSubCapabilities)
        self.capabilities = declared

    def elsewhere(self, namespace: str | None = None) -> "PubSub":
        """The same store in another namespace: a fresh one, or the one named."""
        return PubSub(self.caller, namespace)

    def needs(self, *capabilities: str) -> None:
        """Skips a test of what the backend does not declare."""
        for name in capabilities:
            if not self.capabilities.declares(name):
                not_declared(name)

    async def call(self, method: str, request: ProtoMessage, *, via: int | None = None) -> Any:
        """Any unary operation with any request."""
        return await self.caller.call(OPERATIONS[method], request, namespace=self.namespace, via=via)

    async def refused(self, kind: type[Error], method: str, request: ProtoMessage) -> Error:
        """The error of a call that must fail; that of a write must say that nothing was applied."""
        operation = OPERATIONS[method]
        with pytest.raises(kind) as caught:
            await (
                anext(self.caller.stream(operation, request, namespace=self.namespace))
                if operation.server_streaming
                else self.call(method, request)
            )
        assert type(caught.value) is kind
        if not operation.reads:
            assert caught.value.outcome is Outcome.NOT_APPLIED
        return caught.value

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
