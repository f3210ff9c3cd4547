"""PostgreSQL's and asyncpg's errors -> the documented classes, with the outcome of a write.

A statement that PostgreSQL answers with an error was rolled back. Only where the session ended without an answer, or
by the server's leave-taking, may the transaction have been committed.

Source: PostgreSQL's documentation, appendix A, "PostgreSQL Error Codes".
"""

import ssl

import asyncpg

from prism.errors import (
    BackendCredentials,
    BackendUnavailable,
    Conflict,
    DataLoss,
    FailedPrecondition,
    Outcome,
    PrismError,
    StoreFull,
)
from prism.sdk.driver_errors import LATER, SOON, ErrorMapping, translated

_MAPPINGS = (
    ErrorMapping(
        (asyncpg.InvalidAuthorizationSpecificationError,),
        BackendCredentials,
        "PostgreSQL refuses the gateway: correct username and password in the namespace's credentials, or pg_hba.conf",
    ),
    ErrorMapping(
        (asyncpg.InvalidCatalogNameError, asyncpg.DatabaseDroppedError),
        FailedPrecondition,
        "the database does not exist: create it, or correct `database` in the namespace's configuration",
    ),
    ErrorMapping(
        (asyncpg.InsufficientPrivilegeError,),
        FailedPrecondition,
        "the gateway's role may not do this: GRANT it CREATE ON DATABASE so that it makes its own schema; or in a "
        "schema made before, USAGE ON SCHEMA, SELECT, INSERT, UPDATE, DELETE ON ALL TABLES and USAGE ON ALL SEQUENCES",
    ),
    ErrorMapping(
        (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.InvalidSchemaNameError),
        FailedPrecondition,
        "the gateway's tables are gone, changed or hidden from its role: restore the schema, and the role's USAGE on "
        "it, or restart the gateway to make it anew",
    ),
    ErrorMapping(
        (asyncpg.TooManyConnectionsError,),
        BackendUnavailable,
        "PostgreSQL has no connection left: raise its max_connections or lower pool_size",
        LATER,
    ),
    ErrorMapping(
        (asyncpg.CannotConnectNowError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError),
        BackendUnavailable,
        "PostgreSQL is starting or stopping: try again soon",
        LATER,
    ),
    ErrorMapping(
        (asyncpg.LockNotAvailableError, asyncpg.SerializationError, asyncpg.DeadlockDetectedError),
        Conflict,
        "another transaction holds the same items: try again",
        SOON,
    ),
    ErrorMapping(
        (asyncpg.QueryCanceledError,),
        BackendUnavailable,
        "PostgreSQL took too long: ask for less at once, or raise statement_timeout",
        LATER,
    ),
    ErrorMapping(
        (asyncpg.DiskFullError,),
        StoreFull,
        "PostgreSQL's disk is full: free some space",
    ),
    ErrorMapping(
        (asyncpg.ReadOnlySQLTransactionError,),
        StoreFull,
        "PostgreSQL is read-only: end its recovery or default_transaction_read_only",
        LATER,
    ),
    ErrorMapping(
        (asyncpg.DataCorruptedError, asyncpg.IndexCorruptedError, asyncpg.UndefinedFileError),
        DataLoss,
        "PostgreSQL reports damaged data: check its disks and restore a backup",
    ),
    ErrorMapping(
        (asyncpg.InsufficientResourcesError, asyncpg.PostgresSystemError),
        BackendUnavailable,
        "PostgreSQL lacks resources: see its log",
        LATER,
    ),
    ErrorMapping(
        (asyncpg.TargetServerAttributeNotMatched,),
        BackendUnavailable,
        "none of the hosts is a primary: wait for the failover, or correct the hosts",
        LATER,
    ),
    ErrorMapping(
        (ssl.SSLError,),
        BackendUnavailable,
        "TLS with PostgreSQL failed: correct sslmode, ca, certificate and key",
        LATER,
    ),
    ErrorMapping(
        (asyncpg.ClientConfigurationError,),
        FailedPrecondition,
        "the connection options are wrong: correct connection_string, host, ca, certificate and key",
    ),
    ErrorMapping(
        (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError),
        BackendUnavailable,
        "PostgreSQL does not answer: check that it runs and can be reached",
        LATER,
    ),
)

_REFUSED = ErrorMapping(
    (asyncpg.PostgresConnectionError,),
    BackendUnavailable,
    "PostgreSQL, or a pooler in front of it, refuses the connection: correct what it says",
    LATER,
)
"""What a server says has a severity; what the driver finds out about a connection has none."""

_NO_TLS = "rejected SSL upgrade"
_WITHOUT_TLS = ErrorMapping(
    (ConnectionError,), BackendUnavailable, "PostgreSQL offers no TLS: turn its ssl on, or set another sslmode", LATER
)

_ENDED = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.DatabaseDroppedError,
    asyncpg.StatementCompletionUnknownError,
)

_PASSING = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.InvalidCachedStatementError)


def translate(error: Exception, *, writes: bool, sent: bool) -> PrismError:
    """The error to raise instead of `error`, `from` which it is raised.

    Args:
        error: what the driver raised; a PrismError stays what it is.
        writes: the statement may change something.
        sent: it may have reached the server.
    """
    if isinstance(error, PrismError):
        return error
    outcome = _outcome(error, sent=sent) if writes else None
    for said in (error, error.__cause__):  # the driver gives last words as the cause of a lost connection
        if isinstance(said, asyncpg.PostgresConnectionError) and getattr(said, "severity", None):
            return _REFUSED.error(said, outcome)
    if isinstance(error, ConnectionError) and _NO_TLS in str(error):
        return _WITHOUT_TLS.error(error, outcome)
    return translated(error, _MAPPINGS, outcome, store="PostgreSQL")


def may_pass(error: Exception, *, writes: bool, sent: bool, connected: bool) -> bool:
    """Whether the same statement, sent again at once, may succeed and does no harm.

    Args:
        error: what the driver raised.
        writes: the statement may change something.
        sent: it may have reached the server.
        connected: there was a session; one that was lost may have been lost long before.
    """
    if isinstance(error, _PASSING):
        return True
    lost = isinstance(error, (*_ENDED, asyncpg.InterfaceError, asyncpg.InternalClientError, ConnectionError))
    return lost and connected and not (writes and sent)


def was_refused_unsent(error: Exception) -> bool:
    """Whether the driver found its session unusable before it sent anything: the server had just ended it."""
    return isinstance(error, asyncpg.InternalClientError) and str(error).startswith("cannot switch to state")


def was_answered(error: Exception) -> bool:
    """Whether the server itself rolled the statement back, and the session goes on."""
    return isinstance(error, asyncpg.PostgresError) and not isinstance(error, _ENDED)


def _outcome(error: Exception, *, sent: bool) -> Outcome:
    return Outcome.UNKNOWN if sent and not was_answered(error) else Outcome.NOT_APPLIED
