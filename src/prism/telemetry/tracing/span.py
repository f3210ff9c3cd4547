"""A span that is kept: plain data, put into OTLP's words in another thread."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class SpanKind(enum.IntEnum):
    """OTLP's numbers."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3


@dataclass(frozen=True, slots=True)
class Span:
    """One span.

    Attributes:
        name: of few different values.
        kind: which side of a call.
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        parent_id: the same; empty for the first of its trace.
        start: nanoseconds since 1970.
        end: nanoseconds since 1970.
        state: W3C tracestate.
        attributes: by OpenTelemetry's conventions, and `prism.*`.
        error: what went wrong; None where nothing did.
    """

    name: str
    kind: SpanKind
    trace_id: str
    span_id: str
    parent_id: str
    start: int
    end: int
    state: str = ""
    attributes: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    error: str | None = None
