"""Functions over windows and groups in one statement of PostgreSQL, and how its rows are read.

FIRST and LAST are the event with the least or the greatest key: instant, id and arrival in one text that sorts as they
do, of which the arrival finds the event again. Percentiles ask for a little less than their share, for the share as a
double may be above it.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from prism.backends.postgres.timeseries.table import kind_of_column, table, where
from prism.backends.postgres.values import decode, encode
from prism.interfaces.timeseries import FunctionName as N
from prism.interfaces.value import MIN_TIMESTAMP, Kind, Value
from prism.sdk.timeseries import PERCENTILES, Bucket, Function, Group, Place, Plan, Stream, StreamField

NULL: Final = Value(null="NULL_VALUE")
_LEAST: Final = {Kind.STRING: "''", Kind.BYTES: "''::bytea", Kind.BOOL: "false"}
_NOTHING: Final = {Kind.STRING: "", Kind.BYTES: b"", Kind.BOOL: False}
_LITTLE: Final = 1e-12
_SIMPLE: Final = {
    N.TIME_SERIES_FUNCTION_NAME_COUNT: "count",
    N.TIME_SERIES_FUNCTION_NAME_SUM: "sum",
    N.TIME_SERIES_FUNCTION_NAME_MIN: "min",
    N.TIME_SERIES_FUNCTION_NAME_MAX: "max",
    N.TIME_SERIES_FUNCTION_NAME_AVG: "avg",
    N.TIME_SERIES_FUNCTION_NAME_STDDEV: "stddev_samp",
}
_PICKS: Final = {N.TIME_SERIES_FUNCTION_NAME_FIRST: "min", N.TIME_SERIES_FUNCTION_NAME_LAST: "max"}
_KEY: Final = (
    f"(lpad((ts + {-MIN_TIMESTAMP})::text, 18, '0') || encode(convert_to(event_id, 'UTF8'), 'hex') || ' ' || "
    "lpad(arrival::text, 19, '0')) COLLATE \"C\""
)


def statement(stream: Stream, plan: Plan, after: Place | None, limit: int) -> tuple[str, list[Any]]:
    """The statement of an Aggregate and its parameters."""
    parameters: list[Any] = []
    windows, name = plan.windows, table(stream)
    low = None
    if windows is None:
        number = "0::bigint"
    elif windows.every:
        parameters += (windows.origin, windows.every)
        number = "(ts - $1::bigint) / $2::bigint"
    else:
        parameters.append(list(windows.bounds))
        number = "width_bucket(ts, $1::bigint[])::bigint - 1"
    if windows is not None and after is not None:
        low = windows.bounds[after.window]
    condition = where(stream, plan.selection, parameters, low=low)
    keys = ["w", *(each.column for each in plan.groups)]
    inner = [f"{_function(each)} AS v{place}" for place, each in enumerate(plan.functions)]
    # Names of their own: a field that is looked up would be called as the group of that field.
    outer = [f"{_value(each, place, name)} AS o{place}" for place, each in enumerate(plan.functions)]
    behind = "true"
    if after is not None:
        behind = _beyond(["w"], [after.window], ["bigint"], plan.groups, after.group, parameters)
    order = ", ".join(f"{each} NULLS FIRST" for each in keys)
    parameters.append(limit)
    return (
        f"SELECT {', '.join([*keys, *outer])} FROM ("  # noqa: S608  # own names
        f"SELECT {', '.join([*keys, *inner])} FROM (SELECT {number} AS w, * FROM {name} WHERE {condition}) AS events "
        f"WHERE {behind} GROUP BY {', '.join(keys)} ORDER BY {order} LIMIT ${len(parameters)}) AS buckets "
        f"ORDER BY {order}",
        parameters,
    )


def _function(function: Function) -> str:
    field = function.field
    if field is None:
        return "count(*)"
    column, name = field.column, function.name
    if name in _PICKS:
        return f"{_PICKS[name]}({_KEY}) FILTER (WHERE {column} IS NOT NULL)"
    number = "" if field.kind is not Kind.DOUBLE else f" FILTER (WHERE {column} <> 'NaN')"
    if name in PERCENTILES:
        share = PERCENTILES[name] / 100 - _LITTLE
        return f"percentile_disc({share!r}) WITHIN GROUP (ORDER BY {column}){number}"
    if name == N.TIME_SERIES_FUNCTION_NAME_COUNT:
        number = ""
    return f"{_SIMPLE[name]}({column}){number}"


def _value(function: Function, place: int, name: str) -> str:
    """The value of a function in a bucket; that of FIRST and LAST is looked up by the arrival at the end of its key."""
    if function.field is None or function.name not in _PICKS:
        return f"v{place}"
    return f"(SELECT {function.field.column} FROM {name} WHERE arrival = right(v{place}, 19)::bigint LIMIT 1)"  # noqa: S608


def buckets(plan: Plan, rows: Sequence[Sequence[Any]]) -> list[Bucket]:
    """What the rows are."""
    reads = [_read(each) for each in plan.functions]
    begin = 1 + len(plan.groups)
    found = []
    for row in rows:
        held = tuple(row)
        bucket = group(plan.groups, held[1:begin])
        values = [NULL if each is None else read(each) for read, each in zip(reads, held[begin:], strict=True)]
        found.append(Bucket(Place(held[0], bucket), values))
    return found


def group(fields: Sequence[StreamField], held: Sequence[Any]) -> Group:
    """The group of a row."""
    return tuple(decode(field.kind, each) for field, each in zip(fields, held, strict=True))


def _read(function: Function) -> Callable[[Any], Value]:
    kind = function.kind
    if kind is Kind.DOUBLE:
        return lambda held: Value(double=float(held))
    return lambda held: decode(kind, held)


def _beyond(
    columns: list[str], values: list[Any], types: list[str], groups: Sequence[StreamField], after: Group,
    parameters: list[Any],
) -> str:  # fmt: skip
    """The condition to lie behind values and a group in which null comes first."""
    for field, value in zip(groups, after, strict=True):
        held = encode(value)
        columns += (f"{field.column} IS NOT NULL", f"coalesce({field.column}, {_LEAST.get(field.kind, '0')})")
        values += (held is not None, held if held is not None else _NOTHING.get(field.kind, 0))
        types += ("boolean", kind_of_column(field.kind))
    marks = []
    for each, kind in zip(values, types, strict=True):
        parameters.append(each)
        marks.append(f"${len(parameters)}::{kind}")
    return f"ROW({', '.join(columns)}) > ROW({', '.join(marks)})"


def groups(stream: Stream, plan: Plan, limit: int) -> tuple[str, list[Any]]:
    """The statement that gives the groups which occur."""
    parameters: list[Any] = []
    condition = where(stream, plan.selection, parameters)
    columns = [each.column for each in plan.groups]
    parameters.append(limit)
    order = ", ".join(f"{each} NULLS FIRST" for each in columns)
    return (
        f"SELECT {', '.join(columns)} FROM {table(stream)} WHERE {condition} "  # noqa: S608  # own names
        f"GROUP BY {', '.join(columns)} ORDER BY {order} LIMIT ${len(parameters)}",
        parameters,
    )


def counts(stream: Stream, plan: Plan, fields: Sequence[StreamField]) -> tuple[str, list[Any]]:
    """The statement that gives how many events have each of the fields."""
    parameters: list[Any] = []
    condition = where(stream, plan.selection, parameters)
    columns = ", ".join(f"count({each.column})" for each in fields)
    return f"SELECT {columns} FROM {table(stream)} WHERE {condition}", parameters  # noqa: S608  # own names


def latest(
    stream: Stream, condition: str, fields: Sequence[StreamField], after: Group | None, limit: int,
    parameters: list[Any],
) -> str:  # fmt: skip
    """The statement that gives the newest event of each group."""
    columns = [each.column for each in fields]
    newest = "ts DESC, event_id DESC, arrival DESC"
    selected = ", ".join(["ts", "event_id", "arrival", "event", *columns])
    if not columns:
        return f"SELECT {selected} FROM {table(stream)} WHERE {condition} ORDER BY {newest} LIMIT 1"  # noqa: S608
    behind = "" if after is None else f" AND {_beyond([], [], [], fields, after, parameters)}"
    parameters.append(limit)
    order = ", ".join(f"{each} NULLS FIRST" for each in columns)
    return (
        f"SELECT DISTINCT ON ({', '.join(columns)}) {selected} FROM {table(stream)} WHERE {condition}{behind} "  # noqa: S608
        f"ORDER BY {order}, {newest} LIMIT ${len(parameters)}"
    )
