"""Functions over windows and groups in one statement of SQLite, and how its rows are read.

Sums of integers are two sums, of their upper and lower halves, so that none overflows. A deviation is that from the
mean of its bucket, found by a window function in the same statement. A percentile is the row of that number in its
bucket. Of decimals, which are text here, sums and deviations are functions of `decimals.py`.
"""

import json
import math
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final

from prism.backends.sqlite.timeseries import decimals
from prism.backends.sqlite.timeseries.table import table, where
from prism.backends.sqlite.values import decode, encode
from prism.interfaces.timeseries import FunctionName as N
from prism.interfaces.value import MIN_TIMESTAMP, Kind, Value
from prism.sdk.timeseries import PERCENTILES, Bucket, Function, Group, Place, Plan, Stream, StreamField

NULL: Final = Value(null="NULL_VALUE")
_LOW: Final = (1 << 32) - 1
_LEAST: Final = {Kind.STRING: "''", Kind.BYTES: "x''"}
_DIGITS: Final = 19
Read = Callable[[Sequence[Any]], Value]
"""Makes the value of a function of the columns that it has in a row."""


class Aggregate:
    """One statement.

    Args:
        stream: of the table.
        plan: what is asked.
        now: by the store's clock.
    """

    def __init__(self, stream: Stream, plan: Plan, now: int) -> None:
        self._stream = stream
        self._plan = plan
        self._now = now
        self._parameters: list[Any] = []
        self._inner: dict[str, str] = {}
        """Columns of the inner statement besides those of the fields, by their names."""

    def run(self, connection: sqlite3.Connection, after: Place | None, limit: int) -> list[Bucket]:
        """The buckets behind a place."""
        decimals.install(connection)
        plan = self._plan
        columns: list[str] = []
        reads: list[tuple[int, int, Read]] = []
        for function in plan.functions:
            parts, read = self._function(function)
            reads.append((len(columns), len(columns) + len(parts), read))
            columns += parts
        groups = [each.column for each in plan.groups]
        source = self._source(after)
        behind = self._behind(after)
        selected = ", ".join(["w", *groups, *columns])
        keys = ", ".join(["w", *groups])
        inner = "".join(f", {expression} AS {name}" for name, expression in self._inner.items())
        self._parameters.append(limit)
        statement = (
            f"SELECT {selected} FROM (SELECT *{inner} FROM ({source}){behind}) "  # noqa: S608  # own names
            f"GROUP BY {keys} ORDER BY {keys} LIMIT ?{len(self._parameters)}"
        )
        rows = connection.execute(statement, self._parameters).fetchall()
        begin = 1 + len(groups)
        buckets = []
        for row in rows:
            group = tuple(decode(field.kind, each) for field, each in zip(plan.groups, row[1:begin], strict=True))
            found = row[begin:]
            values = [read(found[low:high]) for low, high, read in reads]
            buckets.append(Bucket(Place(row[0], group), values))
        return self._looked_up(connection, buckets)

    def _source(self, after: Place | None) -> str:
        """The events of the range, each with the number of its window."""
        windows, name = self._plan.windows, table(self._stream)
        low = None if windows is None or after is None else windows.bounds[after.window]
        if windows is None or windows.every:
            number = "0" if windows is None else f"(ts - {windows.origin}) / {windows.every}"
            condition = where(self._stream, self._plan.selection, self._now, self._parameters, low=low)
            return f"SELECT {number} AS w, * FROM {name} WHERE {condition}"  # noqa: S608  # own names
        first = 0 if after is None else after.window
        bounds = [
            [first + place, *pair]
            for place, pair in enumerate(zip(windows.bounds[first:-1], windows.bounds[first + 1 :], strict=True))
        ]
        self._parameters.append(json.dumps(bounds))
        each = f"json_each(?{len(self._parameters)}) AS bound"
        condition = where(self._stream, self._plan.selection, self._now, self._parameters, low=low)
        # CROSS JOIN: the windows are gone through, and of each its range of the table.
        return (
            f"SELECT json_extract(bound.value, '$[0]') AS w, {name}.* FROM {each} CROSS JOIN {name} "  # noqa: S608  # as above
            "WHERE ts >= json_extract(bound.value, '$[1]') AND ts < json_extract(bound.value, '$[2]') "
            f"AND {condition}"
        )

    def _behind(self, after: Place | None) -> str:
        if after is None:
            return ""
        return f" WHERE {_beyond(['w'], [after.window], self._plan.groups, after.group, self._parameters)}"

    def _function(self, function: Function) -> tuple[list[str], Read]:
        """The columns of a function in the outer statement, and how its value is made of them."""
        field = function.field
        if field is None:
            return ["count(*)"], _read_int64
        column, kind, name = field.column, field.kind, function.name
        if name == N.TIME_SERIES_FUNCTION_NAME_COUNT:
            return [f"count({column})"], _read_int64
        if name in (N.TIME_SERIES_FUNCTION_NAME_FIRST, N.TIME_SERIES_FUNCTION_NAME_LAST):
            pick = "min" if name == N.TIME_SERIES_FUNCTION_NAME_FIRST else "max"
            key = f"printf('%018d', ts + {-MIN_TIMESTAMP}) || hex(event_id) || ' ' || printf('%0{_DIGITS}d', arrival)"
            return [f"{pick}(CASE WHEN {column} IS NOT NULL THEN {key} END)"], _read_key
        if name in (N.TIME_SERIES_FUNCTION_NAME_MIN, N.TIME_SERIES_FUNCTION_NAME_MAX):
            pick = "min" if name == N.TIME_SERIES_FUNCTION_NAME_MIN else "max"
            return [f"{pick}({column})"], lambda found: decode(kind, found[0])
        if name == N.TIME_SERIES_FUNCTION_NAME_SUM:
            return _sum(column, kind)
        if name == N.TIME_SERIES_FUNCTION_NAME_AVG:
            return [f"{'prism_avg' if kind is Kind.DECIMAL else 'avg'}({column})"], _read_double
        if name == N.TIME_SERIES_FUNCTION_NAME_STDDEV:
            return self._deviation(field)
        return self._percentile(field, PERCENTILES[name])

    def _over(self) -> str:
        return ", ".join(["w", *(each.column for each in self._plan.groups)])

    def _deviation(self, field: StreamField) -> tuple[list[str], Read]:
        column = field.column
        if field.kind is Kind.DECIMAL:
            return [f"prism_stddev({column})"], _read_double
        mean = f"mean_{column}"
        self._inner[mean] = f"avg({column}) OVER (PARTITION BY {self._over()})"
        return [f"sum(({column} - {mean}) * ({column} - {mean}))", f"count({column})"], _read_deviation

    def _percentile(self, field: StreamField, share: int) -> tuple[list[str], Read]:
        column = field.column
        place, count = f"place_{column}", f"count_{column}"
        over = f"PARTITION BY {self._over()}"
        self._inner[place] = f"row_number() OVER ({over} ORDER BY {column} IS NULL, {column})"
        self._inner[count] = f"count({column}) OVER ({over})"
        picked = f"max(CASE WHEN {place} = ({count} * {share} + 99) / 100 THEN {column} END)"
        return [picked], lambda found: decode(field.kind, found[0])

    def _looked_up(self, connection: sqlite3.Connection, buckets: list[Bucket]) -> list[Bucket]:
        """FIRST and LAST are found as the key of their event; here their values take its place."""
        picked = [
            (number, function.field)
            for number, function in enumerate(self._plan.functions)
            if function.field is not None
            and function.name in (N.TIME_SERIES_FUNCTION_NAME_FIRST, N.TIME_SERIES_FUNCTION_NAME_LAST)
        ]
        for number, field in picked:
            statement = f"SELECT {field.column} FROM {table(self._stream)} WHERE arrival = ?"  # noqa: S608  # own names
            for bucket in buckets:
                key = bucket.values[number]
                if isinstance(bucket.values, list) and key.HasField("int64"):
                    (held,) = connection.execute(statement, (key.int64,)).fetchone()
                    bucket.values[number] = decode(field.kind, held)
        return buckets


