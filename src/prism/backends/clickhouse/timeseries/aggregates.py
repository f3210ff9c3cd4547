"""Functions over windows and groups in one statement of ClickHouse, and how its rows are read.

Sums of integers are two sums, of their upper and lower halves: none overflows, and sums of 128 bits take several times
as long. A percentile is an element of the sorted values. NaN is left out where a field is of
doubles. A window of one length is known by its number, one of a calendar by its begin.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from prism.backends.clickhouse.timeseries.table import ChStream, source, where
from prism.backends.clickhouse.timeseries.values import LEAST, NULL, decode, literal_of
from prism.interfaces.timeseries import FunctionName as N
from prism.interfaces.value import Kind, Value, kind_of
from prism.sdk.timeseries import PERCENTILES, Bucket, Function, Group, Place, Plan, StreamField

_KEY: Final = "(ts, event_id, arrival)"
_PICKS: Final = {N.TIME_SERIES_FUNCTION_NAME_FIRST: "argMin", N.TIME_SERIES_FUNCTION_NAME_LAST: "argMax"}
_SIMPLE: Final = {
    N.TIME_SERIES_FUNCTION_NAME_SUM: "sum",
    N.TIME_SERIES_FUNCTION_NAME_MIN: "min",
    N.TIME_SERIES_FUNCTION_NAME_MAX: "max",
    N.TIME_SERIES_FUNCTION_NAME_AVG: "avg",
    N.TIME_SERIES_FUNCTION_NAME_STDDEV: "stddevSampStable",
}


def statement(stream: ChStream, plan: Plan, after: Place | None, limit: int) -> str:
    """The statement of an Aggregate."""
    windows = plan.windows
    low = None
    if windows is None:
        number = "toInt64(0)"
    elif windows.every:
        number = f"intDiv(ts - {windows.origin}, {windows.every})"
    else:
        number = f"roundDown(ts, [{', '.join(f'toInt64({each})' for each in windows.bounds[:-1])}])"
    if windows is not None and after is not None:
        low = windows.bounds[after.window]
    names = ["w", *(each.column for each in plan.groups)]
    functions = [_function(each) for each in plan.functions]
    behind = "true"
    if after is not None:
        window = after.window if windows is None or windows.every else windows.bounds[after.window]
        behind = _beyond(["w"], [str(window)], plan.groups, after.group)
    order = ", ".join(f"{each} NULLS FIRST" for each in names)
    used = {each.field.column for each in plan.functions if each.field is not None}
    columns = ", ".join(["ts", "event_id", "arrival", *sorted(used | {*names[1:]})])
    return (
        f"SELECT {', '.join([*names, *functions])} FROM (SELECT {number} AS w, {columns} FROM {source(stream)} "  # noqa: S608
        f"WHERE {where(stream, plan.selection, low=low)}) WHERE {behind} "
        f"GROUP BY {', '.join(names)} ORDER BY {order} LIMIT {limit}"
    )


def _function(function: Function) -> str:
    field = function.field
    if field is None:
        return "toInt64(count())"
    column, name = field.column, function.name
    if name == N.TIME_SERIES_FUNCTION_NAME_COUNT:
        return f"toInt64(count({column}))"
    if name in _PICKS:
        return f"{_PICKS[name]}If({column}, {_KEY}, isNotNull({column}))"
    suffix, of = ("If", f", {column} = {column}") if field.kind is Kind.DOUBLE else ("", "")
    if name in PERCENTILES:
        values = f"groupArray{suffix}({column}{of})"
        count = f"length({values})"
        # An empty array has no first element, only a default one.
        return f"if({count} = 0, NULL, arraySort({values})[intDiv({count} * {PERCENTILES[name]} + 99, 100)])"
    if field.kind is Kind.INT64 and name in (N.TIME_SERIES_FUNCTION_NAME_SUM, N.TIME_SERIES_FUNCTION_NAME_AVG):
        total = f"(toInt128(sum(bitShiftRight({column}, 32))) * 4294967296 + sum(bitAnd({column}, 4294967295)))"
        return total if name == N.TIME_SERIES_FUNCTION_NAME_SUM else f"toFloat64({total}) / count({column})"
    argument = column
    if function.kind is Kind.DOUBLE and field.kind is not Kind.DOUBLE:
        argument = f"toFloat64({column})"
    made = f"{_SIMPLE[name]}{suffix}({argument}{of})"
    if name == N.TIME_SERIES_FUNCTION_NAME_STDDEV:
        counted = f"countIf({column} = {column})"
        return f"if({counted} < 2, NULL, {made})"
    return made


def buckets(plan: Plan, rows: Sequence[Sequence[Any]]) -> list[Bucket]:
    """What the rows are."""
    windows = plan.windows
    numbers = None
    if windows is not None and not windows.every:
        numbers = {bound: number for number, bound in enumerate(windows.bounds[:-1])}
    reads = [_read(each) for each in plan.functions]
    begin = 1 + len(plan.groups)
    found = []
    for row in rows:
        window = row[0] if numbers is None else numbers[row[0]]
        values = [NULL if each is None else read(each) for read, each in zip(reads, row[begin:], strict=True)]
        found.append(Bucket(Place(window, group(plan.groups, row[1:begin])), values))
    return found


def _read(function: Function) -> Callable[[Any], Value]:
    kind = function.kind
    return lambda held: decode(kind, held)


def group(fields: Sequence[StreamField], held: Sequence[Any]) -> Group:
    """The group of a row."""
    return tuple(decode(field.kind, each) for field, each in zip(fields, held, strict=True))


def _beyond(columns: list[str], values: list[str], groups: Sequence[StreamField], after: Group) -> str:
    """The condition to lie behind values and a group in which null comes first."""
    for field, value in zip(groups, after, strict=True):
        columns += (f"isNotNull({field.column})", f"ifNull({field.column}, {LEAST.get(field.kind, '0')})")
        values += ("0" if kind_of(value) is Kind.NULL else "1", literal_of(value, field.kind))
    return f"({', '.join(columns)}) > ({', '.join(values)})" if len(columns) > 1 else f"{columns[0]} > {values[0]}"


def groups(stream: ChStream, plan: Plan, limit: int) -> str:
    """The statement that gives the groups which occur."""
    columns = ", ".join(each.column for each in plan.groups)
    order = ", ".join(f"{each.column} NULLS FIRST" for each in plan.groups)
    return (
        f"SELECT {columns} FROM {source(stream)} WHERE {where(stream, plan.selection)} "  # noqa: S608  # own names
        f"GROUP BY {columns} ORDER BY {order} LIMIT {limit}"
    )


def counts(stream: ChStream, plan: Plan, fields: Sequence[StreamField]) -> str:
    """The statement that gives how many events have each of the fields."""
    columns = ", ".join(f"toInt64(count({each.column}))" for each in fields)
    return f"SELECT {columns} FROM {source(stream)} WHERE {where(stream, plan.selection)}"  # noqa: S608  # own names


def latest(stream: ChStream, condition: str, fields: Sequence[StreamField], after: Group | None, limit: int) -> str:
    """The statement that gives the newest event of each group."""
    columns = [each.column for each in fields]
    newest = "ts DESC, event_id DESC, arrival DESC"
    selected = ", ".join(["ts", "event_id", "arrival", stream.event, *columns])
    if not columns:
        return f"SELECT {selected} FROM {source(stream)} WHERE {condition} ORDER BY {newest} LIMIT 1"  # noqa: S608
    behind = "" if after is None else f" AND {_beyond([], [], fields, after)}"
    order = ", ".join(f"{each} NULLS FIRST" for each in columns)
    return (
        f"SELECT {selected} FROM {source(stream)} WHERE {condition}{behind} "  # noqa: S608  # own names
        f"ORDER BY {order}, {newest} LIMIT 1 BY {', '.join(columns)} LIMIT {limit}"
    )
