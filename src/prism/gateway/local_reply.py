"""What the transport refuses by itself, said as Prism says it: ErrorInfo over gRPC, the JSON of Connect over HTTP."""

from prism.errors import Outcome, PrismError
from prism.gateway.connect.errors import HttpRefusal
from prism.reason import Reason
from prism.rpc_status import from_status, to_status
from prism.wire import Code, HttpResponse, Status

_CODES = {
    408: Code.DEADLINE_EXCEEDED,
    413: Code.RESOURCE_EXHAUSTED,
    431: Code.RESOURCE_EXHAUSTED,
    500: Code.INTERNAL,
    501: Code.UNIMPLEMENTED,
    503: Code.UNAVAILABLE,
}


class GatewayLocalReply:
    """`prism.wire.LocalReplyFormatter` of the data port."""

    def status(self, status: Status) -> Status:
        """The status with its reason, domain and outcome as details."""
        refusal = status.local_reply
        if refusal is None:
            return status
        error = from_status(status)
        error.reason = Reason[refusal.name]
        # Of reads too: the transport knows no operations, and for one that writes it must not be missing.
        error.outcome = Outcome.UNKNOWN if refusal.begun else Outcome.NOT_APPLIED
        return Status(status.code, status.message, _details(error))

    def response(self, code: int, message: str) -> HttpResponse:
        """The HTTP status, with an error that clients of Connect can read."""
        return HttpRefusal(code, _CODES.get(code, Code.INVALID_ARGUMENT), message).response()


def _details(error: PrismError) -> bytes:
    return to_status(error).details
