"""Errors as statuses, and back: a code, a sentence, and `google.rpc` details.

Source: google/rpc/error_details.proto; the richer error model of gRPC (`grpc-status-details-bin`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status as RpcStatus

from prism.errors import (
    AlreadyExists,
    Cancelled,
    Conflict,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    GatewayUnavailable,
    InternalError,
    InvalidArgument,
    LimitExceeded,
    NamespaceNotFound,
    Outcome,
    PermissionDenied,
    PrismError,
    Unauthenticated,
    Unimplemented,
    Violation,
)
from prism.reason import Reason
from prism.wire.grpc.status import Code, Status

DOMAIN = "prism"

_BY_CODE: dict[Code, type[PrismError]] = {
    Code.INVALID_ARGUMENT: InvalidArgument,
    Code.NOT_FOUND: NamespaceNotFound,
    Code.ALREADY_EXISTS: AlreadyExists,
    Code.FAILED_PRECONDITION: FailedPrecondition,
    Code.UNAUTHENTICATED: Unauthenticated,
    Code.PERMISSION_DENIED: PermissionDenied,
    Code.UNIMPLEMENTED: Unimplemented,
    Code.RESOURCE_EXHAUSTED: LimitExceeded,
    Code.UNAVAILABLE: GatewayUnavailable,
    Code.ABORTED: Conflict,
    Code.DATA_LOSS: DataLoss,
    Code.DEADLINE_EXCEEDED: DeadlineExceeded,
    Code.CANCELLED: Cancelled,
}


@dataclass(frozen=True, slots=True)
class _Details:
    """What a status carries beyond code and message."""

    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    outcome: Outcome | None = None
    retry_after: float | None = None
    violations: tuple[Violation, ...] = ()


def to_status(error: PrismError) -> Status:
    """The error as it travels."""
    return Status(error.code, error.message, to_rpc_status(error).SerializeToString())


def from_status(status: Status) -> PrismError:
    """The error that a status stands for: the most specific class by code and reason; code and reason are kept.

    A status that the client's own transport made up, because the call was cut off, is UNAVAILABLE whatever gRPC maps
    it to: nothing is known to be defective, and a repetition may help.
    """
    details = _decode_details(status.details)
    kind = _by_code_and_reason(Code.UNAVAILABLE if status.cut_off else status.code, details.reason)
    error = PrismError.__new__(kind)
    PrismError.__init__(
        error,
        status.message,
        reason=details.reason or None,
        metadata=details.metadata,
        outcome=details.outcome,
        retry_after=details.retry_after,
        violations=details.violations,
    )
    if isinstance(error, Unimplemented):
        error.capability = details.metadata.get("capability", "")
    return error


def said_by_transport(status: Status) -> PrismError:
    """The error of what our transport says by itself; its code stays, also where a request was cut off."""
    error = from_status(Status(status.code, status.message))
    if status.local_reply is not None:
        error.reason = Reason[status.local_reply.name]
    return error


def to_rpc_status(error: PrismError) -> RpcStatus:
    """The error as a google.rpc.Status message, as partial results carry it."""
    status = RpcStatus(code=error.code, message=error.message)
    for detail in own_details(error):
        status.details.add().Pack(detail)
    return status


def own_details(error: PrismError) -> list[Message]:
    """What an error of ours says beside code and sentence."""
    metadata = dict(error.metadata)
    if error.outcome is not None:
        metadata["outcome"] = error.outcome.value
    messages: list[Message] = [ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata)]
    if error.retry_after is not None:
        seconds, fraction = divmod(error.retry_after, 1)
        delay = Duration(seconds=int(seconds), nanos=int(fraction * 1e9))
        messages.append(RetryInfo(retry_delay=delay))
    if error.violations:
        violations = [
            BadRequest.FieldViolation(field=each.field, description=f"{each.found}; {each.limit}")
            for each in error.violations
        ]
        messages.append(BadRequest(field_violations=violations))
    return messages


def _decode_details(details: bytes) -> _Details:
    """What is understood of a serialised google.rpc.Status; nothing where it is absent, foreign or damaged."""
    status = RpcStatus()
    try:
        status.ParseFromString(details)
    except DecodeError:
        return _Details()
    info, retry, bad = ErrorInfo(), RetryInfo(), BadRequest()
    retry_after: float | None = None
    for detail in status.details:
        if detail.Unpack(retry):
            retry_after = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
        else:
            detail.Unpack(info) or detail.Unpack(bad)
    metadata = dict(info.metadata)
    outcome = metadata.pop("outcome", "")
    return _Details(
        reason=info.reason,
        metadata=metadata,
        outcome=Outcome(outcome) if outcome in Outcome.__members__ else None,
        retry_after=retry_after,
        violations=tuple(_violation(each) for each in bad.field_violations),
    )


def _violation(violation: BadRequest.FieldViolation) -> Violation:
    found, _, limit = violation.description.partition("; ")
    return Violation(violation.field, found, limit)


def _by_code_and_reason(code: Code, reason: str) -> type[PrismError]:
    concrete = [kind for base in PrismError.__subclasses__() for kind in (*base.__subclasses__(), base)]
    for kind in concrete:
        if kind.code == code and kind.default_reason == reason:
            return kind
    return _BY_CODE.get(code, InternalError)
