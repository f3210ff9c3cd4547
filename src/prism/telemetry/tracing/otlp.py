"""Spans in OTLP's words.

Source: OpenTelemetry Protocol 1.x, "opentelemetry/proto/collector/trace/v1/trace_service.proto".
"""

from collections.abc import Iterable, Mapping, Sequence

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from prism.telemetry.tracing.otlp_sender import Refused
from prism.telemetry.tracing.span import Span

SCOPE = "prism"


def encode(spans: Sequence[Span], resource: Mapping[str, str]) -> bytes:
    """An export request of these spans.

    Args:
        spans: to be sent.
        resource: attributes of the process that they are of.
    """
    scope = ScopeSpans(spans=[_span(each) for each in spans])
    scope.scope.name = SCOPE
    about = Resource(attributes=_attributes(resource.items()))
    request = ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=about, scope_spans=[scope])])
    return request.SerializeToString()


def refused(response: bytes) -> tuple[int, str]:
    """How many spans of a request the receiver did not take, and why.

    Raises:
        Refused: it is not the answer of an OTLP receiver.
    """
    try:
        partial = ExportTraceServiceResponse.FromString(response).partial_success
    except DecodeError:
        raise Refused("the endpoint is not an OTLP receiver; check telemetry.traces.endpoint") from None
    return partial.rejected_spans, partial.error_message


def _span(span: Span) -> OtlpSpan:
    status = Status() if span.error is None else Status(code=Status.STATUS_CODE_ERROR, message=span.error)
    return OtlpSpan(
        trace_id=bytes.fromhex(span.trace_id),
        span_id=bytes.fromhex(span.span_id),
        parent_span_id=bytes.fromhex(span.parent_id),
        trace_state=span.state,
        name=span.name,
        kind=OtlpSpan.SpanKind.ValueType(span.kind),
        start_time_unix_nano=span.start,
        end_time_unix_nano=span.end,
        attributes=_attributes(span.attributes.items()),
        status=status,
    )


def _attributes(pairs: Iterable[tuple[str, str | int | float | bool]]) -> list[KeyValue]:
    return [KeyValue(key=name, value=_value(value)) for name, value in pairs]


def _value(value: str | float | bool) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    return AnyValue(int_value=value) if isinstance(value, int) else AnyValue(double_value=value)
