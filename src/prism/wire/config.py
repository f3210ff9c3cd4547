"""The settings of servers and channels: frozen, and checked where they are made.

Every limit is per connection unless it says otherwise. Times are in seconds.
"""

from dataclasses import dataclass

from prism.wire.http2.frames import DEFAULT_FRAME_SIZE, DEFAULT_WINDOW, LARGEST_FRAME_SIZE, LARGEST_WINDOW
from prism.wire.networks import Networks

KIB = 1024
MIB = 1024 * KIB
SLOWEST = 16 * KIB
"""Bytes a second that a message must come with once `message_timeout` is over."""

_TIMES = (
    "write_timeout",
    "header_timeout",
    "frame_timeout",
    "message_timeout",
    "keepalive_interval",
    "keepalive_timeout",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionConfig:
    """What both ends of a connection settle.

    max_message_size: bytes of one received message, after decompression; larger ones end the call with
        RESOURCE_EXHAUSTED.
    max_header_list_size: bytes of one received header list (RFC 9113 section 6.5.2).
    max_frame_size: bytes of one received frame.
    initial_stream_window, max_stream_window: received bytes that one stream may hold unread at first, and once its
        reader has proved that it keeps up.
    connection_window: bytes in flight towards us on the whole connection.
    receive_budget: bytes of incomplete and unread messages beyond which streams get no more than their initial
        window until others have been read.
    send_buffer: bytes that a stream may have accepted and not yet sent before `send` waits.
    write_budget: bytes that may wait for a peer that does not read before we stop reading from it.
    write_timeout: how long such a peer may take none of them before the connection is dropped.
    header_timeout: how long one header block, or one HTTP/1.1 request's head, may take to arrive.
    frame_timeout: how long one frame may take to arrive, so that a trickle of bytes cannot hold a connection.
    message_timeout: how long one message, or the body of an HTTP request, may take to come whole, beyond a second for
        each `SLOWEST` bytes of it that have come. It ends then, and not its connection.
    keepalive_interval, keepalive_timeout: silence after which a PING is sent, and then the wait for its answer;
        no interval, no PING.
    flood_allowance, flood_refill: frames that cost us work and carry none (PING, SETTINGS, RST_STREAM, empty DATA)
        allowed at once, and earned back per second; completed calls earn one each. No allowance: the peer is trusted.
    """

    max_message_size: int = 4 * MIB
    max_header_list_size: int = 16 * KIB
    max_frame_size: int = DEFAULT_FRAME_SIZE
    initial_stream_window: int = DEFAULT_WINDOW
    max_stream_window: int = 1 * MIB
    connection_window: int = 4 * MIB
    receive_budget: int = 64 * MIB
    send_buffer: int = 64 * KIB
    write_budget: int = 1 * MIB
    write_timeout: float = 30.0
    header_timeout: float = 10.0
    frame_timeout: float = 60.0
    message_timeout: float = 60.0
    keepalive_interval: float | None = None
    keepalive_timeout: float = 20.0
    flood_allowance: int | None = 1000
    flood_refill: float = 200.0

    def __post_init__(self) -> None:
        check = _Check(self)
        check.between("max_message_size", 0, LARGEST_WINDOW - 64 * KIB)
        check.between("max_header_list_size", 1 * KIB, 16 * MIB)
        check.between("max_frame_size", DEFAULT_FRAME_SIZE, LARGEST_FRAME_SIZE)
        check.between("initial_stream_window", 0, LARGEST_WINDOW)
        check.between("max_stream_window", self.initial_stream_window, LARGEST_WINDOW)
        check.between("connection_window", DEFAULT_WINDOW, LARGEST_WINDOW)
        check.between("receive_budget", 0, None)
        check.between("send_buffer", 0, None)
        check.between("write_budget", 0, None)
        check.positive(*self._times())
        if self.flood_allowance is not None:
            check.between("flood_allowance", 1, None)
        check.between("flood_refill", 0, None)

    def shortest_time(self) -> float:
        """The shortest of the times above, which says how often connections must be looked at."""
        values: list[float | None] = [getattr(self, name) for name in self._times()]
        return min(value for value in values if value is not None)

    def _times(self) -> tuple[str, ...]:
        return _TIMES


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig(ConnectionConfig):
    """The settings of a `Server`.

    max_body_size: bytes of the body of one plain HTTP request; None: `max_message_size`. More where handlers take
        messages in an envelope.
    max_concurrent_streams: calls that one connection may have under way, cancelled ones included until their
        handlers have ended; more are refused with REFUSED_STREAM.
    reply_budget: bytes of answers that may wait for windows that the client does not open. Calls that come when half
        of it is used begin when it is not; a unary answer beyond all of it ends its call with RESOURCE_EXHAUSTED.
    handshake_timeout: how long a new connection may take until its protocol is known (TLS and preface).
    idle_timeout: a connection without calls for so long is drained. None: never.
    max_connection_age: a connection this old is drained, so that clients spread out anew. None: never.
    drain_timeout: how long a drained connection's calls may go on when idle or age ended it.
    backlog: connections that the kernel may hold unaccepted.
    proxies: where connections come from that begin with a header of the PROXY protocol, each of them; it has
        `header_timeout`. None: no connection does.
    spare_descriptors: of those that the process may have, so many are not for connections of this server: what stores
        and files need, and other servers of the process.
    """

    keepalive_interval: float | None = 60.0
    max_body_size: int | None = None
    max_concurrent_streams: int = 1000
    reply_budget: int = 64 * MIB
    handshake_timeout: float = 10.0
    idle_timeout: float | None = None
    max_connection_age: float | None = None
    drain_timeout: float = 30.0
    backlog: int = 1024
    proxies: Networks | None = None
    spare_descriptors: int = 0

    def __post_init__(self) -> None:
        # Not super(): a slotted dataclass is a new class, which the zero-argument form does not know.
        ConnectionConfig.__post_init__(self)
        check = _Check(self)
        if self.max_body_size is not None:
            check.between("max_body_size", 0, LARGEST_WINDOW - 64 * KIB)
        check.between("max_concurrent_streams", 1, LARGEST_WINDOW)
        check.between("reply_budget", 0, None)
        check.between("backlog", 1, None)
        check.between("spare_descriptors", 0, None)

    def body_limit(self) -> int:
        """Bytes of one plain request's body."""
        return self.max_message_size if self.max_body_size is None else self.max_body_size

    def _times(self) -> tuple[str, ...]:
        return (*_TIMES, "handshake_timeout", "idle_timeout", "max_connection_age", "drain_timeout")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelConfig(ConnectionConfig):
    """The settings of a `Channel`.

    connect_timeout: how long one attempt may take until the peer's SETTINGS have arrived.
    backoff_initial, backoff_max: the wait after a first failed attempt, and the most it grows to (by 1.6 each
        time, 20 % of jitter).
    max_connections: connections at once. Another is made when those that are there have as many calls as they may;
        beyond the last one calls are refused with RESOURCE_EXHAUSTED. With one, calls wait for a place on it.
    max_streams: calls at once on one connection, where the server takes as many. Each holds buffers at both ends.
    probe_timeout: a call that is given up (its deadline passed, or its caller left) puts the connection in doubt: it is
        pinged at once, and dropped where nothing comes for so long. None: only silence puts it in doubt.
    doubt_refusals: REFUSED_STREAM says that a call was not processed (RFC 9113 section 8.7), and HAProxy says it too of
        calls that a server took before it died. So it is believed only of a server of ours, which is no proxy.
    user_agent: what the `user-agent` header says.
    """

    max_frame_size: int = 64 * KIB
    max_stream_window: int = 4 * MIB
    connection_window: int = 16 * MIB
    connect_timeout: float = 10.0
    backoff_initial: float = 0.1
    backoff_max: float = 10.0
    max_connections: int = 1
    max_streams: int = LARGEST_WINDOW
    probe_timeout: float | None = None
    doubt_refusals: bool = False
    user_agent: str = "grpc-python-prism/0.1"

    def __post_init__(self) -> None:
        ConnectionConfig.__post_init__(self)
        check = _Check(self)
        check.positive("connect_timeout", "backoff_initial", "backoff_max")
        check.between("max_connections", 1, None)
        check.between("max_streams", 1, LARGEST_WINDOW)
        if not self.user_agent.isascii() or not self.user_agent.isprintable():
            raise ValueError(f"user_agent {self.user_agent!r} is not printable ASCII: use printable ASCII only")

    def _times(self) -> tuple[str, ...]:
        return (*_TIMES, "probe_timeout")


class _Check:
    """Says which field is wrong, what was found and what is allowed."""

    def __init__(self, config: object) -> None:
        self._config = config

    def between(self, name: str, least: int, most: int | None) -> None:
        value = getattr(self._config, name)
        if value < least or (most is not None and value > most):
            allowed = f"at least {least}" if most is None else f"from {least} to {most}"
            raise ValueError(f"{name} is {value}: it must be {allowed}")

    def positive(self, *names: str) -> None:
        for name in names:
            value = getattr(self._config, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} is {value}: it must be above zero")
