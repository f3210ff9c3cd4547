"""What Redis and its driver say, as errors of the contract: kind, advice, and whether a write was applied.

Redis answers a command that it refuses, and has then changed nothing; so too a script, where the server's own state is
the reason, which is looked at before its first write. One that is stopped for anything else may have begun. What is
lost on the way, or not answered in time, may have been applied.
"""

import re
import ssl

import redis.exceptions as driver
from redis.asyncio.sentinel import MasterNotFoundError

from prism.backends.redis.commands.durability import Unsynced
from prism.backends.redis.data.scripts import NOT_HERE
from prism.errors import (
    BackendCredentials,
    BackendUnavailable,
    DataLoss,
    FailedPrecondition,
    Outcome,
    PrismError,
    StoreFull,
)
from prism.sdk.driver_errors import LATER, ErrorMapping, first_line, translated

_CREDENTIALS = "Redis refuses the gateway's credentials: correct username and password, or the user's ACL"

_NO_COMMAND = "this Redis lacks a command that the gateway needs, or has it renamed: give it back (rename-command)"

# The first that fits counts.
_MAPPINGS = (
    ErrorMapping(
        (Unsynced,),
        FailedPrecondition,
        "durability synced needs a Redis with appendonly yes and appendfsync always: change them, or set durability: "
        "store",
    ),
    ErrorMapping(
        (driver.AuthenticationError, driver.AuthenticationWrongNumberOfArgsError, driver.NoPermissionError),
        BackendCredentials,
        _CREDENTIALS,
    ),
    ErrorMapping(
        (driver.OutOfMemoryError,),
        StoreFull,
        "Redis has no memory left: raise its maxmemory, or remove something",
    ),
    ErrorMapping(
        (driver.ReadOnlyError,),
        BackendUnavailable,
        "this Redis is a replica, perhaps after a failover: wait for it to end, or name the primary",
        LATER,
    ),
    ErrorMapping(
        (driver.TryAgainError,),
        BackendUnavailable,
        "the keys of this call may be split over two nodes of the Redis cluster while their slot moves, and neither "
        "node runs what needs them all: try again when it has moved",
        LATER,
    ),
    ErrorMapping(
        (driver.AskError,),
        BackendUnavailable,
        "the nodes of the Redis cluster disagree on the owner of this key: try again when its slot has moved",
        LATER,
    ),
    ErrorMapping(
        (driver.BusyLoadingError, driver.MasterDownError, driver.ClusterDownError),
        BackendUnavailable,
        "Redis is not ready: wait until it has loaded its data and found its primary",
        LATER,
    ),
    ErrorMapping(
        (ssl.SSLError,),
        BackendUnavailable,
        "TLS with Redis failed: correct tls, ca, certificate, key and tls_server_name",
        LATER,
    ),
    ErrorMapping(
        (driver.TimeoutError, TimeoutError),
        BackendUnavailable,
        "Redis does not answer in time: check that it runs and is not blocked by a slow command",
        LATER,
    ),
    ErrorMapping(
        (MasterNotFoundError,),
        BackendUnavailable,
        "the sentinels answer, and name no primary: correct sentinel_service, or wait for the end of a failover",
        LATER,
    ),
    ErrorMapping(
        (driver.ConnectionError, driver.RedisClusterException, driver.ClusterError, OSError),
        BackendUnavailable,
        "Redis does not answer: check that it runs and can be reached",
        LATER,
    ),
)

_KNOWN = tuple(kind for mapping in _MAPPINGS for kind in mapping.errors)

