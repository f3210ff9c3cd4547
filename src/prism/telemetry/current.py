"""Which call the code at hand works for, so that every line of the log can say so, whoever writes it."""

from contextvars import ContextVar
from typing import Final, Protocol


class Told(Protocol):
    """What a line says of a call."""

    @property
    def namespace(self) -> str: ...

    @property
    def trace_id(self) -> str: ...


CURRENT: Final[ContextVar[Told | None]] = ContextVar("prism_current_call", default=None)
"""Set in the task of a call, and seen by the tasks that it starts."""
