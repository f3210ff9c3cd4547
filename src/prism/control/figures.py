"""What control tells of itself: reloads, and plugins that had to be started again."""

from collections import Counter
from collections.abc import Iterable, Iterator

from prism.control.supervised import Supervised
from prism.telemetry.figure import Figure


class ControlFigures:
    """Counts reloads.

    Attributes:
        reloads: by outcome: `applied`, `refused`.
        last: whether the last one was applied; true before the first.
    """

    def __init__(self) -> None:
        self.reloads: Counter[str] = Counter(applied=0, refused=0)
        self.last = True

    def reloaded(self, *, applied: bool) -> None:
        """A reload has ended."""
        self.last = applied
        self.reloads["applied" if applied else "refused"] += 1

    def figures(self, instances: Iterable[Supervised]) -> Iterator[Figure]:
        """For the metrics."""
        reloads: dict[tuple[str, ...], float] = {(outcome,): count for outcome, count in self.reloads.items()}
        restarts: Counter[tuple[str, ...]] = Counter()
        for each in instances:
            restarts[(each.spec.plugin.name,)] += each.restarts
        yield Figure("prism_config_reloads", "Reloads, by outcome.", reloads, labels=("outcome",), kind="counter")
        yield Figure(
            "prism_config_last_reload_successful",
            "Whether the configuration that was read last is the one that serves (1) or was refused (0).",
            {(): self.last},
        )
        yield Figure(
            "prism_plugin_restarts",
            "How often plugins ended by themselves and were started again.",
            restarts,
            labels=("backend",),
            kind="counter",
        )
