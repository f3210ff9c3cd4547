"""What TimeSeries counts."""

from prism.backends.memory.timeseries.store import MemorySeries
from prism.context import Context
from prism.interfaces import timeseries as t
from prism.sdk.timeseries import SeriesOptions, StoredTimeSeries
from prism.telemetry.metrics.labelled import labelled


def _count(series: StoredTimeSeries, fate: str) -> float:
    return series.metrics()[labelled("timeseries_events_total", {"fate": fate})]


async def test_events_are_counted_by_their_fate() -> None:
    """Appended, duplicates, expired, and those that were given."""
    series, context = StoredTimeSeries(MemorySeries(lambda: 10**15), SeriesOptions()), Context("n")
    series.declare(series.capabilities.model_copy(update={"dedup": True, "value_kinds": ("int64",)}))
    config = t.Config(dedup=t.Dedup.TIME_SERIES_DEDUP_EVENT_ID)
    config.retention.FromSeconds(60)
    await series.create_stream(t.CreateStreamRequest(stream="s", config=config), context)
    events = [t.Event(timestamp=10**15, event_id=each) for each in "aab"] + [t.Event(timestamp=0)]
    await series.append(t.AppendRequest(stream="s", events=events), context)
    await series.query_page(t.QueryPageRequest(stream="s"), context)
    assert [_count(series, each) for each in ("appended", "duplicates", "expired", "queried")] == [2, 1, 1, 2]
    assert series.metrics()["timeseries_tails"] == 0
