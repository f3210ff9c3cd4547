"""TimeSeries for plugins: `StoredTimeSeries` serves it from a `SeriesStore`."""

from prism.sdk.timeseries.events import judged
from prism.sdk.timeseries.options import SeriesOptions
from prism.sdk.timeseries.planning import PERCENTILES
from prism.sdk.timeseries.refusals import before_writing
from prism.sdk.timeseries.store import (
    Appended,
    Arrivals,
    Batch,
    Bounds,
    Bucket,
    Events,
    Found,
    Function,
    Group,
    Key,
    Place,
    Plan,
    Row,
    Selection,
    SeriesStore,
    Stale,
)
from prism.sdk.timeseries.stored_series import StoredTimeSeries
from prism.sdk.timeseries.stream import Stream, StreamConfig, StreamField
from prism.sdk.timeseries.windows import Windows

__all__ = [
    "PERCENTILES",
    "Appended",
    "Arrivals",
    "Batch",
    "Bounds",
    "Bucket",
    "Events",
    "Found",
    "Function",
    "Group",
    "Key",
    "Place",
    "Plan",
    "Row",
    "Selection",
    "SeriesOptions",
    "SeriesStore",
    "Stale",
    "StoredTimeSeries",
    "Stream",
    "StreamConfig",
    "StreamField",
    "Windows",
    "before_writing",
    "judged",
]
