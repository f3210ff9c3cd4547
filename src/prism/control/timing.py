"""How long control waits for what. All times are in seconds."""

import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The waits of control; the defaults suit production.

    Attributes:
        start_timeout: how long the gateway's start waits for the first attempt of every store; it goes on without
            those that take longer.
        reload_timeout: how long a reload waits for a new instance before the old one is kept.
        probe_interval: between two probes of an instance.
        probe_timeout: after which a store that does not answer a probe, or a question of a reload, counts as down.
        stuck_after: probes in a row that neither a plugin nor its process answers before the process is ended.
        restart_budget: starts again that a plugin which ends by itself has at once, half of them without a pause.
        restart_refill: how many of them each second of health gives back.
        stop_timeout: how long a drained backend may take to stop before it is given up.
        backoff_initial: after the first failed attempt.
        backoff_max: the longest wait between two attempts.
        watch_interval: how often the file is looked at where the system tells of no change.
    """

    start_timeout: float = 2.0
    reload_timeout: float = 10.0
    probe_interval: float = 10.0
    probe_timeout: float = 5.0
    stuck_after: int = 3
    restart_budget: int = 20
    restart_refill: float = 0.5
    stop_timeout: float = 10.0
    backoff_initial: float = 0.2
    backoff_max: float = 30.0
    watch_interval: float = 5.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise ValueError(f"Timing.{name} must be above zero, not {getattr(self, name)}")

    def delays(self) -> Iterator[float]:
        """The waits after failed attempts: doubling up to the longest, each off by up to a quarter at random."""
        delay = self.backoff_initial
        while True:
            yield delay * random.uniform(0.75, 1.25)  # noqa: S311  # spreads load, keeps no secret
            delay = min(delay * 2, self.backoff_max)
