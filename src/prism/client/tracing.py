"""A call's span in the application's own trace, where the application uses OpenTelemetry.

Nothing is imported for it: an application that uses OpenTelemetry has imported its API already, and with the API alone
(no SDK) the current context is passed on and no span is made.
"""

import sys
from types import TracebackType
from typing import Any, Final, Self

from prism.errors import PrismError
from prism.interfaces.operation import Operation
from prism.wire import Metadata

_API: Final = "opentelemetry.trace"
_SCOPE: Final = "prism.client"


class ClientSpan:
    """The span of one call with all its attempts; ended by leaving it."""

    __slots__ = ("_api", "_pairs", "_span")

    def __init__(self, api: Any, operation: Operation) -> None:
        service, _, method = operation.name.partition("/")
        about = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}
        self._api = api
        self._span = api.get_tracer(_SCOPE).start_span(operation.name, kind=api.SpanKind.CLIENT, attributes=about)
        context = self._span.get_span_context()
        self._pairs: list[tuple[str, str]] = []
        if context.is_valid:
            parent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
            self._pairs.append(("traceparent", parent))
            if state := context.trace_state.to_header():
                self._pairs.append(("tracestate", state))

    def on(self, metadata: Metadata) -> Metadata:
        """The metadata with the span's context; what the application gives itself stays."""
        if not self._pairs or "traceparent" in metadata:
            return metadata
        return metadata.extended(self._pairs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, PrismError):
            self._span.set_attribute("error.type", error.reason)
            self._span.set_attribute("rpc.grpc.status_code", int(error.code))
            self._span.set_status(self._api.StatusCode.ERROR, error.message)
        elif error is None:
            self._span.set_attribute("rpc.grpc.status_code", 0)
        self._span.end()


def client_span(operation: Operation) -> ClientSpan | None:
    """The span of a call that starts now; None where the application does not use OpenTelemetry."""
    api = sys.modules.get(_API)
    return None if api is None else ClientSpan(api, operation)
