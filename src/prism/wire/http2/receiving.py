"""The receiving half of flow control: how much of what streams take is welcome, and the budget they share."""

import asyncio
from time import monotonic
from typing import Final

from prism.wire.config import ConnectionConfig
from prism.wire.grpc.inbox import BadMessage, Inbox
from prism.wire.grpc.status import StatusError
from prism.wire.http2 import frames
from prism.wire.http2.frames import DEFAULT_WINDOW, ConnectionFault, ErrorCode
from prism.wire.http2.output import Output
from prism.wire.http2.receive_budget import ReceiveBudget
from prism.wire.http2.stream import Receiver, Stream

_BRISK: Final = 0.05  # seconds in which half a window goes by when the window, and not the sender, sets the pace


class Receiving:
    """What one connection's peer may send.

    Attributes:
        window: DATA that the peer may still send on the whole connection.
        low: where that is to be refilled.
        acknowledged: the peer goes by our SETTINGS.
    """

    __slots__ = ("_budget", "_config", "_loop", "_output", "_trying", "acknowledged", "low", "window")

    def __init__(self, config: ConnectionConfig, loop: asyncio.AbstractEventLoop, output: Output) -> None:
        self.window = config.connection_window
        self.low = config.connection_window // 2
        self.acknowledged = False
        self._config = config
        self._loop = loop
        self._output = output
        self._budget: ReceiveBudget | None = None
        self._trying = False  # `_try_again` is due in this turn

    def first_window(self) -> int:
        """The window of a new stream; a peer that has not seen our SETTINGS yet goes by the default."""
        window = self._config.initial_stream_window
        return window if self.acknowledged else max(window, DEFAULT_WINDOW)

    def open_inbox(self, encoding: str | None) -> Inbox:
        """An inbox for a new stream."""
        return Inbox(self.first_window(), self._config.max_message_size, encoding)

    def refill(self) -> None:
        """The connection's window runs low. What a stream may hold is its own window's business."""
        if self.window < 0:
            raise ConnectionFault(
                ErrorCode.FLOW_CONTROL_ERROR,
                "HTTP/2 protocol error: the peer sent more DATA than the connection's flow-control window allows",
            )
        increment = self._config.connection_window - self.window
        self.window += increment
        self._output.write(frames.window_update(0, increment))

    def replenish(self, stream: Stream, *, reading: bool = False) -> None:
        """Let the peer send more on a stream, if that is due; `reading`: its reader has just taken something, or is
        about to wait.
        """
        receiver = stream.receiver
        if receiver is None or stream.remote_ended or stream.ended:
            return
        if receiver.window > receiver.target + 1 >> 1 and receiver.window >= receiver.missing:
            if stream.reserved and not receiver.held:
                self._settle(stream, receiver, 0)
            return  # nothing is wanted above half
        increment = receiver.wanted()
        if increment and (receiver.held or reading or receiver.waiter is not None):
            increment = self._paced(stream, receiver, increment)
        elif increment:
            increment = self._affordable(stream, receiver, increment)
        elif stream.reserved:
            self._settle(stream, receiver, 0)
        if increment:
            receiver.window += increment
            self._output.write(frames.window_update(stream.stream_id, increment))

    def _paced(self, stream: Stream, receiver: Receiver, increment: int) -> int:
        """As much of the increment as the budget allows, in another window where the reader's pace asks for that.

        A larger one is due where the reader keeps up, and half the window went by in no time; a smaller one where it
        does not, and the budget is crowded. What has come whole and is not read then is enough for its reader.
        """
        slow = bool(receiver.held)
        if not slow:
            now = monotonic()
            since, receiver.opened = receiver.opened, now
            slow = now - since > _BRISK
        most = self._config.max_stream_window
        budget = self._budget
        if budget is not None and budget.crowded:
            most = min(most, self._config.initial_stream_window + budget.share)
            if slow and receiver.target > most:
                receiver.target = max(most, receiver.target >> 1)
                increment = receiver.wanted()
            if receiver.held:
                increment = min(increment, max(0, self._own(stream, receiver)))
        if receiver.target < most and not slow and not (budget is not None and budget.awaited):
            more = min(receiver.target, most - receiver.target)
            receiver.target += more
            allowed = self._affordable(stream, receiver, increment + more)
            if allowed:
                return allowed
            receiver.target -= more
        return self._affordable(stream, receiver, increment)

    def _affordable(self, stream: Stream, receiver: Receiver, increment: int) -> int:
        """As much of the increment as the budget allows; what is within the initial window always is."""
        own = self._own(stream, receiver)
        budget = self._budget
        if budget is not None and budget.awaited and stream.reserved and own > 0 and increment > own - stream.reserved:
            # Others wait for what it has done with: they come first.
            self._settle(stream, receiver, 0)
            budget.wait(stream)
            return 0
        if increment <= own:
            if stream.reserved:
                self._settle(stream, receiver, increment)
            return increment
        if budget is None:
            budget = self._budget = self._new_budget()
        # What is not for a window is for a message, or for a body of unknown length: it is taken whole.
        whole = receiver.window < receiver.missing or increment > receiver.target
        if (whole or budget.open_to_windows) and budget.reserve(stream, stream.reserved + increment - own):
            return increment
        return own if own > 0 and own >= self._config.initial_stream_window >> 1 else 0

    def _new_budget(self) -> ReceiveBudget:
        config = self._config
        return ReceiveBudget(config.receive_budget, config.max_message_size + config.max_stream_window)

    def _own(self, stream: Stream, receiver: Receiver) -> int:
        """What the stream may hold beyond what it holds and the peer may send."""
        return self._config.initial_stream_window + stream.reserved - receiver.stored() - receiver.window

    def _settle(self, stream: Stream, receiver: Receiver, increment: int) -> None:
        """Give back what of the budget the stream does not need for what it holds and what the peer may send."""
        spare = min(self._own(stream, receiver) - increment, stream.reserved)
        if spare > 0 and self._budget is not None and self._budget.give_back(stream, stream.reserved - spare):
            self._try_again_soon()

    async def next_message(self, stream: Stream, inbox: Inbox) -> bytes | None:
        """The next message of a stream; None after the last. Raises `StatusError` where it cannot be decompressed."""
        while not inbox.messages:
            if inbox.ended or stream.ended:
                return None
            self.replenish(stream, reading=True)
            await inbox.arrival(self._loop)
        try:
            message = inbox.take()
        except BadMessage as bad:
            raise StatusError(bad.status) from bad
        # The same questions that `replenish` asks first: calls cost more than all of the above.
        if (
            inbox.window <= inbox.target + 1 >> 1
            or inbox.window < inbox.missing
            or (stream.reserved and not inbox.held)
        ):
            self.replenish(stream, reading=True)
        return message

    def take_whole(self, stream: Stream, inbox: Inbox) -> bytes | None:
        """The one message of a stream that has ended; None where there is no room yet to expand it: it is noted.

        Raises `BadMessage` where it cannot be expanded.
        """
        if not inbox.packed:
            return inbox.take()
        if self._budget is None:
            self._budget = self._new_budget()
        # How much it will be shows when it is done.
        if not self._budget.reserve(stream, stream.reserved + self._config.max_message_size):
            return None
        message = b""
        try:
            message = inbox.take()
        finally:
            held = max(0, len(message) - self._config.initial_stream_window)
            if self._budget.give_back(stream, min(stream.reserved, held)):
                self._try_again_soon()
        return message

    def release(self, stream: Stream) -> None:
        """What an ended stream held may be held by those that wait for it."""
        if self._budget is not None and self._budget.give_back(stream, 0):
            self._try_again()

    def _try_again_soon(self) -> None:
        """Once for all that is given back meanwhile."""
        if not self._trying:
            self._trying = True
            self._loop.call_soon(self._try_again)

    def _try_again(self) -> None:
        """Let the streams that found no room in the budget look again."""
        self._trying = False
        if self._budget is None:
            return
        for waiting in self._budget.waiting():
            if waiting.remote_ended:
                try:
                    waiting.on_data()
                except BadMessage as bad:
                    waiting.abort(bad.status)
            else:
                self.replenish(waiting)
