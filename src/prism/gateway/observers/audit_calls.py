"""What the audit trail says of calls: every denial, and of those that were carried out as many as is configured."""

import random
from collections.abc import Callable, Mapping

from prism.errors import PrismError
from prism.gateway.call import Call
from prism.gateway.observers.denials import Denial
from prism.reason import Reason
from prism.telemetry.audit import audit
from prism.telemetry.audit.audit import Event
from prism.wire.grpc.status import Code


class AuditCalls:
    """An observer of the gateway, and a listener to its denials.

    Args:
        put: takes the events.
        ratio: the share of the calls carried out that is recorded, 0 to 1.
        by_namespace: the same for some namespaces.
    """

    def __init__(self, put: Callable[[Event], None], ratio: float, by_namespace: Mapping[str, float]) -> None:
        self._put = put
        self._ratio = ratio
        self._by_namespace = by_namespace
        self._random = random.Random()  # noqa: S311  # chooses what is recorded; no secret

    def denied(self, denial: Denial) -> None:
        """A policy has refused a call."""
        error = denial.error
        if error.reason == Reason.OVERLOADED:
            return  # it is counted; thousands of events that are not about a caller would crowd out the others
        detail = {"message": error.message, **({"why": denial.detail} if denial.detail else {})}
        self._put(
            Event(
                "denial",
                denial.operation,
                error.code.name,
                error.reason,
                denial.principal.name,
                denial.namespace,
                denial.address,
                audit.current_trace_id(),
                detail=detail,
            )
        )

    def ended(self, call: Call, code: Code, _started: float, seconds: float, error: PrismError | None) -> None:
        """A call has ended."""
        ratio = self._by_namespace.get(call.namespace, self._ratio)
        if not ratio or call.target is None or (ratio < 1.0 and self._random.random() >= ratio):
            return
        self._put(
            Event(
                "call",
                call.operation.name,
                code.name,
                "" if error is None else error.reason,
                call.principal.name,
                call.namespace,
                call.address,
                call.trace_id,
                call.target.instance.backend,
                {"milliseconds": round(seconds * 1000, 3)},
            )
        )
