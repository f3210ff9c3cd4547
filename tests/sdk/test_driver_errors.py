"""A table of what a driver's errors mean."""

import pytest

from prism.errors import BackendUnavailable, InternalError, Outcome, PrismError, StoreFull
from prism.sdk.driver_errors import LATER, ErrorMapping, translated

MEANINGS = (
    ErrorMapping((FileExistsError,), StoreFull, "make room"),
    ErrorMapping((OSError, TimeoutError), BackendUnavailable, "check that it runs", LATER),
)


@pytest.mark.parametrize(
    ("cause", "kind", "message", "retry_after"),
    [
        (FileExistsError("full\nHINT: no"), StoreFull, "make room (full)", None),
        (ConnectionError(""), BackendUnavailable, "check that it runs (ConnectionError)", LATER),
        (ValueError("what?"), InternalError, "Shelf refused what the gateway sent: what?", None),
    ],
)
def test_the_first_meaning_that_fits_counts(
    cause: Exception, kind: type[PrismError], message: str, retry_after: float | None
) -> None:
    """Advice, the driver's first line, and whether waiting helps; what no mapping fits is a defect."""
    error = translated(cause, MEANINGS, Outcome.UNKNOWN, store="Shelf")
    assert (type(error), error.message, error.retry_after) == (kind, message, retry_after)
    assert error.outcome is Outcome.UNKNOWN
