"""What an operation knows of its call besides the message: handed to every method of a backend."""

from prism.wire.deadline import Deadline


class Context:
    """The call's context. Read-only by convention; a plain slotted class because one is built per call.

    Attributes:
        namespace: the namespace the gateway decided on; a backend has no other source for it.
        deadline: when the caller stops waiting, or None.
        principal: who calls, as authenticated by the gateway; empty where nobody had to say.
        traceparent: W3C trace context, or empty.
    """

    __slots__ = ("deadline", "namespace", "principal", "traceparent")

    def __init__(
        self, namespace: str, deadline: Deadline | None = None, principal: str = "", traceparent: str = ""
    ) -> None:
        self.namespace = namespace
        self.deadline = deadline
        self.principal = principal
        self.traceparent = traceparent
