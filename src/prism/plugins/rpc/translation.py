"""Turns a failure in a plugin in another process, or on the way to it, into the error that the caller gets."""

from google.rpc.status_pb2 import Status as RpcStatus

from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.errors import (
    BackendCredentials,
    BackendUnavailable,
    DeadlineExceeded,
    GatewayUnavailable,
    InternalError,
    LimitExceeded,
    Outcome,
    PrismError,
    Unauthenticated,
)
from prism.reason import Reason
from prism.rpc_status import from_status
from prism.wire import Code, Status, StatusError

RETRY_AFTER = 0.5

_Failed = pb.ExecuteResponse | pb.InitializeResponse


def of_response(response: _Failed, backend: str) -> PrismError:
    """The error that a response tells of itself."""
    if response.HasField("status"):
        return of_rpc_status(response.status, backend, response.error)
    code = response.error_code if isinstance(response, pb.ExecuteResponse) else Code.UNAVAILABLE
    return of_status(Status(_code(code), response.error), backend)


def of_rpc_status(rpc: RpcStatus, backend: str, otherwise: str = "") -> PrismError:
    """The error that a google.rpc.Status stands for; `otherwise` is its message where it holds none."""
    return of_status(Status(_code(rpc.code), rpc.message or otherwise, rpc.SerializeToString()), backend)


def of_status(status: Status, backend: str) -> PrismError:
    """The error of a status that the plugin gave, by the operation or by gRPC.

    UNAVAILABLE and UNAUTHENTICATED are about the plugin and its store, not about the gateway and its caller.
    """
    if not status.message:
        status = Status(status.code, f"backend {backend!r} failed without a message; see its log", status.details)
    error = from_status(status)
    if isinstance(error, Unauthenticated):
        return BackendCredentials(error.message, metadata=error.metadata, outcome=error.outcome)
    if isinstance(error, GatewayUnavailable):
        return BackendUnavailable(
            error.message,
            reason=None if error.reason == GatewayUnavailable.default_reason else error.reason,
            metadata=error.metadata,
            outcome=error.outcome,
            retry_after=error.retry_after,
        )
    return error


def of_failure(error: StatusError, backend: str) -> PrismError:
    """The error of a call that came to no response: the connection failed, or gRPC's own status says why."""
    status = error.status
    if status.code is Code.DEADLINE_EXCEEDED and not status.details:
        outcome = Outcome.NOT_APPLIED if error.unprocessed else None
        return DeadlineExceeded(
            "the deadline passed before the plugin answered; set a longer deadline", outcome=outcome
        )
    if status.code is Code.RESOURCE_EXHAUSTED and error.unprocessed:
        return LimitExceeded(
            f"the plugin of backend {backend!r} has as many calls in progress as it may ({status.message})",
            retry_after=RETRY_AFTER,
            outcome=Outcome.NOT_APPLIED,
        )
    if status.cut_off or (status.code is Code.UNAVAILABLE and not status.details):
        return lost(backend, status.message, sent=not error.unprocessed)
    return of_status(status, backend)


def lost(backend: str, why: str, *, sent: bool = True) -> BackendUnavailable:
    """The plugin's process is gone, or not up yet; what was never sent was never applied."""
    return BackendUnavailable(
        f"the plugin of backend {backend!r} cannot be reached ({why}); it is brought back automatically, retry",
        reason=Reason.PLUGIN_LOST,
        retry_after=RETRY_AFTER,
        outcome=None if sent else Outcome.NOT_APPLIED,
    )


def defective(backend: str, what: str) -> InternalError:
    """The plugin sent an invalid answer."""
    return InternalError(
        f"the plugin of backend {backend!r} {what}; this is a defect in the plugin: report it to its author",
        reason=Reason.PLUGIN_DEFECTIVE,
    )


def _code(number: int) -> Code:
    """The code; UNKNOWN for zero, which is not an error, and for a number that gRPC does not define."""
    try:
        return Code(number) if number else Code.UNKNOWN
    except ValueError:
        return Code.UNKNOWN
