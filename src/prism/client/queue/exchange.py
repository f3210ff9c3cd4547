"""One `Consume` stream of a consumer: requests in their order, those of a kind together, and responses as they come."""

import asyncio
from collections import deque
from typing import Protocol

from google.protobuf.empty_pb2 import Empty

from prism.client.queue.lease import EACH, Asked, request
from prism.client.transport import Transport
from prism.interfaces import queue as q
from prism.wire import ClientCall, StatusError


class Listener(Protocol):
    """Who has the stream."""

    def responded(self, exchange: "Exchange", response: q.ConsumeResponse) -> None:
        """A response has come."""

    def finished(self, exchange: "Exchange") -> None:
        """The stream has ended, or broken."""


class Exchange:
    """A stream that is in place.

    Attributes:
        held: receipts of the messages that came on it, or were taken over by it, and are not settled.
        subscribed: it has said so.
        draining: it gives no more messages, and ends when those are settled.
        over: set when it gives no more messages.
        failure: how it broke; None where it has ended in order, or not yet.
        opened_at: by the loop's clock.
    """

    def __init__(self, transport: Transport, call: ClientCall, listener: Listener) -> None:
        self._transport = transport
        self._call = call
        self._listener = listener
        self._outbox: deque[Asked | q.ConsumeRequest] = deque()
        self._waiting = asyncio.Event()
        self._ends = False
        loop = asyncio.get_running_loop()
        self.opened_at = loop.time()
        self.held: set[str] = set()
        self.subscribed = False
        self.draining = False
        self.over = asyncio.Event()
        self.failure: StatusError | None = None
        self._sending = loop.create_task(self._send())
        self.reading = loop.create_task(self._read())

    def ask(self, asked: Asked) -> None:
        """Asks for something, after all that was asked before."""
        self._outbox.append(asked)
        self._waiting.set()

    def drain(self) -> None:
        """No more messages are wanted."""
        self._outbox.append(q.ConsumeRequest(drain=Empty()))
        self._waiting.set()

    def end(self) -> None:
        """Ends it in order, once all that was asked is sent; what is not settled then is released."""
        self._ends = True
        self._waiting.set()

    def cut(self) -> None:
        """Breaks it: what is not settled stays the consumer's for a while, for its next stream."""
        self._call.cancel()

    async def _send(self) -> None:
        try:
            while True:
                await self._waiting.wait()
                self._waiting.clear()
                while self._outbox:
                    await self._call.send(self._next().SerializeToString())
                if self._ends:
                    await self._call.end()
                    return
        except StatusError:
            return  # who reads learns why

    def _next(self) -> q.ConsumeRequest:
        first = self._outbox.popleft()
        if isinstance(first, q.ConsumeRequest):
            return first
        joined = {first.receipt: first}
        while self._outbox and len(joined) < EACH:
            following = self._outbox[0]
            if isinstance(following, q.ConsumeRequest) or not first.joins(following) or following.receipt in joined:
                break
            joined[following.receipt] = following
            self._outbox.popleft()
        return request([*joined.values()])

    async def _read(self) -> None:
        try:
            while (message := await self._transport.next_message(self._call, None)) is not None:
                self._listener.responded(self, q.ConsumeResponse.FromString(message))
        except StatusError as failure:
            self.failure = failure
        finally:
            self._sending.cancel()
            self._call.cancel()
        self._listener.finished(self)
        self.over.set()
