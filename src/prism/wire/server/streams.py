"""The streams of a server's connection that are over, or never were: frames for them may still be on their way."""

from typing import Final

_MAX_REMEMBERED: Final = 1000
_MAX_GAPS: Final = 16


class ClosedStreams:
    """What is remembered of them, so that a late frame and a fault can be told apart (RFC 9113 section 5.1)."""

    __slots__ = ("_gaps", "_reset")

    def __init__(self) -> None:
        self._reset: dict[int, None] = {}  # streams that we ended and the client may not know of yet
        self._gaps: list[range] = []  # streams that the client passed over

    def __len__(self) -> int:
        return len(self._reset)

    def __contains__(self, stream_id: int) -> bool:
        return stream_id in self._reset

    def remember(self, stream_id: int) -> None:
        """We ended a stream before the client did."""
        reset = self._reset
        reset[stream_id] = None
        if len(reset) > _MAX_REMEMBERED:
            del reset[next(iter(reset))]

    def forget(self, stream_id: int) -> None:
        """The client has ended it too."""
        self._reset.pop(stream_id, None)

    def pass_over(self, last_id: int, stream_id: int) -> None:
        """The client has opened a stream, and none of those between it and the last."""
        if len(self._gaps) < _MAX_GAPS:
            self._gaps.append(range(last_id + 2, stream_id, 2))

    def passed_over(self, stream_id: int) -> bool:
        """Whether the client passed it over, as far as that is remembered."""
        return any(stream_id in gap for gap in self._gaps)
