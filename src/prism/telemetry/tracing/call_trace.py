"""One call's place in its trace. Its ids are made when they are needed: most calls are never kept."""

import random
from typing import Final

from prism.telemetry.tracing.trace_context import MAX_STATE, TRACEPARENT, TRACESTATE, TraceContext, parse
from prism.wire.grpc.metadata import Metadata

_random: Final = random.Random()  # noqa: S311  # ids must differ; to guess one does no harm


class CallTrace:
    """The ids of a call's spans.

    Attributes:
        sampled: it is kept however it ends; sent downstream.
    """

    __slots__ = ("_child", "_ids", "_metadata", "sampled")

    def __init__(self, metadata: Metadata, *, sampled: bool) -> None:
        """
        Args:
            metadata: what came with the call, its `traceparent` and `tracestate` among it.
            sampled: see above.
        """
        self.sampled = sampled
        self._metadata = metadata
        self._ids: tuple[str, str, str] | None = None
        self._child = ""

    @property
    def ids(self) -> tuple[str, str, str]:
        """Trace, parent span (empty for none), and the span of this call."""
        ids = self._ids
        if ids is None:
            caller = parse(self.caller)
            trace, parent = (new_trace_id(), "") if caller is None else (caller.trace_id, caller.span_id)
            ids = self._ids = (trace, parent, new_span_id())
        return ids

    @property
    def caller(self) -> str:
        """The `traceparent` that came with the call, unchecked; empty for none."""
        return str(self._metadata.get(TRACEPARENT, ""))

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""
        return self.ids[0]

    @property
    def child(self) -> str:
        """The span in which the plugin is called."""
        if not self._child:
            self._child = new_span_id()
        return self._child

    @property
    def traceparent(self) -> str:
        """The header for the plugin, which is called in `child`."""
        return str(TraceContext(self.trace_id, self.child, self.sampled))

    @property
    def tracestate(self) -> str:
        """The header for the plugin beside it; meaningless without the caller's own `traceparent`."""
        if not self.ids[1]:
            return ""
        state = ",".join(map(str, self._metadata.get_all(TRACESTATE)))
        return state if len(state) <= MAX_STATE else ""


def new_trace_id() -> str:
    """Never all zeros."""
    return f"{_random.getrandbits(128) or 1:032x}"


def new_span_id() -> str:
    """Never all zeros."""
    return f"{_random.getrandbits(64) or 1:016x}"
