"""What JetStream refuses, as errors of the tree, by the number that it gives each refusal."""

from typing import Final

from prism.errors import (
    BackendUnavailable,
    FailedPrecondition,
    InvalidArgument,
    Outcome,
    PrismError,
    StoreFull,
    Violation,
)
from prism.sdk.driver_errors import LATER

STREAM_MISSING: Final = 10059
CONSUMER_MISSING: Final = 10014
STREAM_EXISTS: Final = 10058
CONSUMER_EXISTS: Final = frozenset({10148, 10105, 10013})
MESSAGE_MISSING: Final = 10037
WRONG_SEQUENCE: Final = frozenset({10071, 10164})
_FULL: Final = frozenset({10023, 10047, 10077, 10028, 10110, 10122, 10026, 10002})
_AWAY: Final = frozenset({10008, 10009, 10004, 10118, 10074})
_TOO_LARGE: Final = 10054
_OFF: Final = frozenset({10039, 10076, 10035})


class ApiError(Exception):
    """JetStream has refused what it was asked; nothing was applied.

    Attributes:
        number: of the kind of refusal.
        description: JetStream's own words.
    """

    def __init__(self, number: int, description: str) -> None:
        super().__init__(f"{description} ({number})")
        self.number = number
        self.description = description


class JetStreamMissingError(Exception):
    """No answer could come: there is no such stream or consumer, or the server has no JetStream."""


def refused(error: ApiError) -> PrismError:
    """The error to raise instead."""
    if error.number in _FULL:
        return StoreFull(
            f"JetStream has no room: raise its limits, or remove messages ({error.description})",
            outcome=Outcome.NOT_APPLIED,
        )
    if error.number == _TOO_LARGE:
        violation = Violation("payload", "larger than the stream takes", "send less, or raise its max_msg_size")
        return InvalidArgument(str(violation), violations=[violation], outcome=Outcome.NOT_APPLIED)
    if error.number in _OFF:
        return jetstream_off()
    if error.number in _AWAY:
        return BackendUnavailable(
            f"JetStream is not available now: check that most servers of the cluster run ({error.description})",
            outcome=Outcome.NOT_APPLIED,
            retry_after=LATER,
        )
    return FailedPrecondition(f"JetStream refuses what the gateway asked: {error}", outcome=Outcome.NOT_APPLIED)


def jetstream_off() -> FailedPrecondition:
    """The refusal where the server has no JetStream."""
    return FailedPrecondition(
        "Queue and PubSub that persists need JetStream, which is off for this account: turn it on at the NATS servers",
        outcome=Outcome.NOT_APPLIED,
    )


def no_leader() -> BackendUnavailable:
    """No server takes what is published to a stream: its leader was killed, and there is no other yet."""
    return BackendUnavailable(
        "no NATS server leads the stream now; try again, and check that most servers of the cluster run",
        outcome=Outcome.NOT_APPLIED,
        retry_after=LATER,
    )


def too_old(version: str) -> FailedPrecondition:
    """The refusal of a server that lacks what is needed."""
    return FailedPrecondition(
        f"Queue and PubSub that persists need NATS 2.12 or later; this server is {version}: upgrade it",
        outcome=Outcome.NOT_APPLIED,
    )
