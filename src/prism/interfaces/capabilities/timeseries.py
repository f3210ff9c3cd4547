"""What a backend's TimeSeries can do."""

from typing import Literal

from pydantic import Field

from prism.interfaces.capabilities.base import Capabilities
from prism.interfaces.capabilities.value_kinds import ValueKind


class TimeSeriesCapabilities(Capabilities):
    """What a backend's TimeSeries can do. Times are in seconds.

    Attributes:
        value_kinds: of attributes, that come back as they were given.
        order: of `Query`: by time, or as events arrived.
        precision: of timestamps; a finer one is refused.
        dedup: streams may take timestamp and event_id together for one event.
        transactions: an Append stores all its events or none.
        idempotency_window: how long idempotency keys are remembered; 0 for none.
        aggregate: functions over windows and groups.
        latest: the newest event of each group.
        tail: events as they arrive.
        delete_events: a range of events may be removed.
        approximate: percentiles of more values than are counted exactly.
        max_partitions: most partitions of a stream.
    """

    value_kinds: tuple[ValueKind, ...] = ()
    order: Literal["time", "arrival"] = "time"
    precision: Literal["microseconds", "milliseconds"] = "microseconds"
    dedup: bool = False
    transactions: bool = False
    idempotency_window: int = Field(default=0, ge=0)
    aggregate: bool = False
    latest: bool = False
    tail: bool = False
    delete_events: bool = False
    approximate: bool = False
    max_partitions: int = Field(default=1, ge=1, le=1024)
