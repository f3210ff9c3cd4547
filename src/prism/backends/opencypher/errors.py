"""The server's errors as those of the tree: by a table of its codes.

Source: Neo4j's documentation, "Status codes for errors & notifications". Whatever a statement fails with, its
transaction is rolled back; only where the answer to a commit is lost, or the server itself failed at it, it is not
known what became of it: its log may have had it by then.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from neo4j.exceptions import (
    AuthConfigurationError,
    BrokenRecordError,
    ConfigurationError,
    ConnectionAcquisitionTimeoutError,
    DriverError,
    Neo4jError,
)

from prism.errors import (
    BackendCredentials,
    BackendUnavailable,
    Conflict,
    ConstraintViolated,
    DeadlineExceeded,
    FailedPrecondition,
    InternalError,
    InvalidArgument,
    LimitExceeded,
    Outcome,
    PrismError,
    StoreFull,
)
from prism.sdk.driver_errors import LATER, SOON, first_line


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code of the server's means.

    Attributes:
        kind: the error that callers get.
        advice: what to do next.
        retry_after: seconds; None where waiting does not help.
        shown: the server's words are about the caller's own text, so that they may be passed on.
    """

    kind: type[PrismError]
    advice: str
    retry_after: float | None = None
    shown: bool = False


_LOGIN: Final = Meaning(BackendCredentials, "Neo4j refuses the gateway's credentials: correct them", LATER)
_FORBIDDEN: Final = Meaning(BackendCredentials, "the gateway's Neo4j user lacks a privilege: grant it")
_CONFLICT: Final = Meaning(Conflict, "another transaction stood in the way; try again", SOON)
_TIME: Final = Meaning(DeadlineExceeded, "the time was over, and Neo4j stopped it")
_AWAY: Final = Meaning(BackendUnavailable, "Neo4j does not serve the database now: look at its log", LATER)
_READ_ONLY: Final = Meaning(BackendUnavailable, "Neo4j takes no writes now: look at its cluster and settings", LATER)
_MEMORY: Final = Meaning(LimitExceeded, "Neo4j has not the memory for it: ask for less, or raise its limit", LATER)
_RULE: Final = Meaning(ConstraintViolated, "a constraint of the database does not allow it")
_TEXT: Final = Meaning(InvalidArgument, "Neo4j refuses the statement", shown=True)
_VALUE: Final = Meaning(InvalidArgument, "Neo4j cannot compute the statement", shown=True)
_WRITES: Final = Meaning(FailedPrecondition, "a statement that reads may not write: ask with Execute")
_UNKNOWN: Final = Meaning(InternalError, "Neo4j refused what the gateway sent")
_FULL: Final = Meaning(StoreFull, "Neo4j could not write its log: see whether its disk is full")

MEANINGS: Final[Mapping[str, Meaning]] = {
    "Neo.ClientError.Security.Unauthorized": _LOGIN,
    "Neo.ClientError.Security.AuthenticationRateLimit": _LOGIN,
    "Neo.ClientError.Security.CredentialsExpired": _LOGIN,
    "Neo.ClientError.Security.TokenExpired": _LOGIN,
    "Neo.ClientError.Security.AuthorizationExpired": _LOGIN,
    "Neo.ClientError.Security.AuthProviderFailed": _LOGIN,
    "Neo.ClientError.Security.AuthProviderTimeout": _LOGIN,
    "Neo.ClientError.Security.Forbidden": _FORBIDDEN,
    "Neo.TransientError.Transaction.DeadlockDetected": _CONFLICT,
    "Neo.TransientError.Transaction.Outdated": _CONFLICT,
    "Neo.TransientError.Transaction.LockClientStopped": _CONFLICT,
    "Neo.TransientError.Transaction.LockAcquisitionTimeout": _CONFLICT,
    "Neo.TransientError.Transaction.ConstraintsChanged": _CONFLICT,
    "Neo.TransientError.Transaction.MaximumTransactionLimitReached": _AWAY,
    "Neo.ClientError.Transaction.LockClientStopped": _CONFLICT,
    "Neo.ClientError.Statement.EntityNotFound": _CONFLICT,
    "Neo.ClientError.Transaction.TransactionTimedOut": _TIME,
    "Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration": _TIME,
    "Neo.TransientError.Transaction.Terminated": _TIME,
    "Neo.ClientError.Transaction.Terminated": _TIME,
    "Neo.ClientError.Cluster.NotALeader": _READ_ONLY,
    "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase": _READ_ONLY,
    "Neo.ClientError.General.WriteOnReadOnlyAccessDatabase": _READ_ONLY,
    "Neo.ClientError.Database.DatabaseNotFound": Meaning(
        FailedPrecondition, "Neo4j has no database of the configured name: create it"
    ),
    "Neo.TransientError.General.DatabaseUnavailable": _AWAY,
    "Neo.TransientError.Database.DatabaseUnavailable": _AWAY,
    "Neo.TransientError.Request.NoThreadsAvailable": _AWAY,
    "Neo.TransientError.Transaction.BookmarkTimeout": Meaning(
        BackendUnavailable, "a server of the Neo4j cluster is behind the others: try again, or look at its log", SOON
    ),
    "Neo.TransientError.General.OutOfMemoryError": _MEMORY,
    "Neo.TransientError.General.MemoryPoolOutOfMemoryError": _MEMORY,
    "Neo.TransientError.General.TransactionMemoryLimit": _MEMORY,
    "Neo.DatabaseError.General.OutOfMemoryError": _MEMORY,
    "Neo.DatabaseError.Transaction.TransactionLogError": _FULL,
    "Neo.DatabaseError.Transaction.TransactionCommitFailed": _FULL,
    "Neo.ClientError.Schema.ConstraintValidationFailed": _RULE,
    "Neo.ClientError.Schema.ConstraintViolation": _RULE,
    "Neo.ClientError.Statement.SyntaxError": _TEXT,
    "Neo.ClientError.Statement.SemanticError": _TEXT,
    "Neo.ClientError.Statement.ParameterMissing": _TEXT,
    "Neo.ClientError.Statement.ExternalResourceFailed": _TEXT,
    "Neo.ClientError.Statement.NotSystemDatabaseError": _TEXT,
    "Neo.ClientError.Procedure.ProcedureNotFound": _TEXT,
    "Neo.ClientError.Statement.TypeError": _VALUE,
    "Neo.ClientError.Statement.ArgumentError": _VALUE,
    "Neo.ClientError.Statement.ArithmeticError": _VALUE,
    "Neo.ClientError.Statement.PropertyNotFound": _VALUE,
    "Neo.ClientError.Statement.AccessMode": _WRITES,
}

