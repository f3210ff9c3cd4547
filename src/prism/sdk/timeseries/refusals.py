"""Refusals of TimeSeries."""

from collections.abc import Iterator
from contextlib import contextmanager

from prism.errors import InvalidArgument, Outcome, PrismError, StreamNotFound, Violation


def refusal(field: str, found: str, limit: str) -> InvalidArgument:
    """The refusal of a field of a request."""
    violation = Violation(field, found, limit)
    return InvalidArgument(str(violation), violations=[violation])


def stream_not_found(name: str) -> StreamNotFound:
    """The refusal of a stream."""
    return StreamNotFound(f"the namespace has no stream {name[:80]!r}; make it with CreateStream")


@contextmanager
def before_writing() -> Iterator[None]:
    """What a write does first, to know what to write: where that fails, nothing was applied."""
    try:
        yield
    except PrismError as error:
        error.outcome = Outcome.NOT_APPLIED
        raise
