"""Filter: which rows are asked for, and what it may be. Its rules: prism/data/v1/filter.proto, docs/contract.md 3.

`filter_violation` looks at the filter alone; whether its fields exist and are of its operands' kinds, a store's plugin
knows (`prism.sdk.filters`).
"""

import enum
from collections.abc import Iterator, Mapping
from typing import Final

from prism._proto.data.v1 import filter_pb2 as pb
from prism._proto.data.v1.filter_pb2 import Filter, FilterList, FilterTest
from prism.errors import Violation
from prism.interfaces.value import Kind, Value, kind_of, value_violation

__all__ = [
    "MAX_DEPTH",
    "MAX_NODES",
    "MAX_OPERANDS",
    "OPS",
    "Filter",
    "FilterList",
    "FilterTest",
    "Op",
    "filter_violation",
]

MAX_NODES: Final = 256
MAX_DEPTH: Final = 32
MAX_OPERANDS: Final = 1000
"""Of one IN."""
MAX_FIELD: Final = 512
"""Bytes in the name of a field."""


class Op(enum.StrEnum):
    """What a test asks, by the names of the .proto."""

    EQ = "FILTER_OP_EQ"
    NE = "FILTER_OP_NE"
    LT = "FILTER_OP_LT"
    LE = "FILTER_OP_LE"
    GT = "FILTER_OP_GT"
    GE = "FILTER_OP_GE"
    IN = "FILTER_OP_IN"
    PREFIX = "FILTER_OP_PREFIX"
    EXISTS = "FILTER_OP_EXISTS"


OPS: Final[Mapping[int, Op]] = {pb.FilterOp.Value(op): op for op in Op}
"""By their numbers, as they travel."""

NUMBERS: Final = frozenset({Kind.INT64, Kind.DOUBLE, Kind.DECIMAL})
"""The kinds that compare with each other."""

_ORDERED: Final = NUMBERS | {Kind.STRING, Kind.BYTES, Kind.TIMESTAMP}
_KINDS: Final = {
    **dict.fromkeys((Op.LT, Op.LE, Op.GT, Op.GE), _ORDERED),
    Op.PREFIX: frozenset({Kind.STRING}),
}
"""The kinds of the operand of an op that does not take all."""


def filter_violation(filter: Filter, path: str) -> Violation | None:  # noqa: A002 - the abstraction's own word
    """The first rule that the filter breaks, None for a valid one."""
    pending = [(filter, path, MAX_DEPTH)]
    count = 0
    while pending:
        node, where, depth = pending.pop()
        count += 1
        if count > MAX_NODES:
            return Violation(path, "more filters", f"at most {MAX_NODES} are allowed in one")
        if depth <= 0:
            return Violation(where, "a filter within too many others", f"at most {MAX_DEPTH} deep is allowed")
        if node.WhichOneof("kind") is None:
            return Violation(where, "nothing", "one of all, any, not, test is required")
        if node.HasField("test"):
            broken = _test_violation(node.test, f"{where}.test", depth)
            if broken is not None:
                return broken
        # Backwards, so that the first one comes first.
        pending += reversed([(part, f"{where}.{name}", depth - 1) for part, name in parts(node)])
    return None


def parts(node: Filter) -> Iterator[tuple[Filter, str]]:
    """What a filter is made of, each with its path in it; nothing for a test."""
    match kind := node.WhichOneof("kind"):
        case "all" | "any":
            for index, part in enumerate(getattr(node, kind).filters):
                yield part, f"{kind}.filters[{index}]"
        case "not":
            yield getattr(node, kind), kind


def _test_violation(test: FilterTest, path: str, depth: int) -> Violation | None:
    length = len(test.field.encode())
    if not 0 < length <= MAX_FIELD or "\0" in test.field:
        return Violation(f"{path}.field", f"{length} bytes", f"1 to {MAX_FIELD} without NUL are allowed")
    op = OPS.get(test.op)
    if op is None:
        return Violation(f"{path}.op", str(test.op), f"one of {', '.join(op.name for op in Op)} is required")
    if op is not Op.IN and test.values:
        return Violation(f"{path}.values", f"{len(test.values)} values", "values are for IN alone")
    if op in {Op.IN, Op.EXISTS} and test.HasField("value"):
        return Violation(f"{path}.value", "a value", f"{op.name} takes none")
    if op is Op.EXISTS:
        return None
    if op is Op.IN:
        if len(test.values) > MAX_OPERANDS:
            return Violation(f"{path}.values", f"{len(test.values)} values", f"at most {MAX_OPERANDS} are allowed")
        operands = ((value, f"{path}.values[{index}]") for index, value in enumerate(test.values))
        broken = (_operand_violation(op, *each, depth) for each in operands)
        return next((each for each in broken if each is not None), None)
    if not test.HasField("value"):
        return Violation(f"{path}.value", "nothing", f"{op.name} needs an operand")
    return _operand_violation(op, test.value, f"{path}.value", depth)


def _operand_violation(op: Op, value: Value, path: str, depth: int) -> Violation | None:
    broken = value_violation(value, path, depth=depth)
    if broken is not None:
        return broken
    kind = kind_of(value)
    if kind is Kind.NULL:
        return Violation(path, "null", "a null is missing: ask with EXISTS, or with not EXISTS")
    allowed = _KINDS.get(op)
    if allowed is not None and kind not in allowed:
        return Violation(path, f"a value of kind {kind}", f"{op.name} takes {', '.join(sorted(allowed))}")
    return None
