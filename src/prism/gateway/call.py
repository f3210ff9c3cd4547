"""A call on its way through the gateway: what arrived, and what the hops have found out about it."""

from collections.abc import Callable
from typing import Protocol

from prism.context import Context
from prism.control.snapshot import Namespace, Snapshot
from prism.interfaces.operation import Operation
from prism.wire import Deadline, Metadata, Peer

NAMESPACE_HEADER = "prism-namespace"
DEFAULT_NAMESPACE = "default"


class Incoming(Protocol):
    """What every way in tells of a request, gRPC and HTTP/JSON alike."""

    @property
    def metadata(self) -> Metadata: ...

    @property
    def deadline(self) -> Deadline | None: ...

    @property
    def peer(self) -> Peer: ...


class Call:
    """One call. A plain slotted class, filled by the hops in their order; one is built per request.

    Attributes:
        operation: what is asked, from the contract.
        incoming: the request as it arrived.
        snapshot: the configuration that this call is decided by, from its first hop to its last.
        namespace: the name asked for; nothing has been checked of it before `route`.
        principal: set by authenticate; empty where nobody had to say who they are.
        target: set by route.
    """

    __slots__ = ("incoming", "namespace", "operation", "principal", "snapshot", "target")

    def __init__(self, operation: Operation, incoming: Incoming, snapshot: Snapshot) -> None:
        self.operation = operation
        self.incoming = incoming
        self.snapshot = snapshot
        self.namespace = str(incoming.metadata.get(NAMESPACE_HEADER, DEFAULT_NAMESPACE))
        self.principal = ""
        self.target: Namespace | None = None

    def context(self, on_established: Callable[[], None] | None = None) -> Context:
        """What the backend learns of the call; `on_established` is what its `Context.established` does."""
        incoming = self.incoming
        trace = str(incoming.metadata.get("traceparent", ""))
        return Context(self.namespace, incoming.deadline, self.principal, trace, on_established)


Hop = Callable[[Call], None]
"""A hop admits a call by returning, fills in what it found, or refuses by raising a PrismError. It never waits."""
