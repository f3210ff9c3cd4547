"""Queue in as few words as possible, for tests. A topic is `t` and a group `g` unless a test says otherwise."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from prism.acceptance.callers.caller import TIMEOUT, Caller
from prism.acceptance.dsl import Dsl, duration, operations
from prism.acceptance.skips import not_declared
from prism.errors import GroupInUse
from prism.interfaces import queue as q
from prism.interfaces.capabilities.queue import QueueCapabilities

SHORT = 0.15
"""Seconds of a deadline that a test waits for: that it is not over too early is all that is asserted of its length."""
WAIT = 5.0
"""Seconds that Receive is given to get what comes."""
_BRIEFLY = 0.25
"""Seconds that a stream is given at least, where nothing is expected of it."""
_MORE = 1.0
"""Seconds after the last message on a stream: then no more of them are due."""


def reason(error: Status) -> str:
    """Of a partial result; empty where it has no error."""
    info = ErrorInfo()
    return next((info.reason for detail in error.details if detail.Unpack(info)), "")


class Consuming:
    """A `Consume` stream."""

    def __init__(self, requests: "asyncio.Queue[q.ConsumeRequest | None]", responses: AsyncIterator[Any]) -> None:
        self.requests = requests
        self.responses = responses
        self.subscribed = q.Subscribed()

    def ask(self, **request: Any) -> None:
        """Sends a request."""
        self.requests.put_nowait(q.ConsumeRequest(**request))

    def end(self) -> None:
        """Ends the requests."""
        self.requests.put_nowait(None)

    async def next(self) -> q.ConsumeResponse:
        """The next response."""
        async with asyncio.timeout(TIMEOUT):
            response: q.ConsumeResponse = await anext(self.responses)
            return response

    async def message(self) -> q.Message:
        """The next response, which is a message."""
        response = await self.next()
        assert response.HasField("message"), response
        return response.message

    async def settled(self) -> q.Settled:
        """The next response, which says what became of receipts."""
        response = await self.next()
        assert response.HasField("settled"), response
        return response.settled

    async def ack(self, *messages: q.Message) -> None:
        """Acknowledges, and waits until that is so."""
        receipts = [each.receipt for each in messages]
        self.ask(ack=q.Ack(receipts=receipts))
        while receipts:
            response = await self.next()
            if response.HasField("settled"):
                assert not response.settled.HasField("error"), response
                receipts = [each for each in receipts if each not in response.settled.receipts]

    async def rest(self) -> list[q.ConsumeResponse]:
        """What still comes, to the end."""
        async with asyncio.timeout(TIMEOUT):
            return [each async for each in self.responses]


class Queue(Dsl):
    """Queue in one namespace; answers are the contract's own messages unless a method says otherwise."""

    INTERFACE = q.INTERFACE
    OPERATIONS = operations(q.INTERFACE)
    capabilities: QueueCapabilities

    def __init__(self, caller: Caller, namespace: str | None = None) -> None:
        super().__init__(caller, namespace)
        self.streams = ReceivingStreams(self)

    @property
    def short(self) -> float:
        """Seconds of a short ack_deadline; as short as the backend takes it."""
        return max(self.capabilities.min_ack_deadline, SHORT)

    async def publish(self, payload: bytes = b"", topic: str = "t", *, via: int | None = None, **fields: Any) -> str:
        """Publishes a message; its id."""
        answer = await self.call("Publish", q.PublishRequest(topic=topic, payload=payload, **fields), via=via)
        assert answer.message_id
        return str(answer.message_id)

    async def group(self, group: str = "g", topic: str = "t", start: q.Start | None = None, **config: Any) -> None:
        """Makes a group and its topic; times in seconds."""
        made = q.GroupConfig()
        for name, value in config.items():
            if isinstance(value, float):
                getattr(made, name).CopyFrom(duration(value))
            elif isinstance(value, Message):
                getattr(made, name).CopyFrom(value)
            else:
                setattr(made, name, value)
        await self.call("CreateGroup", q.CreateGroupRequest(topic=topic, group=group, start=start, config=made))

    def needs(self, *capabilities: str) -> None:
        """See Dsl. Where `receive` is not declared, streams stand in for it, unless the way in has none."""
        if "receive" in capabilities and not self.capabilities.receive and self.caller.name != "http":
            capabilities = tuple(each for each in capabilities if each != "receive")
        super().needs(*capabilities)

    async def seek(self, to: q.Start) -> int:
        """Moves the group; where that is for idle groups only, when it is one. How many messages it has before it."""
        request = q.SeekRequest(topic="t", group="g", to=to)
        if self.capabilities.seek == "idle":
            await self.streams.close()
        async with asyncio.timeout(TIMEOUT):
            while True:
                try:
                    return int((await self.call("Seek", request)).count)
                except GroupInUse:
                    if self.capabilities.seek != "idle":
                        raise
                    await asyncio.sleep(0.1)  # its gateway may stay in the group for a while

    def needs_calls(self) -> None:
        """Skips a test of Receive and its twins themselves."""
        if not self.capabilities.receive:
            not_declared("receive")

    @property
    def stream_via(self) -> int | None:
        """The gateway of streams: one and the same where receipts are a stream's."""
        return 0 if self.capabilities.sharing == "partitions" else None

    async def receive(
        self, count: int = 1, group: str = "g", topic: str = "t", *, wait: float = WAIT, via: int | None = None
    ) -> list[q.Message]:
        """Messages; waits for the first one."""
        if not self.capabilities.receive:
            return await self.streams.receive(count, group, topic, wait)
        request = q.ReceiveRequest(topic=topic, group=group, max=count, wait=duration(wait))
        answer = await self.call("Receive", request, via=via)
        return list(answer.messages)

    async def one(self, group: str = "g", topic: str = "t", *, via: int | None = None) -> q.Message:
        """The one message that comes."""
        (message,) = await self.receive(1, group, topic, via=via)
        return message

    async def nothing(self, group: str = "g", topic: str = "t", *, wait: float = 0.0) -> None:
        """Nothing is due, or becomes so in that time."""
        assert await self.receive(1, group, topic, wait=wait) == []

    async def settle(
        self, method: str, *messages: q.Message, group: str = "g", topic: str = "t", via: int | None = None, **more: Any
    ) -> list[str]:
        """What became of each: a reason, or nothing."""
        if not self.capabilities.receive:
            return await self.streams.settle(method, messages, group, topic, **more)
        kind = self.OPERATIONS[method].request
        receipts = [each.receipt for each in messages]
        answer = await self.call(method, kind(topic=topic, group=group, receipts=receipts, **more), via=via)
        assert [each.receipt for each in answer.results] == receipts
        return [reason(each.error) for each in answer.results]

    async def ack(self, *messages: q.Message, **more: Any) -> None:
        """Acknowledges; must succeed."""
        assert await self.settle("Acknowledge", *messages, **more) == [""] * len(messages)

    async def nack(self, *messages: q.Message, **more: Any) -> None:
        """Nacks; must succeed."""
        assert await self.settle("Nack", *messages, **more) == [""] * len(messages)

    async def counts(self, group: str = "g", topic: str = "t") -> q.Counts:
        """Of a group; they add up (18)."""
        answer = await self.call("DescribeGroup", q.DescribeGroupRequest(topic=topic, group=group))
        counts: q.Counts = answer.counts
        if self.capabilities.counts == "exact":
            parts = ("waiting", "delayed", "in_flight", "acknowledged", "dead", "expired")
            assert counts.offered == sum(getattr(counts, name) for name in parts), counts
        return counts

    async def until(self, group: str = "g", **expected: int) -> None:
        """Waits until a group has these counts."""
        async with asyncio.timeout(TIMEOUT):
            while True:
                counts = await self.counts(group)
                if all(getattr(counts, name) == value for name, value in expected.items()):
                    return
                await asyncio.sleep(0.02)

    async def dead(self, group: str = "g", topic: str = "t") -> Sequence[q.Peeked]:
        """The dead of a group."""
        answer = await self.call("Peek", q.PeekRequest(topic=topic, group=group, state=q.State.QUEUE_STATE_DEAD))
        return list(answer.messages)

    @asynccontextmanager
    async def consuming(
        self, group: str = "g", topic: str = "t", *, via: int | None = None, **subscribe: Any
    ) -> AsyncIterator[Consuming]:
        """A stream, from when it is subscribed; left, it breaks unless it has ended."""
        asked: asyncio.Queue[q.ConsumeRequest | None] = asyncio.Queue()

        async def requests() -> AsyncIterator[Message]:
            while (request := await asked.get()) is not None:
                yield request

        if self.stream_via is not None:
            via = self.stream_via
        responses: Any = self.caller.stream(
            self.OPERATIONS["Consume"], requests(), namespace=self.namespace, via=via, timeout=60.0
        )
        stream = Consuming(asked, responses)
        stream.ask(subscribe=q.Subscribe(topic=topic, group=group, **subscribe))
        try:
            first = await stream.next()
            assert first.HasField("subscribed"), first
            stream.subscribed = first.subscribed
            yield stream
        finally:
            await responses.aclose()


