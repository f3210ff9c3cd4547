"""The receiving half of flow control: what streams take, how much of it is welcome, and the budget they share."""

import asyncio
from time import monotonic
from typing import Final, cast

from prism.wire.config import ConnectionConfig
from prism.wire.grpc.inbox import BadMessage, Inbox
from prism.wire.grpc.status import StatusError
from prism.wire.http2 import frames
from prism.wire.http2.control_frames import Control
from prism.wire.http2.frames import DEFAULT_WINDOW, END_STREAM, PADDED, ConnectionFault, ErrorCode, StreamFault
from prism.wire.http2.output import S
from prism.wire.http2.receive_budget import ReceiveBudget
from prism.wire.http2.stream import Receiver

_BRISK: Final = 0.05  # seconds in which half a window goes by when the window, and not the sender, sets the pace


class Receiving(Control[S]):
    """What a connection needs to take DATA."""

    def __init__(self, config: ConnectionConfig, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(config, loop)
        self._receive_window = config.connection_window
        self._receive_low = config.connection_window // 2
        self._budget: ReceiveBudget | None = None

    def _receive(self, stream: S, flags: int, data: bytes, start: int, stop: int) -> None:
        """Take a DATA frame the general way. Raises `BadMessage` for what the application's framing forbids."""
        receiver = stream.receiver
        if stream.remote_ended or receiver is None:
            raise StreamFault(stream.stream_id, ErrorCode.STREAM_CLOSED, "DATA behind END_STREAM")
        receiver.window -= stop - start
        if receiver.window < 0:
            raise StreamFault(stream.stream_id, ErrorCode.FLOW_CONTROL_ERROR, "DATA beyond the stream's window")
        if flags & PADDED:
            start, stop = unpad(data, start, stop)
        if start == stop and not flags & END_STREAM:
            self._charge()
        if flags & END_STREAM:
            stream.remote_ended = True
        if stream.content_length >= 0:
            stream.content_length -= stop - start
            if stream.content_length < 0 or (stream.remote_ended and stream.content_length):
                raise StreamFault(stream.stream_id, ErrorCode.PROTOCOL_ERROR, "content-length and DATA differ")
        receiver.feed(data, start, stop)
        if stream.remote_ended:
            receiver.end()
        # The same question that `replenish` asks first: calls cost more than all of the above.
        elif receiver.window <= receiver.target + 1 >> 1 or receiver.window < receiver.missing:
            self.replenish(stream)

    def replenish(self, stream: S) -> None:
        """Let the peer send more on a stream, if that is due."""
        receiver = stream.receiver
        if receiver is None or stream.remote_ended or stream.ended:
            return
        if receiver.window > receiver.target + 1 >> 1 and receiver.window >= receiver.missing:
            return  # nothing is wanted above half
        increment = receiver.wanted()
        if increment:
            if receiver.target < self._config.max_stream_window and not receiver.held:
                increment += self._widen(receiver)
            increment = self._affordable(stream, receiver, increment)
            if increment:
                receiver.window += increment
                self.write(frames.window_update(stream.stream_id, increment))

    def _widen(self, receiver: Receiver) -> int:
        """By how much a larger window should open: the reader keeps up, and half the window went by in no time."""
        now = monotonic()
        since, receiver.opened = receiver.opened, now
        if now - since > _BRISK or (self._budget is not None and self._budget.crowded):
            return 0
        more = min(receiver.target, self._config.max_stream_window - receiver.target)
        receiver.target += more
        return more

    def _affordable(self, stream: S, receiver: Receiver, increment: int) -> int:
        """As much of the increment as the budget allows; what is within the initial window always is."""
        own = self._config.initial_stream_window + stream.reserved - receiver.stored() - receiver.window
        if increment <= own:
            return increment
        if self._budget is None:
            self._budget = ReceiveBudget(self._config.receive_budget)
        if self._budget.reserve(stream, stream.reserved + increment - own):
            return increment
        return own if own > 0 and own >= self._config.initial_stream_window >> 1 else 0

    async def next_message(self, stream: S, inbox: Inbox) -> bytes | None:
        """The next message of a stream; None behind the last. Raises `StatusError` where it cannot be decompressed."""
        while not inbox.messages:
            if inbox.ended or stream.ended:
                return None
            self.replenish(stream)
            await inbox.arrival()
        try:
            message = inbox.take()
        except BadMessage as bad:
            raise StatusError(bad.status) from bad
        self.replenish(stream)
        return message

    def _first_window(self) -> int:
        """The window of a new stream; a peer that has not seen our SETTINGS yet goes by the default."""
        window = self._config.initial_stream_window
        return window if self._settled else max(window, DEFAULT_WINDOW)

    def _count_received(self) -> None:
        """The connection's window runs low: refill it. What a stream may hold is its own window's business."""
        if self._receive_window < 0:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "DATA beyond the connection's window")
        increment = self._config.connection_window - self._receive_window
        self._receive_window += increment
        self.write(frames.window_update(0, increment))

    def _release(self, stream: S) -> None:
        """What an ended stream held may be held by those that wait for it."""
        if self._budget is not None and self._budget.give_back(stream, 0):
            self._try_again()

    def _try_again(self) -> None:
        """Let those that found no room in the budget look again."""
        if self._budget is None:
            return
        for waiting in self._budget.waiting():
            if waiting.remote_ended:
                try:
                    waiting.on_data()
                except BadMessage as bad:
                    waiting.abort(bad.status)
            else:
                self.replenish(cast("S", waiting))

    def take_whole(self, stream: S, inbox: Inbox) -> bytes | None:
        """The one message of a stream that has ended; None where there is no room yet to expand it: it is noted.

        Raises `BadMessage` where it cannot be expanded.
        """
        if not inbox.packed:
            return inbox.take()
        if self._budget is None:
            self._budget = ReceiveBudget(self._config.receive_budget)
        # How much it will be shows when it is done.
        most = self._config.max_message_size
        if not self._budget.reserve(stream, stream.reserved + most):
            return None
        message = b""
        try:
            message = inbox.take()
        finally:
            held = max(0, len(message) - self._config.initial_stream_window)
            if self._budget.give_back(stream, min(stream.reserved, held)):
                self._loop.call_soon(self._try_again)
        return message


def unpad(data: bytes, start: int, stop: int) -> tuple[int, int]:
    """Where the content of a padded frame lies."""
    if start == stop:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a padded frame needs its pad length")
    pad = data[start]
    if pad >= stop - start:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "more padding than frame")
    return start + 1, stop - pad
