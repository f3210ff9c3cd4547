"""One HTTP/2 connection: what client and server share (RFC 9113).

`data_received` takes every complete frame of a read in one loop, without an object per frame; how output is gathered
is in `output`, the frames that carry no call are in `control`, the taking of DATA in `receiving`, header blocks in
`header_blocks`, what only time shows in `health`.
"""

import asyncio
from typing import Final, cast

from prism.wire.config import ConnectionConfig
from prism.wire.http2 import frames
from prism.wire.http2.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_HEAD,
    HEADERS,
    LARGEST_WINDOW,
    PADDED,
    ConnectionFault,
    ErrorCode,
    StreamFault,
)
from prism.wire.http2.header_blocks import HeaderBlocks
from prism.wire.http2.output import S

_WORTH_TAKING: Final = 2048  # bytes of a frame that is not whole
BITE: Final = 128  # frames taken in a row: a read may hold thousands, and others have their turn in between

_unpack = FRAME_HEAD.unpack_from


class Connection(HeaderBlocks[S], asyncio.Protocol):
    """The frame loop, and the end."""

    def __init__(self, config: ConnectionConfig, loop: asyncio.AbstractEventLoop, opening: bytes) -> None:
        super().__init__(config, loop)
        self._opening = opening
        self._closed = False
        self._proven = True  # has its own turn's worth, and need not share the newcomers'
        self._last_id = 0  # the highest stream the peer has opened
        self._going_on = False
        self._expected = False  # `_go_on` is scheduled, or in the newcomers' line
        self._unread_head = (0, 0)

    # What a role must answer.

    def _on_data(self, stream_id: int, flags: int, data: bytes, start: int, stop: int) -> None:
        raise NotImplementedError

    def _on_closed(self, reason: str) -> None:
        """The connection is gone; its streams have been told."""

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._join_always = transport.get_extra_info("sslcontext") is not None
        self._transport.write(self._opening)

    def data_received(self, data: bytes) -> None:
        """Take every complete frame. One long function: it runs for each frame, and calls cost."""
        if self._closed:
            return
        self._heard = True
        if self._tail:
            data = self._tail + data
            if self._resting:
                self._tail = data
                return
            self._tail = b""
        position = 0
        end = len(data)
        left = bite = BITE if self._proven else self._share()
        most = self._config.max_frame_size
        try:
            if self._unread:
                position = self._continue_data(data, end)
            while end - position >= 9:
                high, low, kind, flags, stream_id = _unpack(data, position)
                start = position + 9
                length = high << 8 | low
                position = start + length
                if length > most:
                    raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"frames here have at most {most} bytes")
                if position > end:
                    if kind == DATA and not flags & PADDED and self._fragments is None:
                        position = self._begin_data(flags, stream_id & LARGEST_WINDOW, length, data, start, end)
                    else:
                        position = start - 9
                    break
                if not left:
                    position = start - 9
                    self._rest()
                    break
                left -= 1
                stream_id &= LARGEST_WINDOW
                try:
                    if self._fragments is not None:
                        self._continue_headers(kind, flags, stream_id, data[start:position])
                    elif kind == DATA:
                        self._on_data(stream_id, flags, data, start, position)
                    elif kind == HEADERS:
                        if flags & ~END_STREAM == END_HEADERS:
                            self._on_headers(stream_id, flags & END_STREAM, data[start:position])
                        else:
                            self._begin_headers(flags, stream_id, data[start:position])
                    else:
                        self._control(kind, flags, stream_id, data[start:position])
                except StreamFault as fault:
                    self._reset(fault)
            if position < end:
                self._tail = data[position:]
            if left < bite:
                self._partial_since = None
        except ConnectionFault as fault:
            self.fail(fault.code, fault.reason)
            return
        if bite < BITE:
            self._turn.newcomers.credit = left
        if self._ready:
            self._pump()
        if self._resting or self._going_on:
            self._turn.ensure()
        else:
            self._turn.schedule()

    def _begin_data(self, flags: int, stream_id: int, length: int, data: bytes, start: int, end: int) -> int:
        """Take what has come of a DATA frame, not to copy it together with the rest; returns where reading ended."""
        if end - start < _WORTH_TAKING:
            return start - 9
        self._unread = length - (end - start)
        self._partial_since = None
        self._unread_head = (stream_id, flags)
        self._take_data(stream_id, 0, data, start, end)
        return end

    def _continue_data(self, data: bytes, end: int) -> int:
        """Take more of that DATA frame; returns where it, or the read, ended."""
        stream_id, flags = self._unread_head
        taken = min(self._unread, end)
        self._unread -= taken
        if not self._unread:
            self._partial_since = None
        self._take_data(stream_id, 0 if self._unread else flags, data, 0, taken)
        return taken

    def _take_data(self, stream_id: int, flags: int, data: bytes, start: int, stop: int) -> None:
        try:
            self._on_data(stream_id, flags, data, start, stop)
        except StreamFault as fault:
            self._reset(fault)

    def _rest(self) -> None:
        """Enough for this turn: what is left of the read waits in `_tail`, and no more is read before it."""
        self._resting = True
        if self._transport is not None:
            self._transport.pause_reading()
        self._soon()

    def _soon(self) -> None:
        if self._expected:
            # It is choked and no more before its turn: a second place would be a second share.
            return
        self._expected = True
        if self._proven:
            self._loop.call_soon(self._go_on)
        else:
            self._turn.newcomers.wait(self._go_on)

    def _share(self) -> int:
        """How many frames a newcomer may take in this turn. What it leaves is for the others."""
        newcomers = self._turn.newcomers
        credit, newcomers.credit = newcomers.credit, 0
        return credit

    def _go_on(self) -> None:
        """Take the next bite, unless the peer must read first."""
        self._expected = False
        if not self._resting or self._choked or self._closed:
            return
        data, self._tail = self._tail, b""
        self._resting = False
        self._going_on = True
        self.data_received(data)
        self._going_on = False
        if not self._resting and not self._choked and self._transport is not None:
            self._transport.resume_reading()

    def _read_on(self) -> None:
        if self._resting:
            self._soon()
        else:
            super()._read_on()

    def eof_received(self) -> None:
        """A peer that stops sending has gone: close."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(str(exc) if exc is not None else "the peer closed the connection")

    # Streams.

    def forget(self, stream: S) -> None:
        """Drop a stream that has ended, with all it still wanted to send."""
        stream.ended = True
        self._streams.pop(stream.stream_id, None)
        if stream.bucket is not None:
            stream.bucket.discard(stream)
            stream.bucket = None
        outbox = stream.outbox
        if outbox is not None:
            stream.outbox = None
            self._ease(outbox.size)
            outbox.wake()
        if stream.reserved:
            self._release(stream)

    def _reset(self, fault: StreamFault) -> None:
        """End a stream for the peer's fault."""
        if self._is_idle_id(fault.stream_id):
            # There is nothing to reset, and to do it would be our fault (RFC 9113 section 6.4).
            raise ConnectionFault(fault.code, fault.reason)
        self._charge()
        self.write(frames.rst_stream(fault.stream_id, fault.code))
        stream = self._streams.get(fault.stream_id)
        if stream is not None:
            self.forget(stream)
            stream.on_reset(fault.code)

    # The end.

    def abort(self, reason: str) -> None:
        """End the connection without another word."""
        transport = self._transport
        self._end(reason)
        if transport is not None:
            transport.abort()

    def fail(self, code: ErrorCode, reason: str) -> None:
        """End the connection for the peer's fault: GOAWAY, then close."""
        self.write(frames.goaway(self._last_id, code, reason))
        self.close(reason)

    def close(self, reason: str) -> None:
        """Hand over what is gathered and close; streams that are left are told why."""
        if self._closed:
            return
        self.flush()
        transport = self._transport
        self._end(reason)
        if transport is not None:
            left = transport.get_write_buffer_size()
            transport.close()
            if left:
                # A peer that reads nothing must not keep a closed connection.
                self._loop.call_later(self._config.write_timeout, transport.abort)

    def _end(self, reason: str) -> None:
        if self._closed:
            return
        self._closed = True
        self._out.clear()
        self._tail = b""
        self._fragments = None
        self._ready.clear()
        self._lose_streams(reason)

    def _lose_streams(self, reason: str) -> None:
        """Tell the streams that are left."""
        for stream in tuple(self._streams.values()):
            self.forget(stream)
            stream.on_lost(reason)
        self._on_closed(reason)
