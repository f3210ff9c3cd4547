"""Pages of events as they travel, written directly: the events are kept as messages and need not be read.

Source: protobuf.dev, "Encoding"; the numbers of the fields are those of timeseries.proto. A `TimeSeriesPage`, a
`TimeSeriesQueryPageResponse`, the
`TimeSeriesTailEvents` and a `TimeSeriesLatestResponse` have one shape: events, then where to go on.
"""

from collections.abc import Iterable
from typing import Any, cast

from prism.interfaces import timeseries as t
from prism.sdk.sql.wire import varint


class Written:
    """A message that has been written; all that a host asks of it is this."""

    __slots__ = ("_bytes",)

    def __init__(self, written: bytes) -> None:
        self._bytes = written

    def SerializeToString(self) -> bytes:  # noqa: N802  # as a message has it
        """The message."""
        return self._bytes


def _events(events: Iterable[bytes], behind: bytes) -> bytes:
    parts: list[bytes] = []
    for each in events:
        parts += (b"\x0a", varint(len(each)), each)
    if behind:
        parts += (b"\x12", varint(len(behind)), behind)
    return b"".join(parts)


def page(events: Iterable[bytes], cursor: bytes) -> Any:
    """A TimeSeriesQueryPageResponse, or a TimeSeriesLatestResponse."""
    return Written(_events(events, cursor))


def query_response(events: Iterable[bytes], cursor: bytes) -> t.QueryResponse:
    """A QueryResponse with a page."""
    written = _events(events, cursor)
    return cast("t.QueryResponse", Written(b"\x0a" + varint(len(written)) + written))


def tail_response(events: Iterable[bytes], position: bytes) -> t.TailResponse:
    """A TailResponse with events."""
    written = _events(events, position)
    return cast("t.TailResponse", Written(b"\x12" + varint(len(written)) + written))
