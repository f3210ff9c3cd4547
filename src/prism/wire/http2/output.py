"""The sending half of a connection: gathers frames, and shares windows and a slow peer's patience among streams.

Frames are written once per turn of the loop, after the tasks that the same read made ready (see `turn`). What flow
control or a slow peer holds back waits in its stream's `Outbox`; `_pump` sends a frame from each in turn.
"""

import asyncio
from collections import deque
from typing import Final, Generic, TypeVar

from prism.wire.config import ConnectionConfig
from prism.wire.http2.frames import DATA, DEFAULT_FRAME_SIZE, DEFAULT_WINDOW, END_STREAM, FRAME_HEAD
from prism.wire.http2.stream import END_WITH_DATA, Outbox, Stream
from prism.wire.turn import Turn

_BURST: Final = 256 * 1024  # bytes handed to the transport per turn: the others have theirs in between
_LEAST: Final = 1024  # bytes that a frame counts as, however small a window has made it

_pack = FRAME_HEAD.pack

S = TypeVar("S", bound=Stream)


class Output(Generic[S]):
    """What a connection needs to send."""

    def __init__(self, config: ConnectionConfig, loop: asyncio.AbstractEventLoop) -> None:
        self._config = config
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes | memoryview] = []
        self._turn = Turn.of(loop)
        self._flush_due = False
        self._bulky = False  # large pieces wait: hand them on as they are
        self._join_always = False  # by TLS every piece would become a record of its own
        self._burst = 0
        self._paused = False
        self._choked = False
        self._ready: deque[S] = deque()
        self._backlog = 0  # bytes in all outboxes
        self._send_window = DEFAULT_WINDOW
        self._peer_window = DEFAULT_WINDOW
        self._peer_frame_size = DEFAULT_FRAME_SIZE

    def sent(self, stream: S) -> None:
        """The stream's last frame has been handed on."""
        raise NotImplementedError

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._choked:
            self._choked = False
            self._read_on()
        self._pump()

    def _read_on(self) -> None:
        """The peer reads again: read what it asks for."""
        if self._transport is not None:
            self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Send whole frames, gathered with all others of this turn."""
        self._out.append(data)
        if not self._flush_due:
            self._flush_due = True
            self._turn.add(self)

    def flush(self) -> None:
        """Hand what is gathered to the transport."""
        self._flush_due = False
        out = self._out
        transport = self._transport
        if out and transport is not None and not transport.is_closing():
            if self._bulky and not self._join_always:
                transport.writelines(out)
            else:
                transport.write(b"".join(out))
        out.clear()
        self._bulky = False
        self._burst = 0
        if self._paused:
            self._hold_back()
        elif self._ready:
            self._pump()

    def _hold_back(self) -> None:
        """Stop reading from a peer that does not read: what it asks for would pile up here."""
        transport = self._transport
        if transport is None or self._choked:
            return
        if transport.get_write_buffer_size() > self._config.write_budget:
            self._choked = True
            transport.pause_reading()

    async def transmit(self, stream: S, head: bytes, body: bytes) -> None:
        """Send `head` and `body` as DATA; returns once the stream may take more, or has ended."""
        size = len(head) + len(body)
        outbox = stream.outbox
        if (
            outbox is None
            and size <= stream.send_window
            and size <= self._send_window
            and not self._paused
            and (size <= self._peer_frame_size or (size <= _BURST and not self._ready))
        ):
            stream.send_window -= size
            self._send_window -= size
            if size <= self._peer_frame_size:
                self.write(_pack(size >> 8, size & 0xFF, DATA, 0, stream.stream_id) + head)
                self._out.append(body)
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
        """Send as several frames what nobody has to wait for."""
        most = self._peer_frame_size
        whole = _pack(most >> 8, most & 0xFF, DATA, 0, stream_id)
        self.write(whole + head)
        out = self._out
        view = memoryview(body)
        start, end = most - len(head), len(body)
        out.append(view[:start])
        while end - start > most:
            out += (whole, view[start : start + most])
            start += most
        size = end - start
        out += (_pack(size >> 8, size & 0xFF, DATA, 0, stream_id), view[start:])
        self._bulky = True

    def enqueue(self, stream: S, head: bytes, body: bytes, final: bytes | None = None) -> Outbox:
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
        self._backlog += size
        outbox.final = final
        if outbox.size and not outbox.queued and stream.send_window > 0:
            outbox.queued = True
            self._ready.append(stream)
            self._pump()
        return outbox

    def finish(self, stream: S, final: bytes) -> None:
        """End our side of the stream behind what it has accepted: with trailers, or `END_WITH_DATA`."""
        outbox = stream.outbox
        if outbox is not None and outbox.size:
            outbox.final = final
            return
        self.write(final or _pack(0, 0, DATA, END_STREAM, stream.stream_id))
        self.sent(stream)

    def _pump(self) -> None:
        """Send what outboxes hold, a frame from each in turn, as far as windows and the peer's reading allow."""
        ready = self._ready
        while ready and self._send_window > 0 and not self._paused and self._burst <= _BURST:
            stream = ready.popleft()
            outbox = stream.outbox
            if outbox is None or stream.ended:
                continue
            # Who is alone need not give others their turn after each frame.
            room = min(self._peer_frame_size if ready else _BURST, stream.send_window, self._send_window)
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
                    self.sent(stream)
            if outbox.waiters and outbox.size <= self._config.send_buffer:
                outbox.wake()

    def _ease(self, size: int) -> None:
        """So many bytes wait no longer."""
        self._backlog -= size

    def _emit(self, stream: S, outbox: Outbox, room: int) -> None:
        """Send so many bytes of an outbox."""
        left = min(room, outbox.size)
        outbox.size -= left
        self._ease(left)
        stream.send_window -= left
        self._send_window -= left
        self._burst += max(left, _LEAST)
        self._bulky = True
        final = END_STREAM if outbox.final == END_WITH_DATA and not outbox.size else 0
        pieces = outbox.pieces
        append = self._out.append
        while left:
            size = min(left, self._peer_frame_size)
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
