"""How every abstraction of the client calls a gateway: bytes in, bytes out, errors as `PrismError`, with retries."""

import asyncio
import functools
import math
import ssl
from collections.abc import AsyncGenerator, Awaitable
from contextlib import nullcontext

from prism.client.arguments import Seconds, in_seconds
from prism.client.headers import NamespaceHeaders
from prism.client.loops import require_at_rest, watch_forks
from prism.client.retry import Attempts, RetryBudget, RetryPolicy
from prism.client.sending import Requests, sending
from prism.client.tracing import ClientSpan, client_span
from prism.interfaces.operation import Operation
from prism.wire import Channel, ChannelConfig, ClientCall, Code, Deadline, Metadata, Status, StatusError

_NO_TOKEN = Status(Code.DEADLINE_EXCEEDED, "timed out waiting for a token; check the function that returns it")
_NOT_ESTABLISHED = Status(
    Code.DEADLINE_EXCEEDED, "timed out waiting for the subscription to be established; retry, or allow more time"
)
_NO_MESSAGE = Status(Code.DEADLINE_EXCEEDED, "timed out waiting for the next message; resume from the last cursor")


_ACCEPT_HEARTBEATS = Metadata([("prism-heartbeat", "accept")])
_HEARTBEAT = b""
"""What a quiet stream sends now and then, as proxies take nothing less than a message for a sign of life; no other
message of the contract's streams is empty."""
_PROBE_TIMEOUT = 5.0
_MAX_PING_TIMEOUT = 10.0
"""Seconds until a silent connection is dropped: behind a call that was given up, and when nothing came for long."""
_MAX_CONNECTIONS = 16
"""A gateway takes 1,000 calls on a connection: further ones are made for more subscriptions than that, so that they do
not wait without a word."""


