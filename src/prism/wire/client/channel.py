"""A channel: the way to one server, with a connection that is made when needed and made anew when lost."""

import asyncio
import enum
import random
import ssl
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Final, Self

from prism.wire.address import Address
from prism.wire.client.call import ClientCall
from prism.wire.client.connection import ClientConnection
from prism.wire.client.request_heads import RequestHeads, TimeoutFields
from prism.wire.client.shared import ChannelShared, Managed
from prism.wire.client.stream import ClientStream
from prism.wire.config import ChannelConfig
from prism.wire.grpc.deadline import Deadline
from prism.wire.grpc.fields import Fields
from prism.wire.grpc.metadata import EMPTY_METADATA, Metadata
from prism.wire.grpc.status import Code, Status, StatusError
from prism.wire.http2.settings import client_opening
from prism.wire.peer import Peer, describe_peer
from prism.wire.timer import DeadlineWheel, Inspected, Inspector
from prism.wire.transports import OpenTransports

_DEFAULTS: Final = ChannelConfig()
_MAX_ATTEMPTS: Final = 3  # of a call that the peer says it never looked at
_GROWTH: Final = 1.6
_JITTER: Final = 0.2
_SPARE_TIME: Final = 30.0  # seconds after which a further connection that no call uses is closed
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
    for readiness; after a failed attempt the next ones keep a growing, jittered distance. Where a connection has as
    many calls as it may have, another is made, up to `ChannelConfig.max_connections`.
    """

    def __init__(
        self,
        target: str,
        *,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
        config: ChannelConfig = _DEFAULTS,
        verify_peer: Callable[[Peer], str] | None = None,
    ) -> None:
        """`verify_peer` says why a server that was reached is not the one that was meant; empty where it is."""
        self.target = target
        self._tls = tls
        self._config = config
        self._address = Address.parse(target)
        self._server_name = server_name or self._address.host or "localhost"
        self._authority = server_name or (str(self._address) if not self._address.path else "localhost")
        self._connection: ClientConnection | None = None  # the one that is tried first
        self._usable: list[ClientConnection] = []  # those that take new calls
        self._spare: dict[ClientConnection, float] = {}  # of these, those without calls, and since when
        self._all: set[Managed] = set()
        self._attempt: asyncio.Task[Status | None] | None = None
        self._failure: Status | None = None
        self._failures = 0
        self._next_attempt = 0.0
        self._closed = False
        self._shared: ChannelShared | None = None
        self._inspector: Inspector | None = None
        self._verify_peer = verify_peer

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
                if not error.unprocessed or attempts >= _MAX_ATTEMPTS:
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
        return ClientCall(self._begin, path, metadata, deadline, wait_for_ready, compression)

    async def _begin(
        self, path: str, metadata: Metadata, deadline: Deadline | None, wait_for_ready: bool, extra: bytes
    ) -> ClientStream:
        """Begin one attempt at a streaming call. Raises `StatusError`."""
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
        if self._inspector is not None:
            self._inspector.stop()
        if self._shared is not None:
            self._shared.wheel.close()
            await self._shared.transports.close()

    def let_go(self) -> None:
        """Let go of the sockets, where the loop is gone or this is the child of a fork; the peer is sent nothing.

        The peer of a forked process's parent notices nothing, as the parent has the sockets still.
        """
        self._closed = True
        for connection in tuple(self._all):
            connection.let_go()
        if self._inspector is not None:
            self._inspector.stop()
        if self._shared is not None:
            self._shared.wheel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # Connections.

    def _share(self, loop: asyncio.AbstractEventLoop) -> ChannelShared:
        """What all connections are given; made with the first one."""
        if self._shared is None:
            config, scheme = self._config, "http" if self._tls is None else "https"
            self._inspector = Inspector(loop, config.shortest_time(), self._watched)
            self._shared = ChannelShared(
                config=config,
                loop=loop,
                known_fields=Fields(),
                request_heads=RequestHeads(scheme, self._authority, config.user_agent),
                timeout_fields=TimeoutFields(),
                opening=client_opening(config),
                wheel=DeadlineWheel(loop),
                transports=OpenTransports(),
                on_leaving=self._on_leaving,
                on_closed=self._on_closed,
            )
        return self._shared

    def _on_leaving(self, connection: Managed) -> None:
        """The connection takes no new calls: the next one uses or makes another."""
        self._usable = [each for each in self._usable if each is not connection]
        if self._connection is connection:
            self._connection = self._usable[-1] if self._usable else None

    def _on_closed(self, connection: Managed) -> None:
        self._all.discard(connection)

    def _watched(self) -> list[Inspected]:
        """The connections to look at; those that are not needed any more are closed first."""
        now, before = monotonic(), self._spare
        spare = [each for each in self._usable if each is not self._connection and not each.calls]
        self._spare = {each: before.get(each, now) for each in spare}
        for each in spare:
            if now - self._spare[each] >= _SPARE_TIME:
                del self._spare[each]
                each.close("it is not needed any more")
        return list(self._all)

    def _add(self, connection: ClientConnection) -> None:
        """Watch over a connection."""
        self._all.add(connection)
        if self._inspector is not None:
            self._inspector.start()

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
        most = self._config.max_connections
        while not self._find_room():
            if self._closed:
                raise StatusError(Status(Code.CANCELLED, "the channel is closed"), unprocessed=True)
            if len(self._usable) >= most:
                if most > 1:
                    raise StatusError(self._full(), unprocessed=True)
                await self._usable[0].room()
                return
            pause = self._next_attempt - monotonic()
            if self._attempt is None and pause > 0:
                if not wait_for_ready and self._failure is not None:
                    raise StatusError(self._failure, unprocessed=True)
                await asyncio.sleep(pause)
                continue
            if self._attempt is None:
                self._attempt = asyncio.create_task(self._connect())
            attempt = self._attempt
            # Not awaited itself: a caller that gives up must not cancel it for the others.
            await asyncio.wait((attempt,))
            failure = None if attempt.cancelled() else attempt.result()
            if failure is not None and not wait_for_ready:
                raise StatusError(failure, unprocessed=True)

    def _find_room(self) -> bool:
        """Whether a connection takes another call; it is the first to be tried then."""
        if self._connection is not None and self._connection.has_room:
            return True
        roomy = [each for each in self._usable if each.has_room]
        if roomy:
            self._connection = min(roomy, key=lambda each: each.calls)
        return bool(roomy)

    def _full(self) -> Status:
        calls = sum(each.calls for each in self._usable)
        return Status(
            Code.RESOURCE_EXHAUSTED,
            f"{calls} calls to {self.target} are in progress, as many as may be at once: end some of them, or retry",
        )

    async def _connect(self) -> Status | None:
        """One attempt; returns its failure, if any."""
        connection = None
        try:
            async with asyncio.timeout(self._config.connect_timeout):
                connection = await self._open_connection()
                reason = await connection.settled
                if not reason and not connection.usable:
                    # It has said so with its settings: what waits here would try it for ever.
                    reason = "the server is going away"
                if reason:
                    raise ConnectionError(reason)
        except (OSError, TimeoutError) as error:
            if connection is not None:
                connection.close("the attempt to connect failed")
            return self._failed(error)
        finally:
            self._attempt = None
        self._failures = 0
        self._failure = None
        self._usable.append(connection)
        self._connection = connection
        return None

    async def _open_connection(self) -> ClientConnection:
        loop = asyncio.get_running_loop()
        shared = self._share(loop)
        name = self._server_name if self._tls is not None else None
        if self._address.path:
            transport, connection = await loop.create_unix_connection(
                lambda: ClientConnection(shared), self._address.path, ssl=self._tls, server_hostname=name
            )
        else:
            transport, connection = await loop.create_connection(
                lambda: ClientConnection(shared),
                self._address.host,
                self._address.port,
                ssl=self._tls,
                server_hostname=name,
            )
        self._add(connection)
        secured = transport.get_extra_info("ssl_object")
        if secured is not None and secured.selected_alpn_protocol() != "h2":
            connection.close("it does not speak HTTP/2")
            raise ConnectionError(
                "the server does not offer HTTP/2 (ALPN h2) over TLS: check its address, or enable HTTP/2 there"
            )
        if self._verify_peer is not None and (reason := self._verify_peer(describe_peer(transport))):
            connection.close(reason)
            raise ConnectionError(reason)
        return connection

    def _failed(self, error: OSError | TimeoutError) -> Status:
        pause = min(self._config.backoff_max, self._config.backoff_initial * _GROWTH**self._failures)
        self._failures += 1
        self._next_attempt = monotonic() + pause * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret
        reason = str(error) or f"no answer within {self._config.connect_timeout} s"
        self._failure = Status(Code.UNAVAILABLE, f"cannot connect to {self.target}: {reason}")
        return self._failure
