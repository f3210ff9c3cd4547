"""From a request to what a store is asked: ranges, filters, functions, groups."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from prism.interfaces import timeseries as t
from prism.interfaces.filter import Filter, filter_violation
from prism.interfaces.value import MAX_TIMESTAMP, MIN_TIMESTAMP, Kind
from prism.sdk.filters import Field, Resolved, resolve
from prism.sdk.timeseries.refusals import refusal
from prism.sdk.timeseries.store import Function, Plan, Selection
from prism.sdk.timeseries.stream import Stream, StreamField
from prism.sdk.timeseries.windows import windows_of

N = t.FunctionName
_PREFIX: Final = "TIME_SERIES_FUNCTION_NAME_"
_NUMBERS: Final = frozenset({Kind.INT64, Kind.DOUBLE, Kind.DECIMAL})
_SORTED: Final = _NUMBERS | {Kind.TIMESTAMP}
_GROUPED: Final = frozenset({Kind.BOOL, Kind.INT64, Kind.STRING, Kind.BYTES, Kind.TIMESTAMP})
PERCENTILES: Final[Mapping[int, int]] = {
    N.TIME_SERIES_FUNCTION_NAME_P50: 50,
    N.TIME_SERIES_FUNCTION_NAME_P90: 90,
    N.TIME_SERIES_FUNCTION_NAME_P95: 95,
    N.TIME_SERIES_FUNCTION_NAME_P99: 99,
}
"""The share of each, in hundredths."""
_KINDS: Final[Mapping[int, frozenset[Kind]]] = {
    N.TIME_SERIES_FUNCTION_NAME_SUM: _NUMBERS,
    N.TIME_SERIES_FUNCTION_NAME_AVG: _NUMBERS,
    N.TIME_SERIES_FUNCTION_NAME_STDDEV: _NUMBERS,
    N.TIME_SERIES_FUNCTION_NAME_MIN: _SORTED | {Kind.STRING},
    N.TIME_SERIES_FUNCTION_NAME_MAX: _SORTED | {Kind.STRING},
    **dict.fromkeys(PERCENTILES, _SORTED),
}
"""The kinds of fields that a function takes; the others take all."""


def selection_of(request: Any, stream: Stream) -> Selection:
    """Which events a request is about; `to` and `filter` may be missing in its message.

    Raises:
        InvalidArgument: the range or the filter is not valid.
    """
    begin = _bound(request, "from")
    end = _bound(request, "to") if "to" in request.DESCRIPTOR.fields_by_name else None
    if begin is not None and end is not None and begin > end:
        raise refusal("to", str(end), f"a range [from, to) ends at `from`, {begin}, or later")
    return Selection(begin, end, filter_of(request.filter, stream) if request.HasField("filter") else None)


def _bound(request: Any, name: str) -> int | None:
    if not request.HasField(name):
        return None
    bound: int = getattr(request, name)
    if not MIN_TIMESTAMP <= bound <= MAX_TIMESTAMP + 1:
        raise refusal(name, f"{bound} us since 1970", "an instant in the years 1 to 9999 is expected")
    return bound


def filter_of(given: Filter, stream: Stream) -> Resolved:
    """A filter over the fields of a stream."""
    fields = {each.name: Field(each.name, {each.kind: each.column}) for each in stream.fields}
    if (broken := filter_violation(given, "filter")) is not None:
        raise refusal(broken.field, broken.found, broken.limit)
    return resolve(given, fields)


def groups_of(names: Sequence[str], stream: Stream) -> tuple[StreamField, ...]:
    """The fields of `group_by`."""
    known = stream.by_name()
    found = []
    for index, name in enumerate(names):
        field = _field(name, known, f"group_by[{index}]")
        if field.kind not in _GROUPED:
            raise refusal(
                f"group_by[{index}]", f"{name} of kind {field.kind}", f"groups are of {', '.join(sorted(_GROUPED))}"
            )
        found.append(field)
    return tuple(found)


def _field(name: str, known: Mapping[str, StreamField], path: str) -> StreamField:
    if name not in known:
        listed = ", ".join(sorted(known)[:20]) or "none"
        raise refusal(path, repr(name[:40]), f"no field of the stream has that name; declared are {listed}")
    return known[name]


def plan_of(request: t.AggregateRequest, stream: Stream) -> Plan:
    """What Aggregate asks of a store.

    Raises:
        InvalidArgument: a rule does not allow it.
    """
    selection = selection_of(request, stream)
    known = stream.by_name()
    functions = [_function(each, known, f"functions[{index}]") for index, each in enumerate(request.functions)]
    names = names_of(request)
    for index, name in enumerate(names):
        if name in names[:index]:
            raise refusal(f"functions[{index}].as", repr(name), "another value of the bucket has that name")
    windows = None
    if request.HasField("window"):
        if selection.begin is None or selection.end is None:
            raise refusal("from, to", "a range without an end", "windows need both")
        if selection.begin < selection.end:
            windows = windows_of(request.window, selection.begin, selection.end)
    elif request.HasField("fill"):
        raise refusal("fill", "no window", "what is filled are windows: give `window`")
    return Plan(selection, windows, functions, groups_of(request.group_by, stream), request.approximate)


def names_of(request: t.AggregateRequest) -> list[str]:
    """What the answer calls the values."""
    return [getattr(each, "as") or _default_name(each) for each in request.functions]


def _default_name(function: t.Function) -> str:
    name = N.Name(function.function).removeprefix(_PREFIX).lower()
    return f"{name}_{function.field}" if function.field else name


def _function(given: t.Function, known: Mapping[str, StreamField], path: str) -> Function:
    if given.function not in N.values() or given.function == N.TIME_SERIES_FUNCTION_NAME_UNSPECIFIED:
        names = ", ".join(each.removeprefix(_PREFIX) for each in N.keys()[1:])
        raise refusal(f"{path}.function", str(given.function), f"one of {names} is required")
    if not given.field:
        if given.function != N.TIME_SERIES_FUNCTION_NAME_COUNT:
            raise refusal(f"{path}.field", "nothing", "only COUNT is of events; the others need a field")
        return Function(given.function)
    field = _field(given.field, known, f"{path}.field")
    kinds = _KINDS.get(given.function)
    if kinds is not None and field.kind not in kinds:
        raise refusal(
            f"{path}.field", f"{field.name} of kind {field.kind}", f"the function takes {', '.join(sorted(kinds))}"
        )
    return Function(given.function, field)
