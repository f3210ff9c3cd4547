"""TimeSeries as a workload: an event for each number, read back by a query of the whole stream."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from prism.acceptance.callers.caller import Caller
from prism.acceptance.suites.timeseries.dsl import Series, event, function
from prism.acceptance.workload import Request, Witness, Workload
from prism.acceptance.write_ledger import WriteLedger
from prism.interfaces import timeseries as t

_STREAM = "numbers"
_DEDUP = t.Config(dedup=t.Dedup.TIME_SERIES_DEDUP_EVENT_ID)
_OF_CAPABILITIES: Mapping[str, Sequence[Request]] = {
    "idempotency_window": [("Append", t.AppendRequest(stream="s", events=[event(0)], idempotency_key="k"))],
    "dedup": [("CreateStream", t.CreateStreamRequest(stream="s", config=_DEDUP))],
    "aggregate": [("Aggregate", t.AggregateRequest(stream="s", functions=[function("count")]))],
    "latest": [("Latest", t.LatestRequest(stream="s"))],
    "tail": [("Tail", t.TailRequest(stream="s"))],
    "delete_events": [("DeleteEvents", t.DeleteEventsRequest(stream="s"))],
}


class TimeSeriesWorkload(Workload):
    """`prism.acceptance.workload.Workload` of TimeSeries."""

    LANGUAGE = Series
    WRITE = "Append"
    CALLERS = 8
    INVALID = (
        ("Append", t.AppendRequest(stream="s"), "events"),
        ("Append", t.AppendRequest(stream="s", events=[event(0, "e" * 257)]), "events[0].event_id"),
        ("DescribeStream", t.DescribeStreamRequest(stream=""), "stream"),
    )

    def __init__(self, caller: Caller, namespace: str | None = None) -> None:
        super().__init__(caller, namespace)
        self._series = Series(caller, self.dsl.namespace)

    @staticmethod
    def requests(capability: str) -> Sequence[Request]:
        """See Workload."""
        return _OF_CAPABILITIES.get(capability, ())

    def write_request(self, number: int, value: int | None = None) -> t.AppendRequest:
        """See Workload. Numbers below one go to another stream: they only ask whether the store is well."""
        payload = b"%d" % (number if value is None else value)
        return t.AppendRequest(
            stream=_STREAM if number > 0 else "other", events=[event(number % 3600, payload=payload)]
        )

    async def touch(self) -> None:
        """See Workload: a list of the streams."""
        await self.dsl.call("ListStreams", t.ListStreamsRequest())

    def witness(self, ledger: WriteLedger) -> AbstractAsyncContextManager[Witness]:
        """See Workload."""
        return _kept_numbers(self._series, ledger)


class KeptNumbers(Witness):
    """What a stream holds of the numbers: `prism.acceptance.workload.Witness`."""

    def __init__(self, series: Series, ledger: WriteLedger) -> None:
        self._series = series
        self._ledger = ledger
        self._counts: Counter[int] = Counter()

    async def settle(self) -> None:
        """Reads all of it."""
        self._counts = Counter(int(each.payload) for each in await self._series.events(_STREAM))

    def faults(self) -> list[str]:
        """See Witness."""
        found = []
        there = set(self._counts)
        if lost := self._ledger.acknowledged - there:
            found.append(f"{len(lost)} acknowledged events are not there")
        if ghosts := self._ledger.not_applied & there:
            found.append(f"{len(ghosts)} events are there though appending them was NOT_APPLIED")
        if doubled := [number for number in self._ledger.acknowledged if self._counts[number] > 1]:
            found.append(f"{len(doubled)} events are there more than once")
        return found

    def warned(self) -> bool:
        """See Witness: what is missing can be looked for."""
        return True

    def measurements(self) -> Mapping[str, float]:
        """See Witness."""
        return {"events": self._counts.total()}


@asynccontextmanager
async def _kept_numbers(series: Series, ledger: WriteLedger) -> AsyncIterator[KeptNumbers]:
    await series.create(_STREAM)
    yield KeptNumbers(series, ledger)


WORKLOAD = TimeSeriesWorkload
