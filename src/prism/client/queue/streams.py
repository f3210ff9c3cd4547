"""The streams of a consumer, one after the other: one that breaks or drains is followed by the next."""

import asyncio
from collections.abc import Callable
from typing import Final

from prism.client.arguments import Seconds, in_seconds
from prism.client.headers import NamespaceHeaders
from prism.client.queue.exchange import Exchange, Listener
from prism.client.resumption import Outage, Recovery
from prism.client.transport import Transport
from prism.errors import PrismError
from prism.interfaces import queue as q
from prism.interfaces.operation import Operation
from prism.wire import Code, Status, StatusError

_ENDED: Final = StatusError(Status(Code.UNAVAILABLE, "the gateway ended the stream"))
_HASTY: Final = 1.0
"""Seconds: a stream that breaks sooner is one more failed attempt of the same outage."""
_CLOSE_TIMEOUT: Final = 5.0
"""Seconds that the gateway has to answer what was asked last."""


class Streams:
    """Opens the first stream with `run`, and the next one where there is none that gives messages.

    Args:
        transport: the way to the gateway.
        operation: `Consume`.
        headers: of each stream.
        subscribe: the first request of each.
        timeout: for the first stream to be in place.
        outage_timeout: how long an outage may last before its error is raised.

    Attributes:
        current: gives messages; None while there is none.
        open: it, and those before it that still have messages to be settled.
        wanted: set while there is to be one.
    """

    def __init__(
        self,
        transport: Transport,
        operation: Operation,
        headers: NamespaceHeaders,
        subscribe: q.Subscribe,
        *,
        timeout: Seconds | None,
        outage_timeout: Seconds,
    ) -> None:
        self._transport = transport
        self._operation = operation
        self._headers = headers
        self._request = q.ConsumeRequest(subscribe=subscribe).SerializeToString()
        self._timeout = timeout
        self._outage = in_seconds(outage_timeout)
        self.current: Exchange | None = None
        self.open: set[Exchange] = set()
        self.wanted = asyncio.Event()
        self.wanted.set()

    async def run(self, listener: Listener, failed: Callable[[PrismError], None]) -> None:
        """Opens stream after stream until it is cancelled, or no other can be opened."""
        recovery: Recovery = self._transport.attempts(self._operation, self._timeout, repeatable=True)
        failure: StatusError | None = None
        try:
            while True:
                await self.wanted.wait()
                if failure is not None:
                    await recovery.failed(failure)
                try:
                    call = await self._transport.begin(
                        self._operation, self._request, self._headers, recovery.deadline, more=True
                    )
                except StatusError as refused:
                    failure = refused
                    continue
                exchange = self.current = Exchange(self._transport, call, listener)
                self.open.add(exchange)
                await exchange.over.wait()
                self.current = None
                failure = None if exchange.draining else exchange.failure or _ENDED
                lasted = asyncio.get_running_loop().time() - exchange.opened_at
                if exchange.subscribed and (exchange.draining or lasted >= _HASTY or not isinstance(recovery, Outage)):
                    recovery = Outage(self._transport, self._outage)
        except PrismError as error:
            failed(error)

    def holding(self, receipt: str) -> Exchange | None:
        """The stream that a message is to be settled on; None where there is none yet."""
        for each in self.open:
            if each.subscribed and receipt in each.held:
                return each
        return None

    async def close(self, *, orderly: bool) -> None:
        """Ends all that are open: in order, or as if the connection broke."""
        reading = [each.reading for each in self.open]
        for exchange in self.open:
            if orderly:
                exchange.end()
            else:
                exchange.cut()
        if reading:
            _, late = await asyncio.wait(reading, timeout=_CLOSE_TIMEOUT)
            for task in late:
                task.cancel()
