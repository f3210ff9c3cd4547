"""Kafka's errors as those of the tree: by a table of its codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError, KafkaException

from prism.errors import (
    BackendCredentials,
    BackendUnavailable,
    Conflict,
    FailedPrecondition,
    InternalError,
    InvalidArgument,
    Outcome,
    PrismError,
    StoreFull,
    TopicNotFound,
    Violation,
)
from prism.sdk.driver_errors import LATER, SOON, first_line


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code of Kafka's means.

    Attributes:
        kind: the error that callers get.
        advice: what to do next.
        outcome: of a write that fails with it; the broker has refused it unless this is UNKNOWN.
        retry_after: seconds; None where waiting does not help.
    """

    kind: type[PrismError]
    advice: str
    outcome: Outcome = Outcome.NOT_APPLIED
    retry_after: float | None = None


_AWAY: Final = Meaning(
    BackendUnavailable, "Kafka does not answer: check that it runs and can be reached", Outcome.UNKNOWN, LATER
)
_MOVING: Final = Meaning(BackendUnavailable, "Kafka is electing a leader; try again", Outcome.UNKNOWN, LATER)
_LOGIN: Final = Meaning(BackendCredentials, "Kafka refuses the gateway's credentials: correct them", retry_after=LATER)
_FORBIDDEN: Final = Meaning(BackendCredentials, "the gateway's Kafka user lacks a permission: grant it")
_LOST: Final = Meaning(Conflict, "another gateway has taken over meanwhile; try again", retry_after=SOON)

_E = KafkaError
MEANINGS: Final[Mapping[int, Meaning]] = {
    **dict.fromkeys(
        (
            _E._TRANSPORT,
            _E._ALL_BROKERS_DOWN,
            _E._TIMED_OUT,
            _E._MSG_TIMED_OUT,
            _E._RESOLVE,
            _E._TIMED_OUT_QUEUE,
            _E.REQUEST_TIMED_OUT,
            _E.NETWORK_EXCEPTION,
            _E._WAIT_COORD,
            _E.BROKER_NOT_AVAILABLE,
            _E._DESTROY,
            _E._PURGE_INFLIGHT,
            _E.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
            _E._STATE,
            _E._SSL,
            _E.KAFKA_STORAGE_ERROR,
        ),
        _AWAY,
    ),
    **dict.fromkeys(
        (
            _E.LEADER_NOT_AVAILABLE,
            _E.NOT_LEADER_FOR_PARTITION,
            _E.COORDINATOR_NOT_AVAILABLE,
            _E.NOT_COORDINATOR,
            _E.COORDINATOR_LOAD_IN_PROGRESS,
            _E.NOT_CONTROLLER,
            _E.UNSTABLE_OFFSET_COMMIT,
            _E.FENCED_LEADER_EPOCH,
            _E.UNKNOWN_LEADER_EPOCH,
            _E._NOENT,
        ),
        _MOVING,
    ),
    **dict.fromkeys(
        (_E._AUTHENTICATION, _E.SASL_AUTHENTICATION_FAILED, _E.ILLEGAL_SASL_STATE, _E.UNSUPPORTED_SASL_MECHANISM),
        _LOGIN,
    ),
    **dict.fromkeys(
        (
            _E.TOPIC_AUTHORIZATION_FAILED,
            _E.GROUP_AUTHORIZATION_FAILED,
            _E.CLUSTER_AUTHORIZATION_FAILED,
            _E.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        ),
        _FORBIDDEN,
    ),
    **dict.fromkeys(
        (
            _E.ILLEGAL_GENERATION,
            _E.UNKNOWN_MEMBER_ID,
            _E.REBALANCE_IN_PROGRESS,
            _E.FENCED_INSTANCE_ID,
            _E.FENCED_MEMBER_EPOCH,
            _E.STALE_MEMBER_EPOCH,
            _E._FENCED,
            _E.INVALID_PRODUCER_EPOCH,
            _E.PRODUCER_FENCED if hasattr(_E, "PRODUCER_FENCED") else _E._FENCED,
            _E.CONCURRENT_TRANSACTIONS,
            _E._ASSIGNMENT_LOST,
        ),
        _LOST,
    ),
    _E._QUEUE_FULL: Meaning(BackendUnavailable, "too much waits to be sent to Kafka; try again", retry_after=SOON),
    _E._PURGE_QUEUE: Meaning(BackendUnavailable, "the gateway stopped before the message was sent", retry_after=LATER),
    _E.NOT_ENOUGH_REPLICAS: Meaning(
        BackendUnavailable, "too few of the topic's replicas are in sync: bring brokers back", retry_after=LATER
    ),
    _E.UNKNOWN_TOPIC_OR_PART: Meaning(TopicNotFound, "the topic does not exist in Kafka; create it with CreateTopic"),
    _E._UNKNOWN_TOPIC: Meaning(TopicNotFound, "the topic does not exist in Kafka; create it with CreateTopic"),
    _E._UNKNOWN_PARTITION: Meaning(TopicNotFound, "the topic has fewer partitions in Kafka than it had"),
    _E.POLICY_VIOLATION: Meaning(FailedPrecondition, "a policy of the Kafka cluster forbids it"),
    _E.INVALID_REPLICATION_FACTOR: Meaning(
        FailedPrecondition, "the Kafka cluster has fewer brokers than `replication` asks for: lower it"
    ),
    _E.INVALID_CONFIG: Meaning(InvalidArgument, "Kafka does not take this configuration"),
    _E.TOPIC_EXCEPTION: Meaning(InvalidArgument, "Kafka does not take this topic"),
    _E.THROTTLING_QUOTA_EXCEEDED: Meaning(BackendUnavailable, "Kafka's quota is used up; try later", retry_after=LATER),
    _E.INVALID_TIMESTAMP: Meaning(InvalidArgument, "Kafka does not take the time of the message"),
    _E.KAFKA_STORAGE_ERROR: Meaning(StoreFull, "a disk of Kafka's failed or is full", Outcome.UNKNOWN),
}
MOVING: Final = frozenset(code for code, meaning in MEANINGS.items() if meaning is _MOVING)
"""Codes that pass when a leader or coordinator is found."""


