"""A channel: the way to one server, with a connection that is made when needed and made anew when lost."""

import asyncio
import enum
import random
import ssl
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Final, Self, cast

from prism.wire.address import Address
from prism.wire.client.call import ClientCall
from prism.wire.client.connection import ClientConnection
from prism.wire.client.stream import ClientStream
from prism.wire.client.timeouts import Timeouts
from prism.wire.config import ChannelConfig
from prism.wire.grpc.deadline import Deadline
from prism.wire.grpc.fields import Fields
from prism.wire.grpc.metadata import EMPTY_METADATA, Metadata
from prism.wire.grpc.status import Code, Status, StatusError
from prism.wire.peer import Peer, describe_peer
from prism.wire.timer import DeadlineWheel, Rounds

_DEFAULTS: Final = ChannelConfig()
_ATTEMPTS: Final = 3  # of a call that the peer says it never looked at
_GROWTH: Final = 1.6
_JITTER: Final = 0.2
_CLOSE_TIMEOUT: Final = 1.0  # seconds for the last bytes, and for TLS to say goodbye
_DEADLINE: Final = Status(Code.DEADLINE_EXCEEDED, "the deadline passed before the call could be sent")


class ChannelState(enum.Enum):
    """What a channel is doing about its connection (gRPC connectivity-semantics-and-api.md)."""

    IDLE = "idle"
    CONNECTING = "connecting"
    READY = "ready"
    TRANSIENT_FAILURE = "transient failure"
    CLOSED = "closed"


