"""A stream that is opened again where its reader stands: the one mechanism behind every stream of the client.

What differs between streams is their `Position`: a scan has a cursor, a subscription knows only what it saw last. And
how a break is answered: a `Recovery` waits until the stream may be opened again, or raises.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import nullcontext
from time import monotonic
from typing import Final, Generic, Protocol, TypeVar

from prism.client.arguments import Seconds
from prism.client.headers import NamespaceHeaders
from prism.client.loops import require_own_loop
from prism.client.tracing import ClientSpan, client_span
from prism.client.transport import Transport
from prism.errors import PrismError
from prism.interfaces.operation import Operation
from prism.reason import Reason
from prism.rpc_status import from_status
from prism.wire import ClientCall, Code, Deadline, Status, StatusError

M = TypeVar("M", covariant=True)

_ENDED: Final = Status(Code.UNAVAILABLE, "the gateway ended the stream")
_HASTY: Final = 1.0
"""Seconds: a stream that breaks sooner, without a message, is one more failed attempt of the same outage."""


class Position(Protocol[M]):
    """Where the reader of a stream stands."""

    def request(self) -> bytes:
        """The request that opens the stream here."""

    def passed(self, message: bytes) -> M:
        """Read a message, and stand behind it."""

    def broken(self, error: PrismError) -> None:
        """The stream broke here, and is to be opened again."""


class Recovery(Protocol):
    """What becomes of a stream that cannot be opened, or broke."""

    @property
    def deadline(self) -> Deadline | None:
        """Until when the next attempt may take."""

    async def failed(self, failure: StatusError) -> None:
        """Returns when it is time for the next attempt. Raises `PrismError` where there is none."""


class Outage:
    """Attempts at once, then with growing delays, until `timeout` is over; what waiting cannot help is raised."""

    def __init__(self, transport: Transport, timeout: float) -> None:
        self._transport = transport
        self._over = Deadline.after(timeout)
        self._failures = 0

    @property
    def deadline(self) -> Deadline | None:
        """Each attempt has the client's usual time."""
        return self._transport.deadline(None)

    async def failed(self, failure: StatusError) -> None:
        """Returns when it is time for the next attempt."""
        error = from_status(failure.status)
        if not may_pass(error):
            raise error from failure
        if self._failures:
            delay = self._transport.policy.delay(self._failures, error.retry_after)
            if delay >= self._over.remaining():
                raise error from failure
            await asyncio.sleep(delay)
        self._failures += 1


