"""The server's errors as those of the tree: by its status codes, and by the names of the classes that it gives.

A request that the server answers with an error was rolled back, but one that its time-out stopped: that may have been
committed at the same moment.

Source: Apache TinkerPop, "Provider Documentation", Graph Driver Provider Requirements; Amazon Neptune, "Graph engine
error codes".
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

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
from prism.sdk.driver_errors import LATER, SOON

_SHOWN: Final = 300
FAILED: Final = 595
"""The status of a traversal that its own step `fail()` ended."""


class ServerError(Exception):
    """The server has answered with an error.

    Attributes:
        code: its status.
        said: its text.
        classes: names of the exceptions behind it, the first one on the outside.
        undone: nothing of it stays, as its transaction is not committed.
    """

    def __init__(self, code: int, said: str, classes: Sequence[str] = ()) -> None:
        super().__init__(f"{code}: {said}")
        self.code = code
        self.said = said
        self.classes = classes
        self.undone = False

    @property
    def exists(self) -> bool:
        """What was to be made is there."""
        return "already exists" in self.said

    @property
    def conflict(self) -> bool:
        """Another transaction was in the way."""
        return _meaning(self).kind is Conflict

    @property
    def plain(self) -> str:
        """The first line, as an operator wants it."""
        return self.said.strip().partition("\n")[0][:_SHOWN] or f"status {self.code}"


class Unreachable(Exception):
    """The server cannot be reached, or the connection broke.

    Attributes:
        sent: the request may have arrived.
    """

    def __init__(self, said: str, *, sent: bool) -> None:
        super().__init__(said)
        self.sent = sent


class Refused(Exception):
    """The server does not open a WebSocket.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"HTTP {status}: {said}" if said else f"HTTP {status}")
        self.status = status


class Meaning(NamedTuple):
    """What an error of the server means.

    Attributes:
        pattern: of the names of its classes and its text; empty where the status says enough.
        kind: the error that callers get.
        advice: what to do next.
        outcome: of a write that fails with it.
        retry_after: seconds; None where waiting does not help.
    """

    pattern: str
    kind: type[PrismError]
    advice: str
    outcome: Outcome = Outcome.NOT_APPLIED
    retry_after: float | None = None


_LOGIN: Final = Meaning(
    "",
    BackendCredentials,
    "the Gremlin server refuses the gateway: correct the namespace's credentials, and `login` in its configuration",
    retry_after=LATER,
)
_BUSY: Final = Meaning(
    "", BackendUnavailable, "the Gremlin server has as many requests as it takes: try again", retry_after=SOON
)
_TIME: Final = Meaning(
    "", DeadlineExceeded, "the time was over, and the Gremlin server stopped the request", Outcome.UNKNOWN
)
_ALIAS: Final = Meaning(
    "", FailedPrecondition, "the Gremlin server does not take the request: correct `source`, or its serializers"
)
_OTHER: Final = Meaning("", InternalError, "the Gremlin server refused what the gateway sent")
_BY_STATUS: Final = {401: _LOGIN, 403: _LOGIN, 429: _BUSY, 498: _ALIAS, 499: _ALIAS, 598: _TIME}
_BY_TEXT: Final = (
    Meaning(
        r"TransactionException|ConcurrentModification|ConflictException|Conflict: element modified",
        Conflict,
        "another transaction changed the same nodes: try again",
        retry_after=SOON,
    ),
    # What was read is gone before the traversal came to it: TinkerGraph has no snapshot for it.
    Meaning(
        r"NullPointerException|was removed|NoSuchElementException|should give a Vertex",
        Conflict,
        "another transaction removed what was read: try again",
        retry_after=SOON,
    ),
    Meaning(r"TimeLimitExceeded", DeadlineExceeded, _TIME.advice, Outcome.UNKNOWN),
    Meaning(
        r"MemoryLimitExceeded|OutOfMemory",
        LimitExceeded,
        "the Gremlin server has not the memory for it: ask for less",
        Outcome.UNKNOWN,
        LATER,
    ),
    Meaning(r"Throttling|TooManyRequests", BackendUnavailable, _BUSY.advice, retry_after=LATER),
    Meaning(r"AccessDenied|Authentication", BackendCredentials, _LOGIN.advice, retry_after=LATER),
    Meaning(
        r"ReadOnlyViolation",
        StoreFull,
        "the server is a replica that takes no writes: name the cluster's writer in `url`",
        retry_after=LATER,
    ),
    Meaning(
        r"does not support transactions",
        FailedPrecondition,
        "the graph has no transactions, without which a write could be left half done: serve one that has "
        "(TinkerTransactionGraph in the place of TinkerGraph)",
    ),
)


def _meaning(error: ServerError) -> Meaning:
    if error.code in _BY_STATUS:
        return _BY_STATUS[error.code]
    text = " ".join((*error.classes, error.said))
    return next((each for each in _BY_TEXT if re.search(each.pattern, text)), _OTHER)


def translate(error: BaseException, *, writes: bool) -> PrismError:
    """The error to raise `from` the one of the server or of the way to it."""
    if isinstance(error, ServerError):
        meaning = _meaning(error)
        outcome = (Outcome.NOT_APPLIED if error.undone else meaning.outcome) if writes else None
        return meaning.kind(f"{meaning.advice} ({error.plain})", outcome=outcome, retry_after=meaning.retry_after)
    not_applied = Outcome.NOT_APPLIED if writes else None
    if isinstance(error, Refused):
        if error.status in {401, 403}:
            return BackendCredentials(f"{_LOGIN.advice} ({error})", outcome=not_applied, retry_after=LATER)
        advice = "the Gremlin server opens no WebSocket at that address: correct `url`, or wait until it is up"
        return BackendUnavailable(f"{advice} ({error})", outcome=not_applied, retry_after=LATER)
    if isinstance(error, Unreachable):
        outcome = (Outcome.UNKNOWN if error.sent else Outcome.NOT_APPLIED) if writes else None
        advice = "the connection to the Gremlin server broke" if error.sent else "the Gremlin server cannot be reached"
        return BackendUnavailable(f"{advice}: check that it runs ({error})", outcome=outcome, retry_after=LATER)
    raise TypeError(f"{type(error).__name__} is not an error of the way to a Gremlin server") from error