class Channel:
    """Calls to `host:port`, `[v6]:port` or `unix:/path`.

    It connects at the first call. A call fails with UNAVAILABLE while the server cannot be reached, unless it waits
    for readiness; after a failed attempt the next ones keep a growing, jittered distance.
    """

    def __init__(
        self,
        target: str,
        *,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
        config: ChannelConfig = _DEFAULTS,
        objection: Callable[[Peer], str] | None = None,
    ) -> None:
        """`objection` says why a server that was reached is not the one that was meant; empty where it is."""
        self.target = target
        self.tls = tls
        self.config = config
        self.known_fields = Fields()
        self.timeouts = Timeouts()
        self._address = Address.parse(target)
        self._server_name = server_name or self._address.host or "localhost"
        self.authority = server_name or (str(self._address) if not self._address.path else "localhost")
        self._connection: ClientConnection | None = None
        self._all: set[ClientConnection] = set()
        self._transports: dict[ClientConnection, asyncio.Transport] = {}  # those whose sockets are open
        self._all_lost: asyncio.Future[None] | None = None
        self._attempt: asyncio.Task[Status | None] | None = None
        self._failure: Status | None = None
        self._failures = 0
        self._next_attempt = 0.0
        self._closed = False
        self._wheel: DeadlineWheel | None = None
        self._rounds: Rounds | None = None
        self._objection = objection

    @property
    def state(self) -> ChannelState:
        """What the channel is doing about its connection."""
        if self._closed:
            return ChannelState.CLOSED
        if self._connection is not None:
            return ChannelState.READY
        if self._attempt is not None:
            return ChannelState.CONNECTING
        return ChannelState.IDLE if self._failure is None else ChannelState.TRANSIENT_FAILURE

    @property
    def wheel(self) -> DeadlineWheel:
        """The deadlines of all calls."""
        if self._wheel is None:
            self._wheel = DeadlineWheel(asyncio.get_running_loop())
        return self._wheel

    async def unary(
        self,
        path: str,
        message: bytes,
        *,
        metadata: Metadata = EMPTY_METADATA,
        deadline: Deadline | None = None,
        wait_for_ready: bool = False,
    ) -> bytes:
        """Call a method that takes one message and gives one. Raises `StatusError`."""
        attempts = 0
        while True:
            connection = self._connection
            call = None if connection is None else connection.unary(path, message, metadata, deadline)
            if connection is None or call is None:
                await self._acquire(deadline, wait_for_ready)
                continue
            try:
                return await call.future
            except asyncio.CancelledError:
                connection.drop(call)
                raise
            except StatusError as error:
                call = None  # its future holds the error, and that this frame: the garbage collector's work
                attempts += 1
                if not error.unprocessed or attempts >= _ATTEMPTS:
                    raise

    def open(
        self,
        path: str,
        *,
        metadata: Metadata = EMPTY_METADATA,
        deadline: Deadline | None = None,
        wait_for_ready: bool = False,
        compression: str | None = None,
    ) -> ClientCall:
        """A call of any kind; it is begun by its first use. `compression` may be `gzip`."""
        return ClientCall(self, path, metadata, deadline, wait_for_ready, compression)

    async def begin(
        self, path: str, metadata: Metadata, deadline: Deadline | None, wait_for_ready: bool, extra: bytes
    ) -> ClientStream:
        """Begin one attempt at a streaming call; for `ClientCall`. Raises `StatusError`."""
        while True:
            connection = self._connection
            stream = None if connection is None else connection.open(path, metadata, deadline, extra)
            if stream is not None:
                return stream
            await self._acquire(deadline, wait_for_ready)

    async def close(self) -> None:
        """End every call with CANCELLED and close; the channel is of no more use. No socket is open afterwards."""
        self._closed = True
        if self._attempt is not None:
            self._attempt.cancel()
            await asyncio.wait((self._attempt,))
        for connection in tuple(self._all):
            connection.close("the channel was closed")
        if self._rounds is not None:
            self._rounds.stop()
        if self._wheel is not None:
            self._wheel.close()
        await self._lose_transports()

    async def _lose_transports(self) -> None:
        """Wait until the sockets are closed. What a peer does not read in time is dropped."""
        if not self._transports:
            return
        lost = self._all_lost = self._all_lost or asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait((lost,), timeout=_CLOSE_TIMEOUT)
        finally:
            for transport in tuple(self._transports.values()):
                transport.abort()
        await lost

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # Connections.

    def on_leaving(self, connection: ClientConnection) -> None:
        """The connection takes no new calls: the next one makes another."""
        if self._connection is connection:
            self._connection = None

    def on_opened(self, connection: ClientConnection, transport: asyncio.BaseTransport) -> None:
        """The connection has a socket."""
        self._transports[connection] = cast("asyncio.Transport", transport)

    def on_closed(self, connection: ClientConnection) -> None:
        """The connection is of no more use; its socket may be open until all is written."""
        self._all.discard(connection)

    def on_lost(self, connection: ClientConnection) -> None:
        """The connection's socket is closed."""
        self._transports.pop(connection, None)
        if self._all_lost is not None and not self._transports and not self._all_lost.done():
            self._all_lost.set_result(None)

    async def _acquire(self, deadline: Deadline | None, wait_for_ready: bool) -> None:
        """Wait until a call may be tried. Raises `StatusError` where it may not."""
        if deadline is None:
            await self._wait_for_connection(wait_for_ready)
            return
        try:
            async with asyncio.timeout(deadline.remaining()):
                await self._wait_for_connection(wait_for_ready)
        except TimeoutError:
            failure = f": {self._failure.message}" if self._failure is not None else ""
            status = Status(Code.DEADLINE_EXCEEDED, _DEADLINE.message + failure)
            raise StatusError(status, unprocessed=True) from None

    async def _wait_for_connection(self, wait_for_ready: bool) -> None:
        connection = self._connection
        if connection is not None:
            await connection.room()
            return
        while self._connection is None:
            if self._closed:
                raise StatusError(Status(Code.CANCELLED, "the channel is closed"), unprocessed=True)
            pause = self._next_attempt - monotonic()
            if self._attempt is None and pause > 0:
                if not wait_for_ready and self._failure is not None:
                    raise StatusError(self._failure, unprocessed=True)
                await asyncio.sleep(pause)
                continue
            if self._attempt is None:
                self._attempt = asyncio.create_task(self._connect())
            attempt = self._attempt
            # Not awaited itself: a caller that gives up must take nobody with it.
            await asyncio.wait((attempt,))
            failure = None if attempt.cancelled() else attempt.result()
            if failure is not None and not wait_for_ready:
                raise StatusError(failure, unprocessed=True)

    async def _connect(self) -> Status | None:
        """One attempt; returns its failure, if any."""
        connection = None
        try:
            async with asyncio.timeout(self.config.connect_timeout):
                connection = await self._open_connection()
                reason = await connection.settled
                if not reason and not connection.usable:
                    # It has said so in the same breath as its settings: what waits here would try it for ever.
                    reason = "the server is going away"
                if reason:
                    raise ConnectionError(reason)
        except (OSError, TimeoutError) as error:
            if connection is not None:
                connection.close("it could not be used")
            return self._failed(error)
        finally:
            self._attempt = None
        self._failures = 0
        self._failure = None
        self._connection = connection
        return None

    async def _open_connection(self) -> ClientConnection:
        loop = asyncio.get_running_loop()
        name = self._server_name if self.tls is not None else None
        if self._address.path:
            transport, connection = await loop.create_unix_connection(
                lambda: ClientConnection(self, loop), self._address.path, ssl=self.tls, server_hostname=name
            )
        else:
            transport, connection = await loop.create_connection(
                lambda: ClientConnection(self, loop),
                self._address.host,
                self._address.port,
                ssl=self.tls,
                server_hostname=name,
            )
        self._all.add(connection)
        if self._rounds is None:
            self._rounds = Rounds(loop, self.config.shortest_time(), lambda: list(self._all))
        self._rounds.start()
        secured = transport.get_extra_info("ssl_object")
        if secured is not None and secured.selected_alpn_protocol() != "h2":
            connection.close("it is no HTTP/2")
            raise ConnectionError("the server does not offer HTTP/2 (ALPN h2) over TLS")
        if self._objection is not None and (reason := self._objection(describe_peer(transport))):
            connection.close(reason)
            raise ConnectionError(reason)
        return connection

    def _failed(self, error: OSError | TimeoutError) -> Status:
        pause = min(self.config.backoff_max, self.config.backoff_initial * _GROWTH**self._failures)
        self._failures += 1
        self._next_attempt = monotonic() + pause * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret
        reason = str(error) or f"no answer within {self.config.connect_timeout} s"
        self._failure = Status(Code.UNAVAILABLE, f"cannot connect to {self.target}: {reason}")
        return self._failure
