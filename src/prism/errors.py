"""The error tree, split by whose fault it is. Each class owns its gRPC status code and its machine-readable reason.

    PrismError
     |__ CallerError              the request is at fault: change it before sending it again
     |    |__ InvalidArgument     |__ NamespaceNotFound   |__ AlreadyExists     |__ FailedPrecondition
     |    |__ Unauthenticated     |__ PermissionDenied    |__ Unimplemented     |__ LimitExceeded
     |    |__ FellBehind          |__ TopicNotFound       |__ GroupNotFound
     |    |__ ReceiptLost         |__ GroupInUse          |__ ConditionNotMet   |__ UploadNotFound
     |    |__ RangeNotSatisfiable |__ ContentMismatch     |__ TransferIdle        |__ PositionExpired
     |    |__ CollectionNotFound  |__ MailboxNotFound     |__ ConditionFailed     |__ ConstraintViolated
     |    |__ LeaseLost           |__ SchemaChanged       |__ IndexMissing        |__ StreamNotFound
     |    |__ NodeNotFound        |__ NodeHasEdges
     |__ BackendError             the store or its plugin is at fault
     |    |__ BackendUnavailable  |__ BackendCredentials  |__ NamespaceDisabled
     |    |__ Conflict          |__ StoreFull      |__ DataLoss
     |    |__ MessagesLost
     |__ CallEnded                neither is at fault: DeadlineExceeded, Cancelled
     |__ GatewayUnavailable       the gateway cannot be reached, is draining or overloaded
     |__ InternalError            a defect in Prism

On the wire an error is a gRPC status whose details are google.rpc messages: `ErrorInfo{reason, domain "prism",
metadata}`, `RetryInfo` where waiting helps, `BadRequest` with the fields at fault (docs/contract.md, "Errors").
"""

import copy
import enum
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from prism.reason import Reason
from prism.wire.grpc.status import Code


class Outcome(enum.StrEnum):
    """What a failed write did to the store."""

    NOT_APPLIED = "NOT_APPLIED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Violation:
    """One field of a request that broke a rule.

    Attributes:
        field: path in the request, such as `items[3].key`.
        found: what was there, shortened; never a secret.
        limit: what is allowed.
    """

    field: str
    found: str
    limit: str

    def __str__(self) -> str:
        return f"{self.field}: {self.found}; {self.limit}"


class PrismError(Exception):
    """Base of every error that Prism raises on purpose.

    Attributes:
        message: a sentence that says what to do next.
        reason: `ErrorInfo.reason`, a `Reason`; another string where a plugin of another author gave it.
        metadata: `ErrorInfo.metadata`; the gateway adds namespace and backend.
        outcome: for a failed write, what it did to the store; None for reads and where it is not known yet.
        retry_after: seconds after which a retry may help; None where waiting does not help.
        violations: the fields at fault.
    """

    code: ClassVar[Code] = Code.INTERNAL
    default_reason: ClassVar[str] = Reason.INTERNAL

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
        outcome: Outcome | None = None,
        retry_after: float | None = None,
        violations: Sequence[Violation] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        self.metadata = dict(metadata or {})
        self.outcome = outcome
        self.retry_after = retry_after
        self.violations = tuple(violations)

    def clone(self) -> Self:
        """An equal error for one more caller: what the gateway adds for one must not show to another."""
        twin = copy.copy(self)
        twin.metadata = dict(self.metadata)
        twin.__cause__ = self.__cause__
        return twin


class CallerError(PrismError):
    """The request is at fault; sent again unchanged it fails again. Nothing was applied."""

    code = Code.INVALID_ARGUMENT
    default_reason = Reason.CALLER


class InvalidArgument(CallerError):
    """A field is missing, malformed or over its limit."""

    default_reason = Reason.INVALID_ARGUMENT


class NamespaceNotFound(CallerError):
    """No namespace of that name is configured."""

    code = Code.NOT_FOUND
    default_reason = Reason.NAMESPACE_NOT_FOUND


class TopicNotFound(CallerError):
    """The namespace has no topic of that name, and does not let topics make themselves."""

    code = Code.NOT_FOUND
    default_reason = Reason.TOPIC_NOT_FOUND


class GroupNotFound(CallerError):
    """The topic has no group of that name, or has it no longer."""

    code = Code.NOT_FOUND
    default_reason = Reason.GROUP_NOT_FOUND


