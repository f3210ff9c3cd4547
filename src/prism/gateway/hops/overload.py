"""The hop overload: while the event loop lags, new calls are refused at once. Calls under way, health and the admin
port are not affected.
"""

import asyncio
import math
from collections import deque
from collections.abc import Iterator
from time import monotonic
from typing import Self

from prism.errors import GatewayUnavailable
from prism.gateway.call import Call
from prism.reason import Reason
from prism.telemetry.metrics.metric_family import MetricFamily

INTERVAL = 0.1
IN_A_ROW = 2
"""Measurements that must be over the bound: one pause is not an overload."""
SAMPLES = 100
RETRY_AFTER = 1.0


class OverloadDetector:
    """Measures how late the event loop comes to what is due.

    Attributes:
        late: the last measurement, seconds.
        overloaded: the loop has been late by more than the bound, several times in a row.
        overdue: the instant from which on new calls are refused: when the next measurement is late by more than the
            bound, for everything else is as late then; the distant past while the loop is overloaded.
        bound: seconds; None only measures.

    Args:
        interval: seconds between two measurements.
    """

    def __init__(self, *, interval: float = INTERVAL) -> None:
        self.late = 0.0
        self.overloaded = False
        self.bound: float | None = None
        self.overdue = math.inf
        self._due = math.inf
        self._interval = interval
        self._over = 0
        self._recent: deque[float] = deque(maxlen=SAMPLES)
        self._handle: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Measures from now on."""
        self._due = monotonic() + self._interval
        self._set_overdue()
        self._handle = asyncio.get_running_loop().call_later(self._interval, self._measure)

    def stop(self) -> None:
        """Measures no more."""
        self.overdue = self._due = math.inf
        if self._handle is not None:
            self._handle.cancel()

    def _measure(self) -> None:
        self.note(max(0.0, monotonic() - self._due))
        self.start()

    def note(self, late: float) -> None:
        """One measurement."""
        self.late = late
        self._recent.append(late)
        self._over = self._over + 1 if self.bound is not None and late > self.bound else 0
        self.overloaded = self._over >= IN_A_ROW
        self._set_overdue()

    def _set_overdue(self) -> None:
        self.overdue = -math.inf if self.overloaded else self._due + (math.inf if self.bound is None else self.bound)

    def metrics(self) -> Iterator[MetricFamily]:
        """For the metrics."""
        about = "Lag of the event loop, the worst of the last ten seconds."
        yield MetricFamily("prism_event_loop_lag_seconds", about, {(): max(self._recent, default=0.0)})
        yield MetricFamily(
            "prism_overloaded", "Whether new calls are refused because the event loop lags.", {(): self.overloaded}
        )


class Overload:
    """The hop, for a measurement that has a bound."""

    def __init__(self, lag: OverloadDetector) -> None:
        self._lag = lag

    def __call__(self, _call: Call) -> None:
        """Admits calls while the loop keeps up.

        Raises:
            GatewayUnavailable: it does not.
        """
        # Not by measurements alone: many calls that are read in one turn would all be let in before their weight shows.
        if monotonic() > self._lag.overdue:
            raise GatewayUnavailable(
                "the gateway is overloaded; retry later, or use another gateway",
                reason=Reason.OVERLOADED,
                retry_after=RETRY_AFTER,
            )
