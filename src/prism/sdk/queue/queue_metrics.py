"""The metrics of queues: what groups have in each state, and deliveries by attempt.

States are counted beside the calls: a scrape gives what was counted last, and begins to count again where that is old.
Counting takes a hundredth of the time at most, however much there is to count. What has series of its own is bounded.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from prism.context import Context
from prism.errors import PrismError
from prism.sdk.queue.store import QueueStore
from prism.telemetry.metrics.call_metrics import OTHER
from prism.telemetry.metrics.labelled import labelled

MAX_GROUPS: Final = 100
"""Groups that have series of their own; the first ones by namespace, topic and name."""
MAX_NAMESPACES: Final = 1000
INTERVAL: Final = 5.0
"""Seconds between two counts, at least."""
SHARE: Final = 100
"""A count is followed by a pause of so many times its own length."""
MAX_ATTEMPT: Final = 5
"""Later attempts are counted together."""

Deliveries = Counter[int]
"""By attempt."""


class QueueMetrics:
    """The metrics of one backend's queues."""

    def __init__(self, store: QueueStore) -> None:
        self._store = store
        self._namespaces: dict[str, None] = {}
        self._deliveries: dict[tuple[str, str, str], Deliveries] = {}
        self._counted: dict[str, float] = {}
        self._counting: asyncio.Task[None] | None = None
        self._next = 0.0

    def used(self, namespace: str) -> None:
        """A namespace has queues."""
        if len(self._namespaces) < MAX_NAMESPACES:
            self._namespaces[namespace] = None

    def deliveries(self, namespace: str, topic: str, group: str) -> Deliveries:
        """Where deliveries of a group are counted, by attempt: add to it at each one."""
        key = (namespace, topic, group)
        if key not in self._deliveries and len(self._deliveries) >= MAX_GROUPS:
            key = (OTHER, OTHER, OTHER)
        return self._deliveries.setdefault(key, Counter())

    def metrics(self) -> Mapping[str, float]:
        """As `Backend.metrics` gives them; asked on the event loop."""
        loop = asyncio.get_running_loop()
        if self._namespaces and loop.time() >= self._next and (self._counting is None or self._counting.done()):
            self._counting = loop.create_task(self._count())
        shown = dict(self._counted)
        for (namespace, topic, group), counts in self._deliveries.items():
            by = {"namespace": namespace, "topic": topic, "group": group}
            sums: Counter[str] = Counter()
            for attempt, count in counts.items():
                sums[str(attempt) if attempt <= MAX_ATTEMPT else "more"] += count
            for attempt_label, count in sums.items():
                shown[labelled("queue_deliveries_total", by | {"attempt": attempt_label})] = count
        return shown

    def stop(self) -> None:
        """Counts no more."""
        if self._counting is not None:
            self._counting.cancel()

    async def _count(self) -> None:
        loop = asyncio.get_running_loop()
        since = loop.time()
        counted: dict[str, float] = {}
        with suppress(PrismError):  # the store is away, which other metrics say
            await self._groups(counted)
            self._counted = counted
        self._next = loop.time() + max(INTERVAL, (loop.time() - since) * SHARE)

    async def _groups(self, counted: dict[str, float]) -> None:
        left = MAX_GROUPS
        for namespace in sorted(self._namespaces):
            context = Context(namespace)
            for topic in await self._store.list_topics(context, "", "", left):
                for group in await self._store.list_groups(context, topic):
                    if not left:
                        return
                    left -= 1
                    with suppress(PrismError):  # it was removed meanwhile
                        await self._group(context, topic, group, counted)

    async def _group(self, context: Context, topic: str, group: str, counted: dict[str, float]) -> None:
        _, tally = await self._store.describe_group(context, topic, group)
        by = {"namespace": context.namespace, "topic": topic, "group": group}
        states = {"waiting": tally.waiting, "delayed": tally.delayed, "in_flight": tally.in_flight, "dead": tally.dead}
        for name, count in states.items():
            counted[labelled(f"queue_{name}", by)] = count
        counted[labelled("queue_oldest_age_seconds", by)] = tally.oldest / 1e6
