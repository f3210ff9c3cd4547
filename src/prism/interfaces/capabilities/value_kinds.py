"""What `value_kinds` may name."""

from typing import Literal

ValueKind = Literal[
    "null", "bool", "int64", "double", "decimal", "string", "bytes", "timestamp", "list", "map", "other",
    "flat_list", "non_finite", "negative_zero", "timestamp_ms",
]  # fmt: skip
"""A kind of value, `null` where a list or a map may hold one, or doubles that not every store has: NaN and infinities,
and -0.0. In the place of another one where a store has less: `flat_list` of `list`, only those of one kind of bool,
int64, double, string or timestamp; `timestamp_ms` of `timestamp`, only those of whole milliseconds."""
