"""Events and buckets of TimeSeries as tables of pyarrow or pandas, where those are installed.

table = to_arrow([bucket async for bucket in series.aggregate(...)])
"""

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from prism.client.series.values import Bucket, Event


def to_arrow(rows: Iterable[Event | Bucket]) -> Any:
    """A `pyarrow.Table` with a column for each attribute, or for each group and value.

    Raises:
        ImportError: pyarrow is not installed.
    """
    pa = import_module("pyarrow")

    return pa.table(_columns(rows))


def to_pandas(rows: Iterable[Event | Bucket]) -> Any:
    """A `pandas.DataFrame`, with the same columns.

    Raises:
        ImportError: pandas is not installed.
    """
    pd = import_module("pandas")

    return pd.DataFrame(_columns(rows))


def _columns(rows: Iterable[Event | Bucket]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for count, row in enumerate(rows):
        for name, value in _cells(row).items():
            columns.setdefault(name, [None] * count).append(value)
        for held in columns.values():
            if len(held) <= count:
                held.append(None)
    return columns


def _cells(row: Event | Bucket) -> Mapping[str, Any]:
    if isinstance(row, Event):
        return {"timestamp": row.timestamp, "event_id": row.event_id, **row.attributes}
    return {"start": row.start, "end": row.end, **row.group, **row.values}