_PREFIXES = (
    ("The user executing the script", BackendCredentials, _CREDENTIALS),
    ("ACL failure in script", BackendCredentials, _CREDENTIALS),
    (
        "This instance has cluster support disabled",
        FailedPrecondition,
        "this Redis is not a node of a cluster: name nodes with cluster-enabled yes, or set mode: standalone",
    ),
    ("unknown command", FailedPrecondition, _NO_COMMAND),
    ("Unknown Redis command called from script", FailedPrecondition, _NO_COMMAND),
    (NOT_HERE, BackendUnavailable, "the nodes of the Redis cluster disagree on the owner of this channel: try again"),
    ("MISCONF", StoreFull, "Redis cannot write to its disk and takes no writes until it can: see its log"),
    ("WRONGTYPE", DataLoss, "a key of the gateway's holds what another program has put there: remove it"),
    ("DENIED", BackendUnavailable, "Redis refuses other machines (protected-mode): set a password there, or bind it"),
    ("DB index is out of range", FailedPrecondition, "this Redis has no database of that number: correct `database`"),
    ("SELECT is not allowed in cluster mode", FailedPrecondition, "this is a node of a cluster: set mode: cluster"),
    ("NOREPLICAS", BackendUnavailable, "Redis has too few replicas (min-replicas-to-write): bring them back"),
    ("BUSY", BackendUnavailable, "Redis is busy with a script: wait, or end it with SCRIPT KILL"),
    ("UNKILLABLE", BackendUnavailable, "Redis is busy with a script: wait for its end"),
)
"""Answers that the driver has no class for."""

_FULL = "max number of clients reached"
"""The driver takes this answer for a lost connection."""

_FORBIDDEN = re.compile("run the '([^']+)' command")

IN_SCRIPT = "on @user_script"
"""In the answer of a script that was stopped: what it had done stays."""

_REFUSED_WRITES = (driver.OutOfMemoryError, driver.ReadOnlyError)
_REFUSED_PREFIXES = ("MISCONF", "NOREPLICAS")
"""What a script hears of its first write; Redis stops none for these once it has written."""


def translate(error: Exception, *, writes: bool, sent: bool) -> PrismError:
    """The error to raise instead of `error`, `from` which it is raised.

    Args:
        error: what the driver raised, or Redis answered; a PrismError stays what it is.
        writes: the command may change something.
        sent: it may have reached the server, and the error is not its answer.
    """
    if isinstance(error, PrismError):
        return error
    outcome = (Outcome.UNKNOWN if sent or _half_done(error) else Outcome.NOT_APPLIED) if writes else None
    if isinstance(error, driver.RedisClusterException) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # why the last of a cluster's nodes could not be asked
    if isinstance(error, driver.RedisClusterException) and isinstance(error.__context__, driver.ResponseError):
        error = error.__context__  # the driver takes every refusal to tell the slots for that of a server without any
    if isinstance(error.__context__, ssl.SSLError):
        error = error.__context__  # the driver makes a lost connection of it
    forbidden = _FORBIDDEN.search(str(error)) if isinstance(error, driver.NoPermissionError) else None
    if forbidden:
        return BackendCredentials(
            f"{_CREDENTIALS}: allow the user +{forbidden[1]} ({first_line(error)})", outcome=outcome
        )
    if isinstance(error, driver.ConnectionError) and _FULL in str(error):
        return BackendUnavailable(
            f"Redis takes no more connections: raise its maxclients, or lower pool_size ({first_line(error)})",
            outcome=outcome,
            retry_after=LATER,
        )
    if not isinstance(error, _KNOWN):
        for prefix, kind, advice in _PREFIXES:
            if str(error).startswith(prefix):
                return kind(f"{advice} ({first_line(error)})", outcome=outcome, retry_after=LATER)
    return translated(error, _MAPPINGS, outcome, store="Redis")


def _half_done(error: Exception) -> bool:
    """Whether a script may have been stopped behind its first write: Redis does not undo it."""
    said = str(error)
    return IN_SCRIPT in said and not (isinstance(error, _REFUSED_WRITES) or said.startswith(_REFUSED_PREFIXES))


def asks_for_another_server(error: object) -> bool:
    """Whether an answer says that this server is no longer the one to ask, or may be cut off from those who know."""
    return isinstance(error, driver.ReadOnlyError | driver.MasterDownError) or (
        isinstance(error, driver.ResponseError) and str(error).startswith("NOREPLICAS")
    )
