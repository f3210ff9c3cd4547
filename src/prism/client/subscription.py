"""A subscription as an application holds it: messages one by one; it subscribes again when the stream breaks."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Self

from prism.client.arguments import Seconds
from prism.client.headers import NamespaceHeaders
from prism.client.loops import require_own_loop
from prism.client.message import Gap, Message, to_message
from prism.client.transport import Transport
from prism.errors import GatewayUnavailable, PrismError
from prism.interfaces import pubsub as messages
from prism.interfaces.operation import Operation
from prism.reason import Reason
from prism.rpc_status import from_status
from prism.wire import ClientCall, Code, Deadline, StatusError

log = logging.getLogger("prism.client")

OnGap = Callable[[Gap], Awaitable[None] | None]
"""Called with each gap (plain or async) once the subscription is established again, before the next message."""


class Subscription:
    """Messages from now on; iterate over it. Best used as an async context manager.

        async with events.subscribe("orders.>") as orders:
            async for message in orders:
                ...

    Entering the block (or asking for the first message) returns when the subscription is established: what is
    published after that is not missed while the stream lives. When the stream breaks (a gateway or plugin restarted,
    the store lost its connection, this reader was too slow) it subscribes again by itself, and reports the gap. A wait
    for the next message may be cancelled without losing a message.

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
        outage_timeout: float,
        on_gap: OnGap | None,
    ) -> None:
        self._transport = transport
        self._operation = operation
        self._request = request.SerializeToString()
        self._headers = headers
        self._timeout = timeout
        self._outage_timeout = outage_timeout
        self._on_gap = on_gap or _logged
        self._call: ClientCall | None = None
        self._attempt: asyncio.Task[ClientCall] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._broken: PrismError | None = None
        self._gap: Gap | None = None
        self._last = ""
        self._closed = False
        self.gaps = 0

    async def __aenter__(self) -> Self:
        await self._established()
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
        while (call := await self._established()) is not None:
            if self._gap is not None:
                await self._report()
            try:
                received = await call.receive()
            except StatusError as failure:
                self._break(from_status(failure.status), failure)
                continue
            if received is None:
                self._break(GatewayUnavailable("the gateway ended the stream"), None)
                continue
            message = to_message(messages.Message.FromString(received))
            self._last = message.id
            return message
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Ends it; a wait for the next message ends too."""
        self._closed = True
        call, self._call = self._call, None
        if self._loop is not asyncio.get_running_loop():
            return  # its connection is another loop's, or the parent's process's
        if call is not None:
            call.cancel()
        if self._attempt is not None:
            self._attempt.cancel()

    def __del__(self) -> None:
        # Left without being closed (`break` out of a bare loop): the gateway must not go on sending.
        call, loop = getattr(self, "_call", None), getattr(self, "_loop", None)
        if call is not None and loop is not None:
            with suppress(RuntimeError):  # the loop is closed, and the connection with it
                loop.call_soon_threadsafe(call.cancel)

    async def _established(self) -> ClientCall | None:
        """The stream, established; None once the subscription is closed."""
        require_own_loop(self._loop)
        if self._closed or self._call is not None:
            return self._call
        loop = self._loop = asyncio.get_running_loop()
        # A task of its own, so that closing can end it.
        attempt = self._attempt = loop.create_task(self._first() if self._broken is None else self._again(self._broken))
        attempt.add_done_callback(self._keep)
        try:
            await attempt
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._closed or (task is not None and task.cancelling()):
                raise
        return self._call

    def _keep(self, attempt: "asyncio.Task[ClientCall]") -> None:
        """Takes the stream of an attempt that has ended, even if the wait for it was cancelled at that moment."""
        self._attempt = None
        if attempt.cancelled() or attempt.exception() is not None:
            return
        if self._closed:
            attempt.result().cancel()
        else:
            self._call = attempt.result()

    async def _first(self) -> ClientCall:
        """The first subscription; it fails like any other call."""
        return await self._transport.subscribe(self._operation, self._request, self._headers, self._timeout)

    async def _again(self, error: PrismError) -> ClientCall:
        """Subscribes again: at once, then with growing delays, until `outage_timeout` is over."""
        deadline = Deadline.after(self._outage_timeout)
        attempts = 0
        while True:
            if attempts:
                delay = self._transport.policy.delay(attempts, error.retry_after)
                if delay >= deadline.remaining():
                    raise error
                await asyncio.sleep(delay)
            attempts += 1
            try:
                call = await self._transport.subscribe_once(self._operation, self._request, self._headers)
            except StatusError as failure:
                error = from_status(failure.status)
                if not _may_pass(error):
                    raise error from failure
            else:
                self._broken = None
                return call

    def _break(self, error: PrismError, cause: StatusError | None) -> None:
        """Notes that the stream has ended; raises where subscribing again cannot help."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()
        if self._closed:
            return
        if not _may_pass(error):
            self._closed = True
            raise error from cause
        missed = error.metadata.get("missed", "")
        self._broken = error
        self._gap = _joined(self._gap, Gap(int(missed) if missed.isdecimal() else None, self._last, error))

    async def _report(self) -> None:
        gap, self._gap = self._gap, None
        if gap is not None:
            self.gaps += 1
            handled = self._on_gap(gap)
            if inspect.isawaitable(handled):
                await handled


def _may_pass(error: PrismError) -> bool:
    """Whether the error may pass, so that subscribing again can help."""
    waiting_helps = error.code in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED) or error.retry_after is not None
    return waiting_helps or error.reason == Reason.GAP


def _joined(earlier: Gap | None, later: Gap) -> Gap:
    """Two breaks with no message between them are one gap."""
    if earlier is None:
        return later
    counts = [gap.missed for gap in (earlier, later) if gap.missed is not None]
    return Gap(sum(counts) if counts else None, earlier.after, later.error)


def _logged(gap: Gap) -> None:
    log.warning("the subscription was interrupted: %s; pass on_gap to subscribe() to handle gaps in your program", gap)
