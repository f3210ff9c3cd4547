"""What the transport refuses by itself, said as Prism says it: ErrorInfo over gRPC, the JSON of Connect over HTTP,
and the end of a stream where the request asks for one.
"""

from prism.errors import Outcome, PrismError
from prism.reason import Reason
from prism.rpc_status import from_status, said_by_transport, to_status
from prism.wire import Code, HttpResponse, LocalReply, Status

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
        error = said_by_transport(status)
        # Of reads too: the transport knows no operations, and for one that writes it must not be missing.
        error.outcome = Outcome.UNKNOWN if refusal.begun else Outcome.NOT_APPLIED
        return Status(status.code, status.message, _details(error))

    def response(
        self, code: int, message: str, content_type: str = "", refusal: LocalReply | None = None, *, begun: bool = True
    ) -> HttpResponse:
        """The HTTP status, with an error that clients of Connect can read; a stream has it in its end, with 200."""
        from prism.gateway.connect.errors import HttpRefusal, error_object  # with HTTP, as in prism.server.data_port
        from prism.gateway.connect.stream_end import ended_at_once

        kind, reason = _MEANINGS.get(code, (Code.INVALID_ARGUMENT, Reason.MALFORMED_REQUEST))
        error = from_status(Status(kind, message))
        error.reason = reason if refusal is None else Reason[refusal.name]
        began = begun and (reason is Reason.HANDLER_FAILED if refusal is None else refusal.begun)
        error.outcome = Outcome.UNKNOWN if began else Outcome.NOT_APPLIED
        refused = HttpRefusal(code, kind, message, details=error_object(error)["details"])
        return ended_at_once(content_type, error) or refused.response(content_type)


def _details(error: PrismError) -> bytes:
    return to_status(error).details
