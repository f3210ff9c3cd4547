"""How long control waits for what. All times are in seconds."""

from collections.abc import Iterator
from dataclasses import dataclass

from prism.control.supervision.backoff import delays


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The waits of control itself; those for instances are configuration (`prism.config.sections.supervision`).

    Attributes:
        start_timeout: how long the gateway's start, and what else a reload does, waits for the first attempt of every
            store; they go on without those that take longer.
        reload_timeout: how long a reload waits for a new instance before the old one is kept.
        stop_timeout: how long a drained backend may take to stop before it is given up.
        retry_first: after a reload that waits for a store, or a secret that cannot be renewed.
        retry_max: the longest wait between two such attempts.
        watch_interval: how often the file is looked at where the system tells of no change.
    """

    start_timeout: float = 2.0
    reload_timeout: float = 10.0
    stop_timeout: float = 10.0
    retry_first: float = 0.2
    retry_max: float = 30.0
    watch_interval: float = 5.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise ValueError(f"Timing.{name} must be above zero, not {getattr(self, name)}")

    def delays(self) -> Iterator[float]:
        """The waits after failed attempts."""
        return delays(self.retry_first, self.retry_max)
