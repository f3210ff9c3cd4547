"""What an operation knows of its call besides the message: handed to every method of a backend."""

import asyncio
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

from prism.wire.grpc.deadline import Deadline

Claims = Mapping[str, tuple[str, ...]]
"""Claims of a caller's token, each as a list of texts."""

NO_CLAIMS: Final[Claims] = MappingProxyType({})


class Traced(Protocol):
    """A place in a trace, in the words of W3C Trace Context; may make them when it is asked."""

    @property
    def traceparent(self) -> str: ...

    @property
    def trace_id(self) -> str:
        """Of the trace that the call belongs to, for lines of a log; empty for none."""
        return self.traceparent[3:35]

    @property
    def tracestate(self) -> str: ...


class Context:
    """The call's context. Read-only by convention; a plain slotted class because one is built per call.

    Attributes:
        namespace: the namespace the gateway decided on; a backend has no other source for it.
        deadline: when the caller stops waiting, or None.
        principal: who calls, as authenticated by the gateway; empty where authentication is off.
    """

    __slots__ = ("_claims", "_draining", "_on_established", "_trace", "deadline", "namespace", "principal")

    def __init__(
        self,
        namespace: str,
        deadline: Deadline | None = None,
        principal: str = "",
        trace: str | Traced = "",
        on_established: Callable[[], None] | None = None,
        claims: Claims | str = NO_CLAIMS,
    ) -> None:
        """
        Args:
            namespace: see above, as for the next two.
            deadline: see above.
            principal: see above.
            trace: the call's place in a trace, or its `traceparent`.
            on_established: what `established` does; passed along with the call.
            claims: of the caller's token; or their text, as `claims_text` writes it.
        """
        self.namespace = namespace
        self.deadline = deadline
        self.principal = principal
        self._trace = trace
        self._on_established = on_established
        self._claims = claims
        self._draining: asyncio.Event | None = None

    @property
    def claims(self) -> Claims:
        """Claims of the caller's token. A plugin elsewhere has them where its manifest says `claims = true`."""
        claims = self._claims
        if isinstance(claims, str):
            found = json.loads(claims) if claims else {}
            claims = self._claims = {name: tuple(texts) for name, texts in found.items()}
        return claims

    @property
    def traceparent(self) -> str:
        """W3C trace context: what spans of the plugin, and its calls to others, are children of. Empty for none."""
        trace = self._trace
        return trace if isinstance(trace, str) else trace.traceparent

    @property
    def trace_id(self) -> str:
        """Of the trace that the call belongs to, for lines of a log; empty for none."""
        return self.traceparent[3:35]

    @property
    def tracestate(self) -> str:
        """What goes with `traceparent`."""
        trace = self._trace
        return "" if isinstance(trace, str) else trace.tracestate

    @property
    def draining(self) -> asyncio.Event:
        """Set when a stream is to end at a point of its own, soon: for operations with the option `drains`."""
        if self._draining is None:
            self._draining = asyncio.Event()
        return self._draining

    def established(self) -> None:
        """A stream says, before its first response, that it misses nothing from now on.

        The caller gets the response headers at that moment. Only the first call of it counts; it does nothing where
        it does nothing, and need not be called: the headers go with the first response then.
        """
        listener = self._on_established
        if listener is not None:
            self._on_established = None
            listener()


def claims_text(claims: Claims) -> str:
    """Claims as they travel to a plugin elsewhere: a JSON object of lists of texts."""
    return json.dumps({name: list(texts) for name, texts in claims.items()}, separators=(",", ":"))
