"""Traces of the gateway's calls: the hop trace, the hop at dispatch, and what becomes of them at a call's end.

    server span of the caller's trace (or of a new one)
      |__ dispatch to the plugin; its id is what the plugin gets as `traceparent`
           |__ the plugin's own span, exported by the plugin

A call costs a decision and a moment's time; ids, names and spans are made when it is kept.
"""

from collections.abc import Callable
from time import monotonic, time_ns
from typing import Final

from prism.errors import PrismError
from prism.gateway.call import Call
from prism.telemetry.current import CURRENT
from prism.telemetry.tracing.sampling import Sampling
from prism.telemetry.tracing.span import Span, SpanKind
from prism.telemetry.tracing.trace_context import TRACEPARENT
from prism.wire.grpc.status import Code

_MAX_MESSAGE: Final = 500


class Tracer:
    """Gives each call its place in a trace, and its spans away if it is kept.

    Args:
        sampling: which are kept.
        put: takes the spans.
        scrub: takes known secrets out of text.
    """

    def __init__(self, sampling: Sampling, put: Callable[[Span], None], *, scrub: Callable[[str], str] = str) -> None:
        self._at_start = sampling.at_start
        self._at_end = sampling.at_end
        self._put = put
        self._scrub = scrub

    def begin(self, call: Call) -> None:
        """The hop trace, the first of all: what refuses a call later is in its trace too."""
        caller: str = call.incoming.metadata.get(TRACEPARENT, "")  # type: ignore[assignment]  # only -bin holds bytes
        call.sampled = self._at_start(caller)
        call.dispatched = 0.0
        CURRENT.set(call)

    def dispatched(self, call: Call) -> None:
        """The last hop of all: from here on the time is the plugin's."""
        call.dispatched = monotonic()

    def ended(self, call: Call, code: Code, started: float, seconds: float, error: PrismError | None) -> None:
        """A call has ended."""
        sampled = call.sampled
        if sampled is None:
            return  # it began before calls were traced
        # A stream takes as long as its reader wants it to.
        waited = 0.0 if call.operation.streams else seconds
        why = "sampled" if sampled else self._at_end(code, waited)
        if why:
            self._keep(call, code, started, seconds, error, why)

    def _keep(
        self,
        call: Call,
        code: Code,
        started: float,
        seconds: float,
        error: PrismError | None,
        why: str,
    ) -> None:
        # Now, and back from here: a clock that was set meanwhile puts no span into the future.
        end = time_ns()
        trace = call.trace
        trace_id, parent, own = trace.ids
        state = trace.tracestate
        failed = self._failure(code, error)
        service, _, method = call.operation.name.partition("/")
        common: dict[str, str | int | float | bool] = {
            "rpc.system": "grpc",
            "rpc.service": service,
            "rpc.method": method,
            "rpc.grpc.status_code": int(code),
            "prism.namespace": call.namespace[:63],
        }
        if error is not None:
            common["error.type"] = error.reason
        about = {**common, "client.address": call.address, "prism.kept": why}
        if call.principal.name:
            about["enduser.id"] = call.principal.name
        begun = end - int(seconds * 1e9)
        self._put(Span(call.operation.name, SpanKind.SERVER, trace_id, own, parent, begun, end, state, about, failed))
        if call.dispatched and call.target is not None:
            instance = call.target.instance
            dispatch = end - int((started + seconds - call.dispatched) * 1e9)
            about = {**common, "prism.backend": instance.backend}
            name = f"{instance.backend} {call.operation.name}"
            self._put(Span(name, SpanKind.CLIENT, trace_id, trace.child, own, dispatch, end, state, about, failed))

    def _failure(self, code: Code, error: PrismError | None) -> str | None:
        if code in (Code.OK, Code.CANCELLED):
            return None
        return code.name if error is None else self._scrub(error.message)[:_MAX_MESSAGE]