class ResumableStream(Generic[M]):
    """One stream as its reader sees it, however many calls it takes. A wait may be cancelled without losing a message.

    Attributes:
        closed: it has ended.
    """

    def __init__(
        self,
        transport: Transport,
        operation: Operation,
        position: Position[M],
        headers: NamespaceHeaders,
        *,
        recovery: Callable[[bool], Recovery],
        endless: bool,
        span: ClientSpan | None = None,
    ) -> None:
        """
        Args:
            transport: the way to the gateway.
            operation: what is called.
            position: where the reader stands.
            headers: of each call.
            recovery: made when the stream is to be opened, from whether it was in place before.
            endless: it has no end of its own, and between two messages any time may pass.
            span: that of the whole stream; without one each call has its own.
        """
        self._transport = transport
        self._operation = operation
        self._position = position
        self._headers = headers
        self._new_recovery = recovery
        self._endless = endless
        self._span = span
        self._recovery: Recovery | None = None
        self._failure: StatusError | None = None
        self._call: ClientCall | None = None
        self._attempt: asyncio.Task[ClientCall] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._was_open = False
        self._opened_at = 0.0
        self.closed = False

    async def open(self) -> bool:
        """Returns when the stream is in place; false once it has ended.

        Raises:
            PrismError: it cannot be opened; the recovery has no more attempts.
            RuntimeError: it was opened on another event loop, or before a fork.
        """
        require_own_loop(self._loop)
        if self.closed or self._call is not None:
            return not self.closed
        loop = self._loop = asyncio.get_running_loop()
        # A task of its own, so that closing can end it.
        attempt = self._attempt = loop.create_task(self._open())
        attempt.add_done_callback(self._keep)
        try:
            await attempt
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.closed or (task is not None and task.cancelling()):
                raise
        return not self.closed

    async def receive(self) -> M | None:
        """The next message; None where the stream has broken or ended, which `open` takes up or tells.

        Raises:
            PrismError: opening it again cannot help.
        """
        call = self._call
        if call is None:
            return None
        try:
            message = await self._next(call)
        except StatusError as failure:
            self._break(failure)
            return None
        if message is None:
            if self._endless:
                self._break(StatusError(_ENDED))
            else:
                self._transport.succeeded()
                self.close()
            return None
        self._recovery = None
        self._opened_at = 0.0
        return self._position.passed(message)

    def close(self) -> None:
        """End it; a wait for the next message ends too."""
        self.closed = True
        call, self._call = self._call, None
        try:
            if self._loop is not asyncio.get_running_loop():
                return  # its connection is another loop's, or the parent process's
        except RuntimeError:
            return
        if call is not None:
            call.cancel()
        if self._attempt is not None:
            self._attempt.cancel()

    def leave(self) -> None:
        """As `close`, from anywhere: its reader is gone."""
        if self._call is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._call.cancel)

    async def _next(self, call: ClientCall) -> bytes | None:
        if self._endless:
            return await self._transport.next_message(call, None)
        if self._recovery is None:
            self._recovery = self._new_recovery(self._was_open)
        return await self._transport.next_message(call, self._recovery.deadline)

    async def _open(self) -> ClientCall:
        if self._recovery is None:
            self._recovery = self._new_recovery(self._was_open)
        recovery = self._recovery
        while True:
            failure, self._failure = self._failure, None
            if failure is not None:
                await recovery.failed(failure)
            request = self._position.request()
            try:
                return await self._transport.begin(
                    self._operation, request, self._headers, recovery.deadline, self._span
                )
            except StatusError as failed:
                self._failure = failed

    def _keep(self, attempt: "asyncio.Task[ClientCall]") -> None:
        """Takes the stream of an attempt that has ended, even if the wait for it was cancelled at that moment."""
        self._attempt = None
        if attempt.cancelled() or attempt.exception() is not None:
            return
        if self.closed:
            attempt.result().cancel()
            return
        self._call = attempt.result()
        self._opened_at = monotonic()
        if self._endless:
            self._transport.succeeded()
            if not self._was_open:
                self._recovery = None
        self._was_open = True

    def _break(self, failure: StatusError) -> None:
        """The stream has broken under its reader."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()
        if self.closed:
            return
        self._failure = failure
        error = from_status(failure.status)
        if self._endless:
            if not may_pass(error):
                self.closed = True
                raise error from failure
            if monotonic() - self._opened_at >= _HASTY:
                self._recovery = None
        self._position.broken(error)


async def read_to_end(
    transport: Transport,
    operation: Operation,
    position: Position[M],
    headers: NamespaceHeaders,
    timeout: Seconds | None,
) -> AsyncGenerator[M, None]:
    """The messages of a stream that has an end; `timeout` bounds the wait for each of them, with all attempts.

    Raises:
        PrismError: it failed, after the retries that the contract allows.
    """
    with client_span(operation) or nullcontext() as span:
        stream = ResumableStream(
            transport,
            operation,
            position,
            headers,
            recovery=lambda _: transport.attempts(operation, timeout),
            endless=False,
            span=span,
        )
        try:
            while await stream.open():
                message = await stream.receive()
                if message is not None:
                    yield message
        finally:
            stream.close()


def may_pass(error: PrismError) -> bool:
    """Whether the error may pass, so that opening the stream again can help."""
    waiting_helps = error.code in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED) or error.retry_after is not None
    return waiting_helps or error.reason == Reason.GAP
