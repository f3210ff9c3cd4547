"""What an operation knows of its call besides the message: handed to every method of a backend."""

from collections.abc import Callable

from prism.wire.deadline import Deadline


class Context:
    """The call's context. Read-only by convention; a plain slotted class because one is built per call.

    Attributes:
        namespace: the namespace the gateway decided on; a backend has no other source for it.
        deadline: when the caller stops waiting, or None.
        principal: who calls, as authenticated by the gateway; empty where nobody had to say.
        traceparent: W3C trace context, or empty.
    """

    __slots__ = ("_on_established", "deadline", "namespace", "principal", "traceparent")

    def __init__(
        self,
        namespace: str,
        deadline: Deadline | None = None,
        principal: str = "",
        traceparent: str = "",
        on_established: Callable[[], None] | None = None,
    ) -> None:
        """
        Args:
            on_established: what `established` does; whoever carries the call on passes it along.
        """
        self.namespace = namespace
        self.deadline = deadline
        self.principal = principal
        self.traceparent = traceparent
        self._on_established = on_established

    def established(self) -> None:
        """A stream says, before its first response, that it misses nothing from now on.

        The caller gets the response headers at that moment. Only the first call of it counts; it does nothing where
        nobody listens, and nothing needs to call it: the headers go with the first response then.
        """
        listener = self._on_established
        if listener is not None:
            self._on_established = None
            listener()