class AlreadyExists(CallerError):
    """An idempotency key came again with another payload, or what is to be made exists with another configuration."""

    code = Code.ALREADY_EXISTS
    default_reason = Reason.ALREADY_EXISTS


class FailedPrecondition(CallerError):
    """The system is not in the state that the request needs."""

    code = Code.FAILED_PRECONDITION
    default_reason = Reason.FAILED_PRECONDITION


class ReceiptLost(CallerError):
    """The message is the caller's no longer: its deadline has passed, it was given back, or its group was moved."""

    code = Code.FAILED_PRECONDITION
    default_reason = Reason.RECEIPT_LOST


class GroupInUse(CallerError):
    """The group has consumers, and this needs that it has none."""

    code = Code.FAILED_PRECONDITION
    default_reason = Reason.GROUP_IN_USE


class ConditionNotMet(CallerError):
    """`if_match` or `if_none_match` does not hold: another object is there, or none."""

    code = Code.FAILED_PRECONDITION
    default_reason = Reason.CONDITION_NOT_MET


class CollectionNotFound(CallerError):
    """The namespace has no collection of that name."""

    code = Code.NOT_FOUND
    default_reason = Reason.COLLECTION_NOT_FOUND


class MailboxNotFound(CallerError):
    """The namespace has no mailbox of that name, or the mailbox no such shard."""

    code = Code.NOT_FOUND
    default_reason = Reason.MAILBOX_NOT_FOUND


class StreamNotFound(CallerError):
    """The namespace has no stream of events of that name."""

    code = Code.NOT_FOUND
    default_reason = Reason.STREAM_NOT_FOUND


class NodeNotFound(CallerError):
    """The graph has no node of that id."""

    code = Code.NOT_FOUND
    default_reason = Reason.NODE_NOT_FOUND


class NodeHasEdges(CallerError):
    """A node has edges, so it is not deleted."""

    code = Code.FAILED_PRECONDITION
    default_reason = Reason.NODE_HAS_EDGES

    @classmethod
    def of(cls, node: str, edges: int, *, most: int = 0) -> Self:
        """The refusal for a node with so many edges, of which `most` may go with it."""
        mend = f"at most {most} go with a node: page GetEdges and DeleteEdges first" if most else "delete them first"
        return cls(
            f"the node {node[:80]!r} has {edges} edges; {mend}",
            metadata={"edges": str(edges)},
            outcome=Outcome.NOT_APPLIED,
        )


class ConditionFailed(CallerError):
    """A change met another number of rows than was expected; nothing was written."""

    code = Code.FAILED_PRECONDITION
    default_reason = Reason.CONDITION_FAILED


class ConstraintViolated(CallerError):
    """A constraint of the table refuses a row; nothing was written."""

    code = Code.FAILED_PRECONDITION
    default_reason = Reason.CONSTRAINT_VIOLATED


class LeaseLost(CallerError):
    """A reader of a mailbox is its holder's no longer."""

    code = Code.FAILED_PRECONDITION
    default_reason = Reason.LEASE_LOST


class UploadNotFound(CallerError):
    """There is no such upload by parts, or not any more: it was completed or given up, or has expired."""

    code = Code.NOT_FOUND
    default_reason = Reason.UPLOAD_NOT_FOUND


class RangeNotSatisfiable(CallerError):
    """The range has no byte of the object; the metadata has the object's `size`."""

    code = Code.OUT_OF_RANGE
    default_reason = Reason.RANGE_NOT_SATISFIABLE

    @classmethod
    def of(cls, size: int) -> Self:
        """The error for an object of so many bytes."""
        return cls(
            f"the object has {size} bytes, and none of them is in the range; ask for one that begins before its end",
            metadata={"size": str(size)},
        )


class ContentMismatch(CallerError):
    """What came has another size or checksum than its sender says; nothing was stored."""

    default_reason = Reason.CONTENT_MISMATCH


class TransferIdle(CallerError):
    """No byte of a transfer came, or was taken, for too long."""

    code = Code.DEADLINE_EXCEEDED
    default_reason = Reason.TRANSFER_IDLE


class PositionExpired(CallerError):
    """Messages behind the position that a subscription is to go on from are kept no longer."""

    code = Code.OUT_OF_RANGE
    default_reason = Reason.POSITION_EXPIRED


class SchemaChanged(CallerError):
    """The collection is not what it was when the cursor was made."""

    code = Code.FAILED_PRECONDITION
    default_reason = Reason.SCHEMA_CHANGED


