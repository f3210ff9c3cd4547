"""Where a reader of a stream of events stands, so that it goes on there when its gateway goes away."""

from prism.client.series.values import Event, to_event
from prism.errors import PrismError
from prism.interfaces import timeseries as messages


class Reading:
    """A stream of pages goes on behind the last one that was read."""

    def __init__(self, request: messages.QueryRequest) -> None:
        self._request = request
        self._left = request.limit or None
        self.complete = False

    def request(self) -> bytes:
        """The rest."""
        return self._request.SerializeToString()

    def passed(self, message: bytes) -> list[Event]:
        """The events of a page."""
        response = messages.QueryResponse.FromString(message)
        if response.HasField("end"):
            self.complete = response.end.complete
            self._request.cursor = response.end.next_cursor
            return []
        events = list(map(to_event, response.page.events))
        self._request.cursor = response.page.next_cursor
        if self._left is not None:
            # A request of 0 would be one without a limit: what comes beyond is left out.
            events = events[: self._left]
            self._left -= len(events)
            self._request.limit = max(self._left, 1)
        return events

    def broken(self, error: PrismError) -> None:
        """The cursor says where to go on."""


class Tailing:
    """A tail goes on behind the last position."""

    def __init__(self, request: messages.TailRequest) -> None:
        self._request = request
        self.gap = False

    def request(self) -> bytes:
        """From where it stands."""
        return self._request.SerializeToString()

    def passed(self, message: bytes) -> list[Event]:
        """The events of a response."""
        response = messages.TailResponse.FromString(message)
        kind = response.WhichOneof("response")
        if kind is None:
            return []
        position: bytes = getattr(response, kind).position
        self._request.after, self._request.new_only = position, False
        self.gap = self.gap or kind == "gap"
        found = response.events.events
        return [to_event(each, position if place == len(found) else b"") for place, each in enumerate(found, 1)]

    def broken(self, error: PrismError) -> None:
        """Nothing is missed."""
