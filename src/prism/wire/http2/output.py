"""The sending half of a connection: gathers frames, and shares windows and a slow peer's reading among streams.

Frames are written once per turn of the loop, after the tasks that the same read made ready (see `turn`). What flow
control or a slow peer holds back waits in its stream's `Outbox`; `pump` sends a frame from each in turn.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from prism.wire.config import ConnectionConfig
from prism.wire.http2 import frames
from prism.wire.http2.frames import (
    DATA,
    DEFAULT_FRAME_SIZE,
    DEFAULT_WINDOW,
    END_STREAM,
    FRAME_HEAD,
    LARGEST_WINDOW,
    ConnectionFault,
    ErrorCode,
    StreamFault,
)
from prism.wire.http2.stream import END_WITH_DATA, Outbox, Stream
from prism.wire.turn import Turn

_BURST: Final = 256 * 1024  # bytes handed to the transport per turn: the others have theirs in between
_MIN_COST: Final = 1024  # bytes that a frame counts as, however small a window has made it

_pack = FRAME_HEAD.pack


class Output:
    """What one connection sends.

    Attributes:
        transport: where to; None before there is one, and once all has been sent.
        gathered: what this turn has to write.
        scheduled: it is in `turn`, to be written at its end.
        join_always: by TLS every piece would become a record of its own.
        paused: the transport takes no more, as the peer does not read.
        choked: so much waits for the peer that nothing is read from it either.
        window: DATA that may be sent on the whole connection.
        stream_window, frame_size: the peer's settings for a new stream's window, and for one frame.
        ready: streams that have something to send and a window for it.
        backlog: bytes in the outboxes of all streams.
        on_eased: called when the backlog has become smaller; None where that is of no interest.
    """

    __slots__ = (
        "_bulky",
        "_burst",
        "_config",
        "_loop",
        "backlog",
        "choked",
        "frame_size",
        "gathered",
        "join_always",
        "on_eased",
        "paused",
        "ready",
        "scheduled",
        "stream_window",
        "transport",
        "turn",
        "window",
    )

    def __init__(self, config: ConnectionConfig, loop: asyncio.AbstractEventLoop) -> None:
        self.transport: asyncio.Transport | None = None
        self.gathered: list[bytes | memoryview] = []
        self.scheduled = False
        self.turn = Turn.of(loop)
        self.join_always = False
        self.paused = False
        self.choked = False
        self.window = DEFAULT_WINDOW
        self.stream_window = DEFAULT_WINDOW
        self.frame_size = DEFAULT_FRAME_SIZE
        self.ready: deque[Stream] = deque()
        self.backlog = 0
        self.on_eased: Callable[[], None] | None = None
        self._config = config
        self._loop = loop
        self._bulky = False  # large pieces are gathered: hand them on as they are
        self._burst = 0  # bytes of DATA in this turn

    # Frames.

    def write(self, data: bytes) -> None:
        """Send whole frames, gathered with all others of this turn."""
        self.gathered.append(data)
        if not self.scheduled:
            self.scheduled = True
            self.turn.add(self)

    def write_headers(self, stream_id: int, block: bytes, *, end_stream: bool) -> None:
        """Send a header block."""
        self.write(self.header_frames(stream_id, block, end_stream=end_stream))

    def header_frames(self, stream_id: int, block: bytes, *, end_stream: bool) -> bytes:
        """A header block as frames that the peer takes."""
        return frames.headers(stream_id, block, end_stream=end_stream, max_frame_size=self.frame_size)

    def flush(self) -> None:
        """Hand what is gathered to the transport."""
        self.scheduled = False
        gathered = self.gathered
        transport = self.transport
        if gathered and transport is not None and not transport.is_closing():
            if self._bulky and not self.join_always:
                transport.writelines(gathered)
            else:
                transport.write(b"".join(gathered))
        gathered.clear()
        self._bulky = False
        self._burst = 0
        if self.paused:
            self._choke()
        elif self.ready:
            self.pump()

    def clear(self) -> None:
        """Forget what is gathered and which streams have something to send."""
        self.gathered.clear()
        self.ready.clear()

    # A peer that does not read.

    def resume(self) -> bool:
        """The transport takes more; whether the peer was choked, and is to be read from again. `pump` afterwards."""
        self.paused = False
        choked, self.choked = self.choked, False
        return choked

    def _choke(self) -> None:
        """Stop reading from a peer that does not read: what it asks for would pile up here."""
        transport = self.transport
        if transport is None or self.choked:
            return
        if transport.get_write_buffer_size() > self._config.write_budget:
            self.choked = True
            transport.pause_reading()

    # DATA.

    async def transmit(self, stream: Stream, head: bytes, body: bytes) -> None:
        """Send `head` and `body` as DATA; returns once the stream may take more, or has ended."""
        size = len(head) + len(body)
        outbox = stream.outbox
        if (
            outbox is None
            and size <= stream.send_window
            and size <= self.window
            and not self.paused
            and (size <= self.frame_size or (size <= _BURST and not self.ready))
        ):
            stream.send_window -= size
            self.window -= size
            if size <= self.frame_size:
                self.write(_pack(size >> 8, size & 0xFF, DATA, 0, stream.stream_id) + head)
                self.gathered.append(body)
            else:
                self._split(stream.stream_id, head, body)
            self._burst += size
            if self._burst > _BURST:
                # Nothing else makes a handler that never waits for anything let the others have their turn.
                self.flush()
                await asyncio.sleep(0)
            return
        outbox = self.enqueue(stream, head, body)
        while outbox.size > self._config.send_buffer and not stream.ended:
            waiter = self._loop.create_future()
            outbox.waiters.append(waiter)
            await waiter

    def _split(self, stream_id: int, head: bytes, body: bytes) -> None:
        """Send as several frames what no other stream has to wait for."""
        most = self.frame_size
        whole = _pack(most >> 8, most & 0xFF, DATA, 0, stream_id)
        self.write(whole + head)
        gathered = self.gathered
        view = memoryview(body)
        start, end = most - len(head), len(body)
        gathered.append(view[:start])
        while end - start > most:
            gathered += (whole, view[start : start + most])
            start += most
        size = end - start
        gathered += (_pack(size >> 8, size & 0xFF, DATA, 0, stream_id), view[start:])
        self._bulky = True

    def enqueue(self, stream: Stream, head: bytes, body: bytes, final: bytes | None = None) -> Outbox:
        """Accept `head` and `body` as DATA, and what ends the stream, to be sent as windows and the peer allow."""
        outbox = stream.outbox
        if outbox is None:
            outbox = stream.outbox = Outbox()
        if head:
            outbox.pieces.append(head)
        if body:
            outbox.pieces.append(body)
        size = len(head) + len(body)
        outbox.size += size
        self.backlog += size
        outbox.final = final
        if outbox.size and not outbox.queued and stream.send_window > 0:
            outbox.queued = True
            self.ready.append(stream)
            self.pump()
        return outbox

    def finish(self, stream: Stream, final: bytes) -> None:
        """End our side of the stream after what it has accepted: with trailers, or `END_WITH_DATA`."""
        outbox = stream.outbox
        if outbox is not None and outbox.size:
            outbox.final = final
            return
        self.write(final or _pack(0, 0, DATA, END_STREAM, stream.stream_id))
        stream.on_sent()

    def discard(self, stream: Stream) -> None:
        """Drop what the stream still wanted to send."""
        outbox = stream.outbox
        if outbox is not None:
            stream.outbox = None
            self._ease(outbox.size)
            outbox.wake()

    def pump(self) -> None:
        """Send what outboxes hold, a frame from each in turn, as far as windows and the peer's reading allow."""
        ready = self.ready
        while ready and self.window > 0 and not self.paused and self._burst <= _BURST:
            stream = ready.popleft()
            outbox = stream.outbox
            if outbox is None or stream.ended:
                continue
            # A stream that is alone need not give others their turn after each frame.
            room = min(self.frame_size if ready else _BURST, stream.send_window, self.window)
            if room <= 0:
                outbox.queued = False
                continue
            self._emit(stream, outbox, room)
            if outbox.size:
                ready.append(stream)
            else:
                stream.outbox = None
                if outbox.final is not None:
                    if outbox.final:
                        self.write(outbox.final)
                    stream.on_sent()
            if outbox.waiters and outbox.size <= self._config.send_buffer:
                outbox.wake()

    def _ease(self, size: int) -> None:
        """So many bytes wait no longer."""
        self.backlog -= size
        if self.on_eased is not None:
            self.on_eased()

    def _emit(self, stream: Stream, outbox: Outbox, room: int) -> None:
        """Send so many bytes of an outbox."""
        left = min(room, outbox.size)
        outbox.size -= left
        self._ease(left)
        stream.send_window -= left
        self.window -= left
        self._burst += max(left, _MIN_COST)
        self._bulky = True
        final = END_STREAM if outbox.final == END_WITH_DATA and not outbox.size else 0
        pieces = outbox.pieces
        append = self.gathered.append
        while left:
            size = min(left, self.frame_size)
            left -= size
            self.write(_pack(size >> 8, size & 0xFF, DATA, 0 if left else final, stream.stream_id))
            while size:
                piece = pieces[0]
                if len(piece) <= size:
                    append(pieces.popleft())
                    size -= len(piece)
                else:
                    view = memoryview(piece)
                    append(view[:size])
                    pieces[0] = view[size:]
                    size = 0

    # Windows.

    def widen(self, increment: int) -> None:
        """The peer takes more on the whole connection; `pump` afterwards."""
        self.window += increment
        if not increment:
            raise ConnectionFault(
                ErrorCode.PROTOCOL_ERROR,
                "HTTP/2 protocol error: the peer sent a WINDOW_UPDATE of zero for the connection",
            )
        if self.window > LARGEST_WINDOW:
            raise ConnectionFault(
                ErrorCode.FLOW_CONTROL_ERROR,
                f"HTTP/2 protocol error: the peer raised the connection's flow-control window above {LARGEST_WINDOW} "
                "bytes",
            )

    def widen_stream(self, stream: Stream, increment: int) -> None:
        """The peer takes more on one stream; `pump` afterwards."""
        if not increment:
            raise StreamFault(
                stream.stream_id,
                ErrorCode.PROTOCOL_ERROR,
                f"HTTP/2 protocol error: the peer sent a WINDOW_UPDATE of zero for stream {stream.stream_id}",
            )
        stream.send_window += increment
        if stream.send_window > LARGEST_WINDOW:
            raise StreamFault(
                stream.stream_id,
                ErrorCode.FLOW_CONTROL_ERROR,
                f"HTTP/2 protocol error: the peer raised the flow-control window of stream {stream.stream_id} above "
                f"{LARGEST_WINDOW} bytes",
            )
        self._unblock(stream)

    def resize_streams(self, window: int, streams: Iterable[Stream]) -> None:
        """The peer has set another first window, for streams that are open too; `pump` afterwards."""
        change = window - self.stream_window
        self.stream_window = window
        for stream in streams:
            stream.send_window += change
            if stream.send_window > LARGEST_WINDOW:
                raise ConnectionFault(
                    ErrorCode.FLOW_CONTROL_ERROR,
                    "HTTP/2 protocol error: the peer's SETTINGS raise the flow-control window of stream "
                    f"{stream.stream_id} above {LARGEST_WINDOW} bytes",
                )
            self._unblock(stream)

    def _unblock(self, stream: Stream) -> None:
        outbox = stream.outbox
        if outbox is not None and outbox.size and not outbox.queued and stream.send_window > 0:
            outbox.queued = True
            self.ready.append(stream)
