"""The access log: a line for every call. Off unless asked for, because a line costs more than a call."""

import logging

from prism.errors import PrismError
from prism.gateway.call import Call
from prism.wire.grpc.status import Code

log = logging.getLogger("prism.access")


class AccessLog:
    """An observer of the gateway that logs each call when it has ended."""

    def ended(self, call: Call, code: Code, _started: float, seconds: float, error: PrismError | None) -> None:
        """A call has ended."""
        fields = {
            "namespace": call.namespace[:63],
            "operation": call.operation.name,
            "client": call.address,
            "status": code.name,
            "milliseconds": round(seconds * 1000, 3),
        }
        if error is not None:
            fields["reason"] = error.reason
        log.info("call", extra=fields)
