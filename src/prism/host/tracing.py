"""The plugin's own spans: its process sends them itself, where OpenTelemetry's environment variables say where to.

A span hangs under the gateway's dispatch span and is kept by the gateway's decision, which travels in the flags of
`traceparent`; a call that fails or is slow here is kept too. What the author's code makes of `context.traceparent`
hangs under it.

Source: OpenTelemetry specification, "OpenTelemetry Protocol Exporter" and "General SDK Configuration" (variables).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter, time_ns
from typing import Final, Literal
from urllib.parse import unquote

from prism.interfaces.operation import Operation
from prism.telemetry.tracing.call_trace import CallTrace
from prism.telemetry.tracing.exporter import SpanExporter
from prism.telemetry.tracing.otlp_sender import Receiver
from prism.telemetry.tracing.resource import resource
from prism.telemetry.tracing.sampling import Sampling, SamplingRule
from prism.telemetry.tracing.span import Span, SpanKind
from prism.wire.grpc.metadata import EMPTY_METADATA
from prism.wire.grpc.status import Code

OTLP: Final = "OTEL_EXPORTER_OTLP_"


class PluginTrace(CallTrace):
    """A call's place in its trace, as the plugin sees it: the author's code works in the span of the call itself."""

    __slots__ = ("_caller", "_state")

    def __init__(self, caller: str, state: str, *, sampled: bool) -> None:
        super().__init__(EMPTY_METADATA, sampled=sampled)
        self._caller = caller
        self._state = state

    @property
    def caller(self) -> str:
        """As it came."""
        return self._caller

    @property
    def child(self) -> str:
        """The span that the author's code works in."""
        return self.ids[2]

    @property
    def tracestate(self) -> str:
        """As it came."""
        return self._state if self.ids[1] else ""


class PluginTracer:
    """Makes the plugin's spans.

    Args:
        sampling: which are kept.
        put: takes them.
        backend: the plugin's name.
    """

    def __init__(self, sampling: Sampling, put: Callable[[Span], None], backend: str) -> None:
        self._sampling = sampling
        self._put = put
        self._backend = backend

    def begin(self, caller: str, state: str) -> PluginTrace:
        """A call has arrived."""
        return PluginTrace(caller, state, sampled=self._sampling.at_start(caller))

    def ended(self, trace: PluginTrace, operation: Operation, namespace: str, code: Code, started: float) -> None:
        """A call that began at `started` has ended."""
        seconds = perf_counter() - started
        # A stream takes as long as its reader wants it to.
        waited = 0.0 if operation.streams else seconds
        why = "sampled" if trace.sampled else self._sampling.at_end(code, waited)
        if not why:
            return
        end = time_ns()
        trace_id, parent, own = trace.ids
        service, _, method = operation.name.partition("/")
        about: dict[str, str | int | float | bool] = {
            "rpc.system": "grpc",
            "rpc.service": service,
            "rpc.method": method,
            "rpc.grpc.status_code": int(code),
            "prism.namespace": namespace,
            "prism.backend": self._backend,
            "prism.kept": why,
        }
        # A plugin knows no secrets to take out of a message: the gateway's span has it, without them.
        failed = None if code in (Code.OK, Code.CANCELLED) else code.name
        begun = end - int(seconds * 1e9)
        kind = SpanKind.SERVER
        self._put(Span(operation.name, kind, trace_id, own, parent, begun, end, trace.tracestate, about, failed))


def exporter_of(environment: Mapping[str, str], plugin: str) -> SpanExporter | None:
    """What sends the spans of a plugin; None where the variables name no receiver.

    Raises:
        FailedPrecondition: what encodes spans is not installed.
        OSError: the receiver's certificates cannot be read.
    """
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    endpoint = _variable(environment, "ENDPOINT")
    if not endpoint:
        return None
    spoken = _variable(environment, "PROTOCOL") or "grpc"
    protocol: Literal["grpc", "http"] = "grpc" if spoken == "grpc" else "http"
    certificates = _variable(environment, "CERTIFICATE")
    headers = _pairs(_variable(environment, "HEADERS"))
    exact = f"{OTLP}TRACES_ENDPOINT" in environment
    receiver = Receiver(endpoint, protocol, headers, Path(certificates) if certificates else None, exact)
    about = _pairs(environment.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    name = environment.get("OTEL_SERVICE_NAME") or about.pop("service.name", "") or f"prism-plugin-{plugin}"
    return SpanExporter(receiver.sender(), resource(name, about))


def tracer_of(exporter: SpanExporter, plugin: str) -> PluginTracer:
    """What makes the spans that the exporter sends; the gateway's decision is the only chance."""
    return PluginTracer(Sampling(SamplingRule(ratio=0.0)), exporter.put, plugin)


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(f"{OTLP}TRACES_{name}") or environment.get(f"{OTLP}{name}", "")


def _pairs(text: str) -> dict[str, str]:
    """`name=value,name=value`, percent-encoded, as W3C Baggage writes them."""
    pairs = (each.partition("=") for each in text.split(",") if "=" in each)
    return {unquote(name.strip()): unquote(value.strip()) for name, _, value in pairs}
