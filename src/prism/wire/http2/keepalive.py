"""What only time shows of a connection: a peer that is gone, ends neither frame nor headers, or reads nothing."""

import asyncio
from typing import Final

from prism.wire.config import ConnectionConfig
from prism.wire.http2 import frames
from prism.wire.http2.frames import ErrorCode
from prism.wire.http2.output import S
from prism.wire.http2.receiving import Receiving

_KEEPALIVE_PING: Final = b"stillon?"


class Health(Receiving[S]):
    """What `inspect` goes by, and what it does."""

    def __init__(self, config: ConnectionConfig, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(config, loop)
        self._tail = b""  # what has been read and not been taken
        self._unread = 0  # bytes of a DATA frame whose beginning has been taken
        self._fragments: list[bytes] | None = None  # of a header block that is not complete
        self._resting = False  # there is more to take, in the next turn
        self._heard = True
        self._silent_since = 0.0
        self._pinged_at: float | None = None
        self._stalled_since: float | None = None
        self._stalled_size = 0
        self._fragments_since: float | None = None
        self._partial_since: float | None = None

    def abort(self, reason: str) -> None:
        """End the connection without another word."""
        raise NotImplementedError

    def fail(self, code: ErrorCode, reason: str) -> None:
        """End the connection for the peer's fault: GOAWAY, then close."""
        raise NotImplementedError

    def _wants_keepalive(self) -> bool:
        """Whether it matters that the peer is still there."""
        return True

    def inspect(self, now: float) -> None:
        """Look at what only time shows."""
        self._inspect_silence(now)
        self._inspect_headers(now)
        self._inspect_frame(now)
        self._inspect_reader(now)

    def _inspect_silence(self, now: float) -> None:
        config = self._config
        if self._heard:
            self._heard = False
            self._silent_since = now
            self._pinged_at = None
        elif self._pinged_at is not None:
            if now - self._pinged_at >= config.keepalive_timeout:
                self.abort("the peer did not answer a PING")
        elif config.keepalive_interval is None or now - self._silent_since < config.keepalive_interval:
            return
        elif self._wants_keepalive():
            self._pinged_at = now
            self.write(frames.frame(frames.PING, 0, 0, _KEEPALIVE_PING))

    def _inspect_headers(self, now: float) -> None:
        if self._fragments is None:
            return
        if self._fragments_since is None:
            self._fragments_since = now
        elif now - self._fragments_since >= self._config.header_timeout:
            self.fail(ErrorCode.ENHANCE_YOUR_CALM, "the header block takes too long to end")

    def _inspect_frame(self, now: float) -> None:
        """Has the frame that is under way come any nearer to its end than by drops? Taking one clears the mark."""
        if (not self._tail and not self._unread) or self._choked or self._resting:
            self._partial_since = None
        elif self._partial_since is None:
            self._partial_since = now
        elif now - self._partial_since >= self._config.frame_timeout:
            self.fail(ErrorCode.ENHANCE_YOUR_CALM, "a frame takes too long to end")

    def _inspect_reader(self, now: float) -> None:
        """Has a peer that holds back our output taken any of it?"""
        transport = self._transport
        if not self._paused or transport is None:
            self._stalled_since = None
            return
        size = transport.get_write_buffer_size()
        if self._stalled_since is None or size < self._stalled_size:
            self._stalled_since = now
        elif now - self._stalled_since >= self._config.write_timeout:
            self.abort("the peer reads nothing")
        self._stalled_size = size