def error_of(cause: BaseException) -> KafkaError | None:
    """Kafka's own error in an exception of the driver."""
    first = cause.args[0] if isinstance(cause, KafkaException) and cause.args else None
    return first if isinstance(first, KafkaError) else None


def translate(cause: "BaseException | KafkaError", *, writes: bool = False) -> PrismError:
    """The error to raise instead of the driver's, `from` which it is raised.

    Args:
        cause: what the driver raised, or Kafka's error.
        writes: the call writes: the error has an outcome.
    """
    if isinstance(cause, PrismError):
        return cause
    error = cause if isinstance(cause, KafkaError) else error_of(cause)
    if error is None:
        text = first_line(cause) if isinstance(cause, BaseException) else str(cause)
        return InternalError(f"Kafka's client failed: {text}", outcome=Outcome.UNKNOWN if writes else None)
    meaning = MEANINGS.get(error.code())
    said = error.str().partition("\n")[0]
    if meaning is None:
        kind = BackendUnavailable if error.retriable() else InternalError
        outcome = Outcome.UNKNOWN if writes else None
        return kind(f"Kafka refused what the gateway sent ({error.name()}: {said})", outcome=outcome)
    return meaning.kind(
        f"{meaning.advice} ({said})", outcome=meaning.outcome if writes else None, retry_after=meaning.retry_after
    )


def too_large(size: int, most: int | None) -> InvalidArgument:
    """A message is over the broker's own limit."""
    limit = f"this Kafka takes at most {most} in a batch of one (max.message.bytes)" if most else "Kafka takes less"
    violation = Violation("payload", f"{size} bytes with its attributes", limit)
    return InvalidArgument(str(violation), violations=[violation], outcome=Outcome.NOT_APPLIED)
