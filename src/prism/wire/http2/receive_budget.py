"""How much memory the peers' unfinished and unread messages may take on one connection.

Every stream may hold its initial window. What goes beyond, whole large messages and the larger windows of readers
that keep up, is taken from one budget, for a message as a whole: so what has begun can end, and nothing waits in a
circle. What has been read is given back. Streams that find it used up wait in line.
"""

from prism.wire.http2.stream import Stream


class ReceiveBudget:
    """The budget of one connection."""

    __slots__ = ("_for_windows", "_holders", "_limit", "_used", "_waiting")

    def __init__(self, limit: int, largest: int) -> None:
        """`largest`: bytes of the largest message and the largest window together, for which room is left."""
        self._limit = limit
        self._for_windows = max(limit >> 1, min(limit * 3 >> 2, limit - largest))
        self._used = 0
        self._holders = 0  # streams that hold any of it
        self._waiting: dict[Stream, None] = {}  # in their order

    @property
    def crowded(self) -> bool:
        """Whether what is left should be kept for whole messages."""
        return self._used > self._limit >> 1

    @property
    def open_to_windows(self) -> bool:
        """Whether windows may have more of it; the rest is for whole messages, which could not end without it."""
        return self._used <= self._for_windows

    @property
    def share(self) -> int:
        """What a stream may hold for a larger window while it is crowded; a quarter is left to whole messages."""
        return self._limit // (4 * max(1, self._holders)) if self.open_to_windows else 0

    def reserve(self, stream: Stream, size: int) -> bool:
        """Let the stream hold `size` bytes in all beyond its initial window; False: not now, it has been noted.

        The only one that holds any may always have more: it would wait for room that no other can give back.
        """
        more = size - stream.reserved
        if more > 0 and self._used > stream.reserved and self._used + more > self._limit:
            self.wait(stream)
            return False
        if not stream.reserved:
            self._holders += 1
        self._used += more
        stream.reserved = size
        return True

    def wait(self, stream: Stream) -> None:
        """The stream is noted, behind those that wait already."""
        self._waiting[stream] = None

    @property
    def awaited(self) -> bool:
        """Whether streams wait for what others give back."""
        return bool(self._waiting)

    def give_back(self, stream: Stream, size: int) -> bool:
        """The stream needs no more than `size` bytes; whether others wait for what it gave back."""
        if stream.reserved and not size:
            self._holders -= 1
        self._used -= stream.reserved - size
        stream.reserved = size
        return bool(self._waiting)

    def waiting(self) -> list[Stream]:
        """Those that should try again; one that finds no room then is noted anew."""
        waiting = [each for each in self._waiting if not each.ended]
        self._waiting.clear()
        return waiting
