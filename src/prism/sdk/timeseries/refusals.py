"""Refusals of TimeSeries."""

from prism.errors import InvalidArgument, StreamNotFound, Violation


def refusal(field: str, found: str, limit: str) -> InvalidArgument:
    """The refusal of a field of a request."""
    violation = Violation(field, found, limit)
    return InvalidArgument(str(violation), violations=[violation])


def stream_not_found(name: str) -> StreamNotFound:
    """The refusal of a stream."""
    return StreamNotFound(f"the namespace has no stream {name[:80]!r}; make it with CreateStream")