class IndexMissing(CallerError):
    """No index serves the sort; the message says which would."""

    code = Code.FAILED_PRECONDITION
    default_reason = Reason.INDEX_MISSING


class Unauthenticated(CallerError):
    """The caller did not prove who it is."""

    code = Code.UNAUTHENTICATED
    default_reason = Reason.UNAUTHENTICATED


class PermissionDenied(CallerError):
    """The caller may not do this on this namespace."""

    code = Code.PERMISSION_DENIED
    default_reason = Reason.PERMISSION_DENIED


class Unimplemented(CallerError):
    """The namespace's backend does not declare what the request needs.

    Attributes:
        capability: what is missing; empty where a whole operation is unknown.
    """

    code = Code.UNIMPLEMENTED
    default_reason = Reason.UNIMPLEMENTED

    def __init__(self, message: str, *, capability: str = "") -> None:
        super().__init__(message, metadata={"capability": capability} if capability else {})
        self.capability = capability


class LimitExceeded(CallerError):
    """Over a rate, concurrency or size limit of the namespace or principal."""

    code = Code.RESOURCE_EXHAUSTED
    default_reason = Reason.LIMIT_EXCEEDED


class FellBehind(CallerError):
    """A subscriber did not read as fast as its messages came, and has missed some; it may subscribe again."""

    code = Code.RESOURCE_EXHAUSTED
    default_reason = Reason.GAP

    @classmethod
    def by(cls, missed: int) -> Self:
        """The error of a subscriber that missed so many messages."""
        return cls(
            f"you read too slowly and missed {missed} messages; subscribe again, and read faster or share the work "
            "in a queue group",
            metadata={"missed": str(missed)},
        )


class BackendError(PrismError):
    """The store or its plugin failed."""

    code = Code.UNAVAILABLE
    default_reason = Reason.BACKEND


class BackendUnavailable(BackendError):
    """The store does not answer, or not yet."""

    default_reason = Reason.BACKEND_UNAVAILABLE


class BackendCredentials(BackendError):
    """The store refuses the gateway's credentials; the caller's own are fine."""

    default_reason = Reason.BACKEND_CREDENTIALS


class NamespaceDisabled(BackendError):
    """An operator has the gateway refuse the calls of this namespace."""

    default_reason = Reason.NAMESPACE_DISABLED


class Conflict(BackendError):
    """The store gave up on a transaction in favour of another; the whole call may be tried again."""

    code = Code.ABORTED
    default_reason = Reason.CONFLICT


class StoreFull(BackendError):
    """The store has no room left, or is read-only."""

    code = Code.RESOURCE_EXHAUSTED
    default_reason = Reason.STORE_FULL


class MessagesLost(BackendError):
    """The store may have dropped messages of a subscription; it may subscribe again."""

    default_reason = Reason.GAP


class DataLoss(BackendError):
    """What the store holds is damaged."""

    code = Code.DATA_LOSS
    default_reason = Reason.DATA_LOSS


class CallEnded(PrismError):
    """The call ended before its answer; for a write the outcome says what is known."""

    code = Code.CANCELLED
    default_reason = Reason.CANCELLED


class DeadlineExceeded(CallEnded):
    """The caller's deadline passed."""

    code = Code.DEADLINE_EXCEEDED
    default_reason = Reason.DEADLINE_EXCEEDED


class Cancelled(CallEnded):
    """The caller gave up."""


class GatewayUnavailable(PrismError):
    """The gateway cannot be reached, is draining or is overloaded."""

    code = Code.UNAVAILABLE
    default_reason = Reason.GATEWAY_UNAVAILABLE


class InternalError(PrismError):
    """A defect in Prism or in a plugin; report it with the message."""


def out_of_memory(what: str) -> StoreFull:
    """The failure of something for which the process got no memory; names the limit where there is one."""
    most, _ = resource.getrlimit(resource.RLIMIT_DATA)
    limited = "" if most == resource.RLIM_INFINITY else f", its limit being {most} bytes (limits.memory, RLIMIT_DATA)"
    return StoreFull(f"{what} got no memory in its backend's process{limited}; allow it more, or ask for less at once")


def answer_too_large(size: int, most: int) -> LimitExceeded:
    """The refusal of a read whose answer has so many bytes (or more), when one answer holds at most `most`."""
    return LimitExceeded(
        f"the answer has {size} bytes or more, over the limit of {most}; ask for less at once",
        reason=Reason.ANSWER_TOO_LARGE,
    )
