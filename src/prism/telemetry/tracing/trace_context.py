"""Where in a trace something happens: the headers `traceparent` and `tracestate`.

Source: W3C Trace Context, level 1 (https://www.w3.org/TR/trace-context/).
"""

import re
from dataclasses import dataclass
from typing import Final

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
MAX_STATE: Final = 512
"""Characters of `tracestate` that are passed on; a longer one may be dropped, and is."""

_FORM: Final = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})-(?P<span>(?!0{16})[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_SAMPLED: Final = 1


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A span as others refer to it.

    Attributes:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        sampled: the trace is to be kept, by the one that began it.
    """

    trace_id: str
    span_id: str
    sampled: bool

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


def parse(traceparent: str) -> TraceContext | None:
    """The context that a header names; None where it is not well-formed, which counts as no header at all."""
    match = _FORM.fullmatch(traceparent)
    if match is None or (match["version"] == "00" and match["more"] is not None):
        return None
    return TraceContext(match["trace"], match["span"], bool(int(match["flags"], 16) & _SAMPLED))
