"""Which calls are kept as spans: those that the caller or chance has chosen at the start, and those that failed or were
slow, which is known only at the end.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Final

from prism.telemetry.metrics.metric_family import MetricFamily
from prism.telemetry.tracing.trace_context import parse
from prism.wire.grpc.status import Code

TAIL_RATE: Final = 100.0
"""Calls a second that are kept for their end alone, on average; a store that is down fails every call alike."""

TAIL_BURST: Final = 1000.0

_SAMPLED_DIGITS: Final = frozenset("13579bdf")
_NO_ERRORS: Final = (Code.OK, Code.CANCELLED)


@dataclass(frozen=True, slots=True)
class SamplingRule:
    """What is kept.

    Attributes:
        ratio: the share of calls chosen by chance, 0 to 1.
        slow: seconds after which a call is kept.
        honour_caller: where a caller sends a `traceparent`, its sampled flag decides and not chance.
    """

    ratio: float = 0.01
    slow: float = 0.5
    honour_caller: bool = True


class Sampling:
    """Applies a rule.

    Attributes:
        left_out: failed or slow calls that were not kept because there were too many of them.
    """

    def __init__(self, rule: SamplingRule) -> None:
        self.left_out = 0
        self._slow = rule.slow
        self._honour = rule.honour_caller
        self._ratio = rule.ratio
        self._random = random.Random().random  # noqa: S311  # chance, no secret
        self._room = TAIL_BURST
        self._filled = monotonic()

    def at_start(self, traceparent: str) -> bool:
        """Whether a call is kept whatever becomes of it."""
        if traceparent and self._honour and (flag := _flag(traceparent)) is not None:
            return flag
        return self._random() < self._ratio

    def at_end(self, code: Code, seconds: float) -> str:
        """Why a call that was not chosen at the start is kept: `error`, `slow`, or empty."""
        if seconds >= self._slow:
            why = "slow"
        elif code not in _NO_ERRORS:
            why = "error"
        else:
            return ""
        now = monotonic()
        self._room = min(self._room + (now - self._filled) * TAIL_RATE, TAIL_BURST)
        self._filled = now
        if self._room < 1.0:
            self.left_out += 1
            return ""
        self._room -= 1.0
        return why

    def metrics(self) -> Iterator[MetricFamily]:
        """For the metrics."""
        about = "Failed or slow calls that were not traced because there were too many of them."
        yield MetricFamily("prism_traces_left_out", about, {(): self.left_out}, kind="counter")


def _flag(traceparent: str) -> bool | None:
    if len(traceparent) == 55 and traceparent[:3] == "00-":
        return traceparent[54] in _SAMPLED_DIGITS  # the rest is parsed when it is needed
    context = parse(traceparent)
    return None if context is None else context.sampled
