"""A call on its way through the gateway: what arrived, and what the hops have found out about it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from prism.context import Context
from prism.gateway.snapshot import Snapshot, Target
from prism.interfaces.operation import Operation, Requests
from prism.principal import ANONYMOUS, Principal
from prism.telemetry.tracing.call_trace import CallTrace
from prism.telemetry.tracing.trace_context import TRACEPARENT, parse
from prism.wire import Deadline, Metadata, Peer

NAMESPACE_HEADER = "prism-namespace"
DEFAULT_NAMESPACE = "default"


class Incoming(Protocol):
    """What every way in knows of a request, gRPC and HTTP/JSON alike."""

    @property
    def metadata(self) -> Metadata: ...

    @property
    def deadline(self) -> Deadline | None: ...

    @property
    def peer(self) -> Peer: ...


@dataclass(frozen=True, slots=True)
class SignedIncoming:
    """What arrived with an address that this gateway has signed.

    Attributes:
        metadata: the request's headers, in lower case.
        deadline: when the caller stops waiting.
        peer: who is at the other end.
        signer: who had the address signed, as far as the rules ask.
    """

    metadata: Metadata
    deadline: Deadline | None
    peer: Peer
    signer: Principal


class CallMeter(Protocol):
    """What the hop limit leaves with a call: counts what it uses."""

    async def asked(self, size: int) -> None:
        """A further request of so many bytes has come on a stream; returns when there is as much left to use.

        Raises:
            LimitExceeded: it is larger than any may be.
        """
        ...

    def answered(self, size: int, reads: bool) -> None:
        """An answer of so many bytes is ready; raises LimitExceeded where a reading call gives too much."""
        ...

    def end(self) -> None:
        """The call has ended."""
        ...


class CallResilience(Protocol):
    """What the hop resilience leaves with a call: calls the instance, with what the namespace's policy asks for."""

    @property
    def stream_lifetime(self) -> float:
        """Seconds that a stream may last."""
        ...

    async def call(self, call: "Call", payload: bytes) -> bytes:
        """Runs an operation with one response."""
        ...

    def stream(self, call: "Call", asked: bytes | Requests, context: Context) -> AsyncIterator[bytes]:
        """Runs an operation that streams."""
        ...


class Call:
    """One call. A plain slotted class, filled by the hops in their order; one is built per request.

    Attributes:
        operation: what is asked, from the contract.
        incoming: the request as it arrived.
        snapshot: the configuration that this call is decided by, from its first hop to its last.
        namespace: the name asked for; nothing has been checked of it before `route`.
        size: bytes of the request's message.
        now: when it arrived, by `time.monotonic`, or was admitted as far as a hop that had to wait, or had come whole:
            one look at the clock is enough for all hops.
        principal: set by authenticate; ANONYMOUS where authentication is off.
        deadline: when the caller stops waiting, or the namespace's policy does.
        meter: set by limit; None where nothing is limited.
        target: set by route.
        resilience: set by the last hop; None where the instance is called as it is.
        sampled: set by trace: its spans are kept however it ends; None where calls are not traced.
        dispatched: when it was handed to its plugin, by `time.monotonic`; 0 before. Only where calls are traced.
    """

    __slots__ = ("_trace", "deadline", "dispatched", "incoming", "meter", "namespace", "now", "operation", "principal",
                 "resilience", "sampled", "size", "snapshot", "target")  # fmt: skip
    dispatched: float

    def __init__(
        self, operation: Operation, incoming: Incoming, snapshot: Snapshot, size: int = 0, now: float = 0.0
    ) -> None:
        self.operation = operation
        self.incoming = incoming
        self.snapshot = snapshot
        self.namespace = str(incoming.metadata.get(NAMESPACE_HEADER, DEFAULT_NAMESPACE))
        self.size = size
        self.now = now
        self.principal: Principal = ANONYMOUS
        self.deadline = incoming.deadline
        self.meter: CallMeter | None = None
        self.resilience: CallResilience | None = None
        self.target: Target | None = None
        self.sampled: bool | None = None
        self._trace: CallTrace | None = None

    @property
    def address(self) -> str:
        """Where the caller is: behind proxies that are trusted, as those say."""
        forwarding, incoming = self.snapshot.forwarding, self.incoming
        return incoming.peer.address if forwarding is None else forwarding.address(incoming.peer, incoming.metadata)

    @property
    def trace(self) -> CallTrace:
        """Its place in its trace, made when it is needed: for most calls it never is."""
        trace = self._trace
        if trace is None:
            trace = self._trace = CallTrace(self.incoming.metadata, sampled=bool(self.sampled))
        return trace

    @property
    def trace_id(self) -> str:
        """Of the trace that the call belongs to, the caller's or a new one; empty for none."""
        if self.sampled is not None:
            return self.trace.trace_id
        caller = parse(str(self.incoming.metadata.get(TRACEPARENT, "")))
        return "" if caller is None else caller.trace_id

    @property
    def traceparent(self) -> str:
        """The header for its plugin."""
        return self.trace.traceparent

    @property
    def tracestate(self) -> str:
        """The header for its plugin beside it."""
        return self.trace.tracestate

    def context(self, on_established: Callable[[], None] | None = None) -> Context:
        """What the backend learns of the call; `on_established` is what its `Context.established` does."""
        trace = self if self.sampled is not None else str(self.incoming.metadata.get(TRACEPARENT, ""))
        principal = self.principal
        return Context(self.namespace, self.deadline, principal.name, trace, on_established, principal.claims)


Hop = Callable[[Call], Awaitable[None] | None]
"""A hop admits a call by returning None, fills in what it found, or refuses by raising a PrismError. It does not wait;
where it must, on a rare slow path such as keys to fetch, it gives what is to be awaited before the next hop."""
