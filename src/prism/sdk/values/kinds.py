"""What of values a backend keeps: kinds, and numbers that not every store has. docs/contract.md, 2.1 and 2.3."""

import math
from collections.abc import Iterator
from typing import Final

from prism.interfaces.capabilities import undeclared
from prism.interfaces.value import Kind, Value, kind_of

NON_FINITE: Final = "non_finite"
"""Doubles that are NaN or infinite."""
NEGATIVE_ZERO: Final = "negative_zero"
"""The double -0.0."""
TIMESTAMP_MS: Final = "timestamp_ms"
"""Timestamps of whole milliseconds, where a store has no others; declared in the place of `timestamp`."""

FLAT_LIST: Final = "flat_list"
"""Lists of one kind: bool, int64, double, string or timestamp; of backends that keep no other ones."""

ALL: Final = frozenset({*Kind, NON_FINITE, NEGATIVE_ZERO})
_FLAT: Final = frozenset({Kind.BOOL, Kind.INT64, Kind.DOUBLE, Kind.STRING, Kind.TIMESTAMP})


def require_kinds(value: Value, declared: frozenset[str], what: str) -> None:
    """Passes a value whose kinds, and those of all within it, are declared.

    Args:
        value: without a violation.
        declared: the backend's `value_kinds`.
        what: what the value is called in the refusal.

    Raises:
        Unimplemented: one is not; nothing may be stored then.
    """
    if declared >= ALL:
        return
    if FLAT_LIST in declared and value.HasField("list"):
        kinds = {kind_of(each) for each in value.list.values}
        if len(kinds) > 1 or not kinds <= _FLAT:
            raise undeclared("value_kinds", f"{what}, which holds a list that is not of one kind of scalars,")
        declared |= {Kind.LIST}
    if Kind.TIMESTAMP in declared:
        declared |= {TIMESTAMP_MS}
    for kind in _kinds(value):
        if kind not in declared:
            raise undeclared("value_kinds", f"{what}, which holds a value of kind {kind},")


def _kinds(value: Value) -> Iterator[str]:
    kind = kind_of(value)
    if kind is Kind.TIMESTAMP and value.timestamp % 1000 == 0:
        yield TIMESTAMP_MS
        return
    yield kind
    match kind:
        case Kind.DOUBLE:
            if not math.isfinite(value.double):
                yield NON_FINITE
            elif value.double == 0 and math.copysign(1, value.double) < 0:
                yield NEGATIVE_ZERO
        case Kind.LIST:
            for each in value.list.values:
                yield from _kinds(each)
        case Kind.MAP:
            for each in value.map.entries.values():
                yield from _kinds(each)