class Transport:
    """One connection to a gateway, with deadlines and retries; reconnects by itself.

    Attributes:
        policy: how calls are repeated.
    """

    def __init__(
        self, target: str, *, tls: ssl.SSLContext | None, timeout: Seconds, retry: RetryPolicy, keepalive: Seconds
    ) -> None:
        interval = in_seconds(keepalive)
        if not interval > 0:
            raise ValueError(f"keepalive is {interval}; give seconds above zero, or math.inf for none")
        config = ChannelConfig(
            keepalive_interval=interval,
            keepalive_timeout=min(interval, _MAX_PING_TIMEOUT),
            probe_timeout=_PROBE_TIMEOUT,
            max_connections=_MAX_CONNECTIONS,
            doubt_refusals=True,
        )
        self._new_channel = functools.partial(Channel, target, tls=tls, config=config)
        self._channel = self._new_channel()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._of_parent: list[object] = []
        self._timeout = timeout
        self.policy = retry
        self._budget = RetryBudget()
        watch_forks(self)

    def _channel_here(self) -> Channel:
        """The channel of the loop that runs.

        Raises:
            RuntimeError: the client is in use on another loop.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            if self._loop is not None and not self._closed:
                require_at_rest(self._loop)
                self._channel.let_go()
                self._channel = self._new_channel()
            self._loop = loop
        return self._channel

    def forked(self) -> None:
        """This is the child process: the connection is the parent's."""
        self._of_parent.append((self._channel, self._loop))  # for good: their destructors would touch what is shared
        self._channel.let_go()
        self._loop = None
        if not self._closed:
            self._channel = self._new_channel()

    def unary(
        self,
        operation: Operation,
        payload: bytes,
        headers: NamespaceHeaders,
        timeout: Seconds | None,
        *,
        keyed: bool = False,
    ) -> Awaitable[bytes]:
        """Runs an operation with one request and one response; `keyed` says that it carries an idempotency key.

        Raises:
            PrismError: it failed, after the retries that the contract allows.
        """
        span = client_span(operation)
        if span is None:
            return self._unary(operation, payload, headers, timeout, None, keyed=keyed)
        return self._traced(operation, payload, headers, timeout, span, keyed=keyed)

    async def _traced(
        self,
        operation: Operation,
        payload: bytes,
        headers: NamespaceHeaders,
        timeout: Seconds | None,
        span: ClientSpan,
        *,
        keyed: bool,
    ) -> bytes:
        with span:
            return await self._unary(operation, payload, headers, timeout, span, keyed=keyed)

    async def _unary(
        self,
        operation: Operation,
        payload: bytes,
        headers: NamespaceHeaders,
        timeout: Seconds | None,
        span: ClientSpan | None,
        *,
        keyed: bool,
    ) -> bytes:
        deadline = self.deadline(timeout)
        attempts: Attempts | None = None
        while True:
            try:
                metadata = headers.current()
                if not isinstance(metadata, Metadata):
                    metadata = await _in_time(deadline, metadata)
                if span is not None:
                    metadata = span.on(metadata)
                channel = self._channel if asyncio.get_running_loop() is self._loop else self._channel_here()
                answer = await channel.unary(operation.path, payload, metadata=metadata, deadline=deadline)
            except StatusError as failure:
                attempts = attempts or self._attempts(operation, deadline, repeatable=operation.reads or keyed)
                await attempts.failed(failure)
            else:
                self._budget.earn()
                return answer

    async def begin(
        self,
        operation: Operation,
        payload: bytes,
        headers: NamespaceHeaders,
        deadline: Deadline | None,
        span: ClientSpan | None = None,
        *,
        more: bool = False,
    ) -> ClientCall:
        """Opens a stream of responses and returns it when its head has come; the caller cancels it.

        `span` is that of the whole stream; without one the beginning has its own. With `more` the caller sends further
        requests, and ends them.

        Raises:
            StatusError: it failed.
        """
        metadata = await _before(deadline, headers)
        with nullcontext(span) if span is not None else client_span(operation) or nullcontext() as current:
            metadata = metadata if current is None else current.on(metadata)
            return await self._begun(operation, payload, metadata, deadline, more=more)

    async def stream(
        self,
        operation: Operation,
        asked: bytes | Requests,
        headers: NamespaceHeaders,
        deadline: Deadline | None,
    ) -> AsyncGenerator[bytes, None]:
        """The responses of an operation that streams. Asks for no heartbeats: an empty message may be a response.

        It is begun again where one request may be repeated and nothing has come back; a stream of requests never is.

        Raises:
            PrismError: it failed.
        """
        repeatable = operation.repeatable and isinstance(asked, bytes)
        attempts = self._attempts(operation, deadline, repeatable=repeatable)
        with client_span(operation) or nullcontext() as span:
            while True:
                begun = not isinstance(asked, bytes)
                try:
                    metadata = await _before(deadline, headers)
                    metadata = metadata if span is None else span.on(metadata)
                    call = self._channel_here().open(operation.path, metadata=metadata, deadline=deadline)
                    async with call, sending(call, asked):
                        while (message := await call.receive()) is not None:
                            begun = True
                            yield message
                except StatusError as failure:
                    if begun:
                        raise attempts.given_up(failure) from failure
                    await attempts.failed(failure)
                else:
                    self._budget.earn()
                    return

    async def next_message(self, call: ClientCall, deadline: Deadline | None) -> bytes | None:
        """The next message of a stream that is no heartbeat; None at its end. Raises `StatusError`."""
        while True:
            message = await (call.receive() if deadline is None else _next(call, deadline))
            if message != _HEARTBEAT:
                return message

    def attempts(self, operation: Operation, timeout: Seconds | None, *, repeatable: bool = False) -> Attempts:
        """The failures to come of an operation that begins now, and whether another attempt follows."""
        return self._attempts(operation, self.deadline(timeout), repeatable=repeatable or operation.reads)

    def succeeded(self) -> None:
        """A stream was opened, or came to its end: retries are earned."""
        self._budget.earn()

    async def close(self) -> None:
        """Ends the connection; calls in flight fail."""
        self._closed = True
        if self._loop is None or self._loop is asyncio.get_running_loop():
            await self._channel.close()
        else:
            require_at_rest(self._loop)
            self._channel.let_go()

    async def _begun(
        self, operation: Operation, payload: bytes, metadata: Metadata, deadline: Deadline | None, *, more: bool
    ) -> ClientCall:
        call = self._channel_here().open(operation.path, metadata=metadata.extended(_ACCEPT_HEARTBEATS))
        try:
            async with asyncio.timeout(deadline.remaining() if deadline else None):
                await call.send(payload)
                if not more:
                    await call.end()
                await call.headers()
        except TimeoutError as error:
            call.cancel()
            raise StatusError(_NOT_ESTABLISHED) from error
        except BaseException:
            call.cancel()
            raise
        return call

    def _attempts(self, operation: Operation, deadline: Deadline | None, *, repeatable: bool) -> Attempts:
        return Attempts(self.policy, self._budget, operation, deadline, repeatable=repeatable)

    def deadline(self, timeout: Seconds | None) -> Deadline | None:
        seconds = in_seconds(self._timeout if timeout is None else timeout)
        return None if seconds == math.inf else Deadline.after(seconds)


async def _before(deadline: Deadline | None, headers: NamespaceHeaders) -> Metadata:
    metadata = headers.current()
    return metadata if isinstance(metadata, Metadata) else await _in_time(deadline, metadata)


async def _in_time(deadline: Deadline | None, metadata: Awaitable[Metadata]) -> Metadata:
    try:
        async with asyncio.timeout(deadline.remaining() if deadline else None):
            return await metadata
    except TimeoutError as error:
        raise StatusError(_NO_TOKEN, unprocessed=True) from error


async def _next(call: ClientCall, deadline: Deadline) -> bytes | None:
    try:
        async with asyncio.timeout(deadline.remaining()):
            return await call.receive()
    except TimeoutError as error:
        raise StatusError(_NO_MESSAGE) from error