class ReceivingStreams:
    """Streams in the place of Receive and its twins: one for each Receive, kept for what is settled of it."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._open = AsyncExitStack()
        self._streams: list[tuple[str, str, _Patient]] = []
        self._of: dict[str, _Patient] = {}

    async def receive(self, count: int, group: str, topic: str, wait: float) -> list[q.Message]:
        """Messages: those that come until no more are sent."""
        opened = self._queue.consuming(group, topic, max_in_flight=count, consumer_id="receive")
        stream = _Patient(await self._open.enter_async_context(opened))
        self._streams.append((group, topic, stream))
        found: list[q.Message] = []
        patience = max(wait, _BRIEFLY)
        while len(found) < count and (response := await stream.next(patience)) is not None:
            found.append(response.message)
            patience = _MORE
        stream.ask(drain={})
        stream.ask(ack=q.Ack(receipts=["none"]))
        while not (response := await stream.must()).HasField("settled"):  # what was on its way
            found.append(response.message)
        for each in found:
            self._of[each.receipt] = stream
        return found

    async def settle(
        self, method: str, messages: Sequence[q.Message], group: str, topic: str, **more: Any
    ) -> list[str]:
        """What became of each, on the stream that gave it; on one of the group where none did."""
        found: list[str] = []
        for each in messages:
            mine = [stream for *names, stream in self._streams if names == [group, topic]]
            stream = self._of.get(each.receipt)
            if stream is None or stream not in mine:
                if not mine:
                    got = await self.receive(1, group, topic, 0.0)
                    await self.settle("Release", got, group, topic)
                stream = [stream for *names, stream in self._streams if names == [group, topic]][-1]
            verb = {"Acknowledge": "ack", "Nack": "nack", "Release": "release", "Extend": "extend"}[method]
            kind = {"ack": q.Ack, "nack": q.Nack, "release": q.Release, "extend": q.Extend}[verb]
            stream.ask(**{verb: kind(receipts=[each.receipt], **more)})
            while not (response := await stream.must()).HasField("settled"):
                pass
            found.append(reason(response.settled.error) if response.settled.HasField("error") else "")
        return found

    async def close(self) -> None:
        """Ends all of them."""
        for *_, stream in self._streams:
            await stream.close()
        await self._open.aclose()
        self._streams.clear()


class _Patient:
    """A stream whose next response may be waited for in several steps: a wait that is given up would end it."""

    def __init__(self, stream: Consuming) -> None:
        self.ask = stream.ask
        self._responses = stream.responses
        self._waiting: asyncio.Future[q.ConsumeResponse] | None = None

    async def next(self, seconds: float) -> q.ConsumeResponse | None:
        """The next response that is none of a revocation; None where none comes in that time."""
        end = time.monotonic() + seconds
        while True:
            if self._waiting is None:
                self._waiting = asyncio.ensure_future(anext(self._responses))
            await asyncio.wait((self._waiting,), timeout=max(end - time.monotonic(), 0.0))
            if not self._waiting.done():
                return None
            response, self._waiting = self._waiting.result(), None
            if not response.HasField("revoked"):
                return response

    async def must(self) -> q.ConsumeResponse:
        """The next response; it comes."""
        response = await self.next(TIMEOUT)
        assert response is not None, "the stream says nothing"
        return response

    async def close(self) -> None:
        """Waits no more."""
        if self._waiting is not None:
            self._waiting.cancel()
            await asyncio.wait((self._waiting,))


class Since:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._from = time.monotonic()

    def __call__(self) -> float:
        return time.monotonic() - self._from