def beyond_group(groups: Sequence[StreamField], after: Group | None, parameters: list[Any]) -> str:
    """The condition, with its AND, to be of a group behind one."""
    return "" if after is None or not groups else f" AND {_beyond([], [], groups, after, parameters)}"


def _beyond(
    columns: list[str], values: list[Any], groups: Sequence[StreamField], after: Group, parameters: list[Any]
) -> str:
    """The condition to lie behind values and a group in which null comes first."""
    for field, value in zip(groups, after, strict=True):
        least = _LEAST.get(field.kind, "0")
        columns += (f"{field.column} IS NOT NULL", f"coalesce({field.column}, {least})")
        held: Any = encode(value)
        values += (held is not None, held if held is not None else _nothing(field.kind))
    marks = []
    for each in values:
        parameters.append(each)
        marks.append(f"?{len(parameters)}")
    return f"({', '.join(columns)}) > ({', '.join(marks)})"


def _nothing(kind: Kind) -> Any:
    return {Kind.STRING: "", Kind.BYTES: b""}.get(kind, 0)


def _sum(column: str, kind: Kind) -> tuple[list[str], Read]:
    if kind is Kind.DOUBLE:
        return [f"sum({column})"], _read_double
    if kind is Kind.DECIMAL:
        return [f"prism_sum({column})"], lambda found: NULL if found[0] is None else Value(decimal=found[0])
    return [f"sum({column} >> 32)", f"sum({column} & {_LOW})"], _read_halves


def _read_int64(found: Sequence[Any]) -> Value:
    return Value(int64=found[0])


def _read_double(found: Sequence[Any]) -> Value:
    return NULL if found[0] is None else Value(double=found[0])


def _read_halves(found: Sequence[Any]) -> Value:
    high, low = found
    return NULL if high is None else Value(decimal=str((high << 32) + low))


def _read_key(found: Sequence[Any]) -> Value:
    """The arrival at the end of the key."""
    return NULL if found[0] is None else Value(int64=int(found[0][-_DIGITS:]))


def _read_deviation(found: Sequence[Any]) -> Value:
    squares, count = found
    return NULL if count < 2 else Value(double=math.sqrt(squares / (count - 1)))


def groups(connection: sqlite3.Connection, stream: Stream, plan: Plan, now: int, limit: int) -> list[Group]:
    """The groups that occur."""
    parameters: list[Any] = []
    condition = where(stream, plan.selection, now, parameters)
    columns = ", ".join(each.column for each in plan.groups)
    parameters.append(limit)
    rows = connection.execute(
        f"SELECT DISTINCT {columns} FROM {table(stream)} WHERE {condition} "  # noqa: S608  # own names
        f"ORDER BY {columns} LIMIT ?{len(parameters)}",
        parameters,
    )
    return [tuple(decode(field.kind, each) for field, each in zip(plan.groups, row, strict=True)) for row in rows]


def counts(
    connection: sqlite3.Connection, stream: Stream, plan: Plan, now: int, fields: Sequence[StreamField]
) -> list[int]:
    """How many events have each of the fields."""
    parameters: list[Any] = []
    condition = where(stream, plan.selection, now, parameters)
    columns = ", ".join(f"count({each.column})" for each in fields)
    statement = f"SELECT {columns} FROM {table(stream)} WHERE {condition}"  # noqa: S608  # own names
    return list(connection.execute(statement, parameters).fetchone())
