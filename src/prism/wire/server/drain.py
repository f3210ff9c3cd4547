"""How a server's connection ends: drained for age, idleness or the server's own end, cut, or lost with its calls."""

import asyncio
import random
from functools import partial
from time import monotonic
from typing import Final

from prism.wire.config import ServerConfig
from prism.wire.grpc.fields import Fields
from prism.wire.grpc.status import Code, Refusal, Status
from prism.wire.http2 import frames
from prism.wire.http2.frames import LARGEST_WINDOW, ErrorCode
from prism.wire.server.admission_queue import HeldCalls
from prism.wire.server.local_reply import Refusals
from prism.wire.server.served_stream import ServedStream

_CLOSING: Final = Status(
    Code.UNAVAILABLE, "the server is shutting down: try another, or again", refusal=Refusal.SHUTTING_DOWN
)
_DRAIN_PING: Final = b"draining"


class Parting(HeldCalls):
    """Drains, cuts, and sees to it that no handler outlives its connection unnoticed."""

    def __init__(
        self,
        config: ServerConfig,
        loop: asyncio.AbstractEventLoop,
        opening: bytes,
        known_fields: Fields,
        refusals: Refusals,
    ) -> None:
        super().__init__(config, loop, opening, known_fields, refusals)
        self.zombies: set[ServedStream] = set()  # cancelled calls whose handlers have not ended
        self._settings = config
        self._opened = self._idle_since = monotonic()
        self._idle_mark = 0
        # So that connections made together do not end together.
        self._age_spread = random.uniform(0.9, 1.1)  # noqa: S311 - no secret
        self._drain_since: float | None = None
        self._drain_limited = False
        self._parted: asyncio.Transport | None = None  # all is said, the client has to close
        self._parted_at = 0.0

    def _on_gone(self) -> None:
        """Nothing of the connection is left, nor of its handlers."""
        raise NotImplementedError

    def on_handler_ended(self, stream: ServedStream) -> None:
        """A cancelled handler has really ended."""
        self.zombies.discard(stream)
        if self._closed:
            self._on_closed("")

    def inspect(self, now: float) -> None:
        """Look at what only time shows; see also `Connection.inspect`."""
        config = self._settings
        if self._parted is not None and now - self._parted_at >= config.write_timeout:
            self._parted.abort()
        if self._closed:
            return
        super().inspect(now)
        if self._closed:
            return
        if self._drain_since is not None:
            if self._drain_limited and now - self._drain_since >= config.drain_timeout:
                self.cut()
            return
        if self._streams or self._completed != self._idle_mark:
            self._idle_mark = self._completed
            self._idle_since = now
        idle, age = config.idle_timeout, config.max_connection_age
        if (idle is not None and now - self._idle_since >= idle) or (
            age is not None and now - self._opened >= age * self._age_spread
        ):
            self._drain_limited = True
            self.drain()

    def drain(self) -> None:
        """Take no more streams once the client knows; finish those it has opened, then close."""
        if self._drain_since is not None:
            return
        self._drain_since = monotonic()
        self.write(frames.goaway(LARGEST_WINDOW, ErrorCode.NO_ERROR, "draining"))
        self.write(frames.frame(frames.PING, 0, 0, _DRAIN_PING))

    def _on_pong(self, payload: bytes) -> None:
        if payload == _DRAIN_PING and not self._draining:
            self._draining = True
            self.write(frames.goaway(self._last_id, ErrorCode.NO_ERROR, "draining"))
            self._close_if_drained()

    @property
    def calls(self) -> int:
        """How many calls are under way."""
        return len(self._streams) + len(self.zombies)

    def cut(self) -> None:
        """End every call and close."""
        if self._parted is not None:
            self._parted.abort()
        self._draining = False  # it ends here and not with its last stream
        for stream in tuple(self._streams.values()):
            stream.abort(_CLOSING)
        self.close("the server closes")

    def _close_if_drained(self) -> None:
        """Say no more, and let the client close once it has read everything.

        To close on what it is still sending, window updates at least, would take the last answers from it on their
        way (RFC 9112 section 9.6).
        """
        transport = self._transport
        if self._streams or self._closed or transport is None:
            return
        self.flush()
        self._parted, self._transport = transport, None
        self._parted_at = monotonic()
        if self._choked or self._resting:
            transport.resume_reading()
        if transport.can_write_eof():
            transport.write_eof()
        self._end("drained")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._parted is not None:
            self._parted = None
            self._on_closed("drained")
        super().connection_lost(exc)

    def _lose_streams(self, reason: str) -> None:
        """As many in a turn as newcomers may cost: each is a handler to be cancelled."""
        streams, newcomers = self._streams, self._turn.newcomers
        while streams and newcomers.credit > 0:
            newcomers.credit -= 1
            stream = next(iter(streams.values()))
            self.forget(stream)
            stream.on_lost(reason)
        if streams:
            newcomers.wait(partial(self._lose_streams, reason))
        else:
            self._on_closed(reason)

    def _on_closed(self, reason: str) -> None:  # noqa: ARG002 - a client may go for any reason
        if not self.zombies and not self._streams and self._parted is None:
            self._on_gone()
