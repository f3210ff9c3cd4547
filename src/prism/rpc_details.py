"""Errors to and from `google.rpc` details: apart from the tree, so that only a failing call imports the messages.

Source: google/rpc/error_details.proto; the richer error model of gRPC (`grpc-status-details-bin`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status as RpcStatus

from prism.errors import DOMAIN, Outcome, Violation

if TYPE_CHECKING:
    from prism.errors import PrismError


@dataclass(frozen=True, slots=True)
class Details:
    """What a status carries beyond code and message."""

    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    outcome: Outcome | None = None
    retry_after: float | None = None
    violations: tuple[Violation, ...] = ()


def to_rpc_status(error: PrismError) -> RpcStatus:
    """The error as a google.rpc.Status message, as partial results carry it."""
    status = RpcStatus(code=error.code, message=error.message)
    for detail in _messages(error):
        status.details.add().Pack(detail)
    return status


def encode_details(error: PrismError) -> bytes:
    """The error as a serialised google.rpc.Status."""
    return to_rpc_status(error).SerializeToString()


def _messages(error: PrismError) -> list[Message]:
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


def decode_details(details: bytes) -> Details:
    """What is understood of a serialised google.rpc.Status; nothing where it is absent, foreign or damaged."""
    status = RpcStatus()
    try:
        status.ParseFromString(details)
    except DecodeError:
        return Details()
    info, retry, bad = ErrorInfo(), RetryInfo(), BadRequest()
    retry_after: float | None = None
    for detail in status.details:
        if detail.Unpack(retry):
            retry_after = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
        else:
            detail.Unpack(info) or detail.Unpack(bad)
    metadata = dict(info.metadata)
    outcome = metadata.pop("outcome", "")
    return Details(
        reason=info.reason,
        metadata=metadata,
        outcome=Outcome(outcome) if outcome in Outcome.__members__ else None,
        retry_after=retry_after,
        violations=tuple(_violation(each) for each in bad.field_violations),
    )


def _violation(violation: BadRequest.FieldViolation) -> Violation:
    found, _, limit = violation.description.partition("; ")
    return Violation(violation.field, found, limit)