CONFLICTS: Final = frozenset(code for code, meaning in MEANINGS.items() if meaning is _CONFLICT)
"""Codes after which the same may be tried again at once: nothing of it was applied."""
BROKEN: Final = "Neo.DatabaseError."
"""Begins the codes of what the server itself failed at."""
RULE: Final = "Neo.ClientError.Schema.ConstraintValidationFailed"


@contextmanager
def nothing_applied() -> Iterator[None]:
    """A part of a write in which nothing is applied, and what fails in it says so."""
    try:
        yield
    except PrismError as error:
        error.outcome = Outcome.NOT_APPLIED
        raise


def code_of(error: BaseException) -> str:
    """The server's code of an error; empty where it is none of the server's."""
    return (error.code or "") if isinstance(error, Neo4jError) else ""


def translate(error: Exception, outcome: Outcome | None, *, of_caller: bool = False) -> PrismError:
    """The error to raise in the place of the driver's, `from` which it is raised.

    Args:
        error: what the driver raised.
        outcome: of a write; None for a read.
        of_caller: the statement was the caller's own.
    """
    if isinstance(error, PrismError):
        return error
    if isinstance(error, Neo4jError):
        return _of_server(error, outcome, of_caller=of_caller)
    if isinstance(error, ConnectionAcquisitionTimeoutError):
        return LimitExceeded(
            "all connections to Neo4j are in use: raise `connections`, or ask for less at once",
            outcome=outcome,
            retry_after=SOON,
        )
    if isinstance(error, (ConfigurationError, AuthConfigurationError)):
        return FailedPrecondition(f"the driver refuses the configuration: {first_line(error)}", outcome=outcome)
    if isinstance(error, BrokenRecordError):
        return FailedPrecondition(
            "Neo4j holds a value that its driver cannot read, such as a time in a zone not known here; change it, or "
            "return it with toString()",
            outcome=outcome,
        )
    if isinstance(error, (DriverError, OSError)):
        return BackendUnavailable(
            f"Neo4j does not answer: check that it runs and can be reached ({first_line(error)[:200]})",
            outcome=outcome,
            retry_after=LATER,
        )
    raise error


def _of_server(error: Neo4jError, outcome: Outcome | None, *, of_caller: bool) -> PrismError:
    code = code_of(error)
    meaning = MEANINGS.get(code, _UNKNOWN)
    short = code.rpartition(".")[2] or "no code"
    if of_caller and meaning is _FORBIDDEN:
        return FailedPrecondition(f"the statement may not do this ({short})", outcome=outcome)
    if of_caller and meaning is _UNKNOWN:
        return FailedPrecondition(f"Neo4j refuses the statement ({short})", outcome=outcome)
    if not of_caller and meaning in {_TEXT, _VALUE}:
        meaning = _UNKNOWN
    words = f": {first_line_of(error)}" if of_caller and meaning.shown else ""
    return meaning.kind(f"{meaning.advice} ({short}){words}", outcome=outcome, retry_after=meaning.retry_after)


def first_line_of(error: Neo4jError) -> str:
    """The first line of what the server says."""
    return (error.message or "").partition("\n")[0][:300]
