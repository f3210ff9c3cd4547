"""How a server's connection is drained: when it is due, and how far it has come.

GOAWAY and a PING go out; once the client has answered the PING it knows, and what it opens then is refused. When the
last call has ended the server says no more, and lets the client close once it has read everything: to close on what
the client is still sending, window updates at least, would take the last replies from it on their way (RFC 9112
section 9.6).
"""

import asyncio
import random
from time import monotonic
from typing import Final

from prism.wire.config import ServerConfig
from prism.wire.http2 import frames
from prism.wire.server.lifetime import Lifetime

_QUIET_TIME: Final = 1.0
"""Seconds: a client without a call for so long has read its answers, and is waited for no longer than this."""
_LINGER_TIMEOUT: Final = 5.0
"""Seconds that another one has to answer the PING, and at last to close, when no call is under way."""

HALF_SENT: Final = 1.0
"""Seconds that a request has to come whole once its server stops; it is refused then, as one that was not begun."""

DRAIN_PING: Final = b"draining"
DRAIN_PING_FRAME: Final = frames.frame(frames.PING, 0, 0, DRAIN_PING)


class Drain:
    """The drain of one connection, from when it is opened.

    Attributes:
        begun: the client has been sent GOAWAY.
        confirmed: the client knows, so that streams it opens are refused and the last one's end closes.
        half_closed: the transport on which all has been said, while the client has to close it.
    """

    __slots__ = (
        "_age_spread",
        "_begun_at",
        "_config",
        "_confirmed_at_end",
        "_half_closed_at",
        "_idle_mark",
        "_idle_since",
        "_lifetime",
        "_limited",
        "_opened",
        "_quiet",
        "begun",
        "confirmed",
        "half_closed",
    )

    def __init__(self, config: ServerConfig, lifetime: Lifetime | None = None) -> None:
        self.begun = False
        self.confirmed = False
        self.half_closed: asyncio.Transport | None = None
        self._config = config
        self._lifetime = lifetime or Lifetime.of(config)
        self._opened = self._idle_since = monotonic()
        self._idle_mark = 0  # calls that had been completed at the last look
        # So that connections made together do not end together.
        self._age_spread = random.uniform(0.9, 1.1)  # noqa: S311 - no secret
        self._begun_at = 0.0
        self._limited = False
        self._half_closed_at = 0.0
        self._quiet = False
        self._confirmed_at_end = False

    def due(self, now: float, *, busy: bool, completed: int) -> bool:
        """Whether the connection has been idle for too long, or is too old; its calls have `Lifetime.grace` then."""
        if busy or completed != self._idle_mark:
            self._idle_mark = completed
            self._idle_since = now
        idle, age = self._config.idle_timeout, self._lifetime.max_age
        self._limited = (idle is not None and now - self._idle_since >= idle) or (
            age is not None and now - self._opened >= age * self._age_spread
        )
        return self._limited

    def begin(self, *, busy: bool = True, completed: int = 0) -> None:
        """The client is sent GOAWAY."""
        self.begun = True
        self._begun_at = now = monotonic()
        idle = not busy and completed == self._idle_mark
        self._quiet = idle and (not completed or now - self._idle_since >= _QUIET_TIME)

    def unanswered(self, now: float) -> bool:
        """Whether a client without calls had time enough to answer the PING: it holds up the drain no longer."""
        allowed = _QUIET_TIME if self._quiet else _LINGER_TIMEOUT
        return not self.confirmed and now - self._begun_at >= allowed

    def confirm(self, *, busy: bool) -> None:
        """The client knows, and by that has read all that was sent before."""
        self.confirmed = True
        self._confirmed_at_end = not busy

    def out_of_time(self, now: float) -> bool:
        """Whether calls have taken longer than a drain that was due by itself allows."""
        return self._limited and now - self._begun_at >= self._lifetime.grace

    def half_close(self, transport: asyncio.Transport) -> None:
        """All has been said: it is the client's to close."""
        self.half_closed = transport
        self._half_closed_at = monotonic()
        if transport.can_write_eof():
            transport.write_eof()

    def abort_overdue(self, now: float) -> None:
        """Cut off a client that does not close."""
        if self.half_closed is None:
            return
        allowed = _QUIET_TIME if self._confirmed_at_end else min(_LINGER_TIMEOUT, self._config.write_timeout)
        if now - self._half_closed_at >= allowed:
            self.half_closed.abort()
