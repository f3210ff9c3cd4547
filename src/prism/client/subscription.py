"""A subscription as an application holds it: messages one by one; it subscribes again when the stream breaks.

One of what persists goes on behind the last message that it gave; any other begins anew, and reports what it may have
missed.
"""

import inspect
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol, Self

from prism.client.arguments import Seconds, in_seconds
from prism.client.headers import NamespaceHeaders
from prism.client.message import Gap, Message, to_message
from prism.client.resumption import Outage, ResumableStream
from prism.client.transport import Transport
from prism.errors import PositionExpired, PrismError
from prism.interfaces import pubsub as messages
from prism.interfaces.operation import Operation

log = logging.getLogger("prism.client")

OnGap = Callable[[Gap], Awaitable[None] | None]
"""Called with each gap (plain or async) once the subscription is established again, before the next message."""


class Subscription:
    """The messages of a pattern; iterate over it. Best used as an async context manager.

        async with events.subscribe("orders.>") as orders:
            async for message in orders:
                ...

    Entering the block (or asking for the first message) returns when the subscription is established: what is
    published after that is not missed while the stream lives. When the stream breaks (a gateway or plugin restarted,
    the store lost its connection, this reader was too slow) it subscribes again by itself, and reports the gap; with
    `start` it goes on where it stood, and a gap is only what the store keeps no longer. A wait for the next message may
    be cancelled without losing a message.

    Attributes:
        gaps: how many there have been.
    """

    def __init__(
        self,
        transport: Transport,
        operation: Operation,
        request: messages.SubscribeRequest,
        headers: NamespaceHeaders,
        *,
        timeout: Seconds | None,
        outage_timeout: Seconds,
        on_gap: OnGap | None,
    ) -> None:
        self._position: _Place = _Kept(request) if request.HasField("start") else _LastSeen(request.SerializeToString())
        outage = in_seconds(outage_timeout)
        self._stream = ResumableStream(
            transport,
            operation,
            self._position,
            headers,
            recovery=lambda was_open: Outage(transport, outage) if was_open else transport.attempts(operation, timeout),
            endless=True,
        )
        self._on_gap = on_gap or _logged
        self.gaps = 0

    @property
    def position(self) -> bytes:
        """Where it stands: give it as `start` to go on from here later. It moves on between messages too, so that it is
        kept by the store as long as a message of now. Empty without `start`."""
        return self._position.position

    async def __aenter__(self) -> Self:
        while await self._stream.open() and not self._position.settled:
            await self._stream.receive()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        """The next message; `StopAsyncIteration` once it is closed.

        Raises:
            PrismError: it cannot subscribe again, or an outage has lasted longer than `outage_timeout`.
        """
        while await self._stream.open():
            if self._position.gap is not None:
                await self._report()
            message = await self._stream.receive()
            if message is not None:
                return message
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Ends it; a wait for the next message ends too."""
        self._stream.close()

    def __del__(self) -> None:
        # Left without being closed (`break` out of a bare loop): the gateway must not go on sending.
        stream = getattr(self, "_stream", None)
        if stream is not None:
            with suppress(RuntimeError):  # the loop is closed, and the connection with it
                stream.leave()

    async def _report(self) -> None:
        gap, self._position.gap = self._position.gap, None
        if gap is not None:
            self.gaps += 1
            handled = self._on_gap(gap)
            if inspect.isawaitable(handled):
                await handled


class _Place(Protocol):
    """Where a subscription stands; a `resumption.Position`.

    Attributes:
        position: as the contract has it; empty where it has none.
        settled: that is known.
        gap: what was missed and has not been reported.
    """

    position: bytes
    settled: bool
    gap: Gap | None

    def request(self) -> bytes: ...

    def passed(self, message: bytes) -> Message | None: ...

    def broken(self, error: PrismError) -> None: ...


class _Kept:
    """A subscription goes on where it stood: nothing is missed but what the store keeps no longer."""

    settled = False

    def __init__(self, request: messages.SubscribeRequest) -> None:
        self._request = request
        self._last = ""
        self.position = request.start.position
        self.gap: Gap | None = None

    def request(self) -> bytes:
        """From where it stands on."""
        return self._request.SerializeToString()

    def passed(self, message: bytes) -> Message | None:
        """A message; None for what only says where it stands."""
        answer = messages.Message.FromString(message)
        self.position = self._request.start.position = answer.position
        self.settled = True
        if answer.kind == messages.Kind.PUB_SUB_KIND_GAP:
            error = PositionExpired("the messages that come next are kept no longer; going on with the earliest one")
            self.gap = _joined(self.gap, Gap(None, self._last, error))
        if answer.kind != messages.Kind.PUB_SUB_KIND_MESSAGE:
            return None
        read = to_message(answer)
        self._last = read.id
        return read

    def broken(self, error: PrismError) -> None:
        """Nothing is missed."""


class _LastSeen:
    """A subscription begins anew wherever it stands: what it misses is a gap behind the last message."""

    position = b""
    settled = True

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._last = ""
        self.gap: Gap | None = None

    def request(self) -> bytes:
        """The same each time."""
        return self._request

    def passed(self, message: bytes) -> Message:
        """A message."""
        read = to_message(messages.Message.FromString(message))
        self._last = read.id
        return read

    def broken(self, error: PrismError) -> None:
        """What is published until the stream is in place again is missing."""
        missed = error.metadata.get("missed", "")
        self.gap = _joined(self.gap, Gap(int(missed) if missed.isdecimal() else None, self._last, error))


def _joined(earlier: Gap | None, later: Gap) -> Gap:
    """Two breaks with no message between them are one gap."""
    if earlier is None:
        return later
    counts = [gap.missed for gap in (earlier, later) if gap.missed is not None]
    return Gap(sum(counts) if counts else None, earlier.after, later.error)


def _logged(gap: Gap) -> None:
    log.warning("the subscription was interrupted: %s; pass on_gap to subscribe() to handle gaps in your program", gap)
