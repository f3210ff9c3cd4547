"""Which call the code at hand works for, so that every line of the log can say so."""

from contextvars import ContextVar
from typing import Final, Protocol


class CurrentCall(Protocol):
    """What a line of the log says of a call."""

    @property
    def namespace(self) -> str: ...

    @property
    def trace_id(self) -> str: ...


CURRENT: Final[ContextVar[CurrentCall | None]] = ContextVar("prism_current_call", default=None)
"""Set in the task of a call, and seen by the tasks that it starts."""
