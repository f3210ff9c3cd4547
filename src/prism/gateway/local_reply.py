"""What the transport refuses by itself, said as Prism says it: ErrorInfo over gRPC, the JSON of Connect over HTTP,
and the end of a stream where the request asks for one.
"""

from prism.errors import Outcome, PrismError
from prism.gateway.connect.errors import HttpRefusal
from prism.gateway.connect.stream_end import ended_at_once
from prism.reason import Reason
from prism.rpc_status import from_status, to_status
from prism.wire import Code, HttpResponse, Status

_MEANINGS = {
    408: (Code.DEADLINE_EXCEEDED, Reason.DEADLINE_EXCEEDED),
    413: (Code.RESOURCE_EXHAUSTED, Reason.MESSAGE_TOO_LARGE),
    431: (Code.RESOURCE_EXHAUSTED, Reason.HEADERS_TOO_LARGE),
    500: (Code.INTERNAL, Reason.HANDLER_FAILED),
    501: (Code.UNIMPLEMENTED, Reason.METHOD_UNKNOWN),
    503: (Code.UNAVAILABLE, Reason.ANSWERS_NOT_TAKEN),
}


class GatewayLocalReply:
    """`prism.wire.LocalReplyFormatter` of the data port."""

    def status(self, status: Status) -> Status:
        """The status with its reason, domain and outcome as details."""
        refusal = status.local_reply
        if refusal is None:
            return status
        error = from_status(Status(status.code, status.message))  # the code stays, also where a request was cut off
        error.reason = Reason[refusal.name]
        # Of reads too: the transport knows no operations, and for one that writes it must not be missing.
        error.outcome = Outcome.UNKNOWN if refusal.begun else Outcome.NOT_APPLIED
        return Status(status.code, status.message, _details(error))

    def response(self, code: int, message: str, content_type: str = "") -> HttpResponse:
        """The HTTP status, with an error that clients of Connect can read; a stream has it in its end, with 200."""
        kind, reason = _MEANINGS.get(code, (Code.INVALID_ARGUMENT, Reason.MALFORMED_REQUEST))
        error = from_status(Status(kind, message))
        error.reason = reason
        error.outcome = Outcome.UNKNOWN if reason is Reason.HANDLER_FAILED else Outcome.NOT_APPLIED
        return ended_at_once(content_type, error) or HttpRefusal(code, kind, message).response()


def _details(error: PrismError) -> bytes:
    return to_status(error).details
