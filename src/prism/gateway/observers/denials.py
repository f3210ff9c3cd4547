"""Where refusals by policies are reported: counted, and passed to listeners such as the audit trail."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prism.errors import GatewayUnavailable, LimitExceeded, PermissionDenied, PrismError, Unauthenticated
from prism.gateway.call import Call
from prism.principal import Principal
from prism.telemetry.metrics.metric_family import MetricFamily

POLICY = (Unauthenticated, PermissionDenied, LimitExceeded, GatewayUnavailable)
"""The refusals that are a policy's; others are a request's or a store's own trouble."""


@dataclass(frozen=True, slots=True)
class Denial:
    """One call that a policy has refused.

    Attributes:
        principal: who called; ANONYMOUS where that is not known.
        address: where the caller is.
        namespace: as the caller gave it, shortened; it need not be configured.
        operation: the full gRPC method.
        error: the refusal as the caller got it.
        detail: why, for the operator; the caller does not learn it.
    """

    principal: Principal
    address: str
    namespace: str
    operation: str
    error: PrismError
    detail: str


class Denials:
    """Counts denials by namespace and reason, and calls its listeners."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._listeners: list[Callable[[Denial], None]] = []

    def listen(self, listener: Callable[[Denial], None]) -> None:
        """Adds one that is called with each denial from now on; it must not wait, and not raise."""
        self._listeners.append(listener)

    def report(self, call: Call, error: PrismError) -> None:
        """A policy has refused the call."""
        known = call.namespace if call.namespace in call.snapshot.namespaces else ""
        self._counts[known, error.reason] += 1
        if self._listeners:
            detail = str(error.__cause__ or "")
            name = call.namespace[:63]
            denial = Denial(call.principal, call.address, name, call.operation.name, error, detail)
            for listener in self._listeners:
                listener(denial)

    def metrics(self) -> Iterator[MetricFamily]:
        """For the metrics."""
        counts: dict[tuple[str, ...], float] = {each[:2]: each[2] for each in self.counts()}
        yield MetricFamily(
            "prism_requests_denied",
            "Calls that a policy refused.",
            counts,
            labels=("namespace", "reason"),
            kind="counter",
        )

    def counts(self) -> Iterator[tuple[str, str, int]]:
        """Namespace (empty for one that is not configured), reason, and how often."""
        for (namespace, reason), count in self._counts.items():
            yield namespace, reason, count
