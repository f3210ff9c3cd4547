"""What an error of the server means: the status or the class that it names decides, and what a write did."""

import pytest

pytest.importorskip("gremlin_python")

from prism.backends.gremlin.errors import Refused, ServerError, Unreachable, translate
from prism.errors import (
    BackendCredentials,
    BackendUnavailable,
    Conflict,
    DeadlineExceeded,
    FailedPrecondition,
    InternalError,
    LimitExceeded,
    Outcome,
    PrismError,
    StoreFull,
)

NOT_APPLIED, UNKNOWN = Outcome.NOT_APPLIED, Outcome.UNKNOWN

ERRORS: list[tuple[Exception, type[PrismError], Outcome]] = [
    (ServerError(401, "Username and/or password are incorrect"), BackendCredentials, NOT_APPLIED),
    (ServerError(429, ""), BackendUnavailable, NOT_APPLIED),
    (ServerError(498, "message could not be parsed"), FailedPrecondition, NOT_APPLIED),
    (ServerError(499, "alias"), FailedPrecondition, NOT_APPLIED),
    (ServerError(598, "A timeout occurred"), DeadlineExceeded, UNKNOWN),
    (
        ServerError(500, "x", ["org.apache.tinkerpop.gremlin.structure.util.TransactionException"]),
        Conflict,
        NOT_APPLIED,
    ),
    (ServerError(500, '{"code":"ConcurrentModificationException"}'), Conflict, NOT_APPLIED),
    (
        ServerError(500, "addE(x) failed because the to() traversal (which should give a Vertex) failed"),
        Conflict,
        NOT_APPLIED,
    ),
    (ServerError(500, '{"code":"TimeLimitExceededException"}'), DeadlineExceeded, UNKNOWN),
    (ServerError(500, '{"code":"MemoryLimitExceededException"}'), LimitExceeded, UNKNOWN),
    (ServerError(500, '{"code":"ThrottlingException"}'), BackendUnavailable, NOT_APPLIED),
    (ServerError(500, '{"code":"AccessDeniedException"}'), BackendCredentials, NOT_APPLIED),
    (ServerError(500, '{"code":"ReadOnlyViolationException"}'), StoreFull, NOT_APPLIED),
    (ServerError(500, "Graph does not support transactions"), FailedPrecondition, NOT_APPLIED),
    (ServerError(597, "what none foresaw"), InternalError, NOT_APPLIED),
    (Refused(403, "Forbidden"), BackendCredentials, NOT_APPLIED),
    (Refused(404, "Not Found"), BackendUnavailable, NOT_APPLIED),
    (Unreachable("refused", sent=False), BackendUnavailable, NOT_APPLIED),
    (Unreachable("reset", sent=True), BackendUnavailable, UNKNOWN),
]


@pytest.mark.parametrize(("error", "kind", "outcome"), ERRORS, ids=lambda each: str(each)[:40])
def test_meaning(error: Exception, kind: type[PrismError], outcome: Outcome) -> None:
    """Each has its kind and its outcome of a write; a read has none."""
    found = translate(error, writes=True)
    assert (type(found), found.outcome) == (kind, outcome)
    assert translate(error, writes=False).outcome is None
