"""Random filters over random rows, and the fields that they name."""

import math
from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Final

from prism.client.filters import all_of, any_of, field, negated
from prism.client.values import from_value, to_value
from prism.interfaces.filter import NUMBERS, Filter, FilterTest, Op
from prism.interfaces.value import Kind, Value, kind_of
from prism.sdk.filters import Field
from values.random_values import RandomValues

KINDS: Final = tuple(kind for kind in Kind if kind is not Kind.NULL)
ORDERED: Final = NUMBERS | {Kind.STRING, Kind.BYTES, Kind.TIMESTAMP}

COLUMNS: Final = {f"{holder}_{kind}": kind for holder in ("one", "row") for kind in KINDS}
"""The columns of the table, with their kinds: those of declared fields, and those of the one that each row decides."""

FIELDS: Final[Mapping[str, Field]] = {
    **{f"one {kind}": Field(f"one {kind}", {kind: f'kept."one_{kind}"'}) for kind in KINDS},
    "any": Field("any", {kind: f'kept."row_{kind}"' for kind in KINDS}),
}

PRECISE: Final = Context(prec=120)

Row = Mapping[str, Value]


class RandomFilters(RandomValues):
    """Makes rows, and filters that have something to do with them."""

    def row(self) -> Row:
        """A row: most fields are there, some are null, some are missing."""
        made = {f"one {kind}": self.of(kind if self.random.random() < 0.9 else Kind.NULL) for kind in KINDS}
        made["any"] = self.of(self.random.choice([*KINDS, *NUMBERS, *NUMBERS, Kind.NULL]))
        return {name: value for name, value in made.items() if self.random.random() < 0.95}

    def filter(self, rows: list[Row], depth: int = 4) -> Filter:
        """A filter, most of its operands from these rows."""
        choice = self.random.random()
        if depth == 1 or choice < 0.6:
            return self._test(rows)
        if choice < 0.7:
            return negated(self.filter(rows, depth - 1))
        several = [self.filter(rows, depth - 1) for _ in range(self.random.randrange(4))]
        return all_of(*several) if choice < 0.85 else any_of(*several)

    def _test(self, rows: list[Row]) -> Filter:
        name = self.random.choice([*FIELDS, "any", "any"])
        kind = FIELDS[name].declared or self.random.choice(KINDS)
        ops = [Op.EQ, Op.NE, Op.IN, Op.EXISTS]
        if kind in ORDERED:
            ops += [Op.LT, Op.LE, Op.GT, Op.GE]
        if kind is Kind.STRING:
            ops += [Op.PREFIX, Op.PREFIX]
        op = self.random.choice(ops)
        if op is Op.EXISTS:
            return field(name).exists()
        if op is Op.IN:
            values = [self._operand(kind, rows) for _ in range(self.random.randrange(5))]
            return Filter(test=FilterTest(field=name, op=str(op), values=values))
        value = self._operand(kind, rows)
        if op is Op.PREFIX:
            return field(name).starts_with(value.string[: self.random.randrange(4)])
        return Filter(test=FilterTest(field=name, op=str(op), value=value))

    def _operand(self, kind: Kind, rows: list[Row]) -> Value:
        """Of the kind, or any number for a number; most often one that a row has, or next to it."""
        kinds = NUMBERS if kind in NUMBERS else {kind}
        if self.random.random() < 0.7:
            row = self.random.choice(rows)
            near = [value for value in row.values() if kind_of(value) in kinds]
            if near:
                return self._beside(self.random.choice(near))
        return self.of(self.random.choice(sorted(kinds)))

    def _beside(self, value: Value) -> Value:
        """The value, or if it is a number perhaps one that is next to it, of another kind."""
        plain = from_value(value)
        if kind_of(value) not in NUMBERS or not math.isfinite(plain) or self.random.random() < 0.4:
            return value
        exact = Decimal(plain)
        close = exact.next_plus(PRECISE) if abs(exact) < 10**100 and abs(exact) > Decimal("1e-100") else exact
        beside = [exact, close, exact + Decimal("0.5"), exact - Decimal("0.5"), float(exact), math.floor(exact)]
        near = self.random.choice(beside)
        try:
            return to_value(near if not isinstance(near, Decimal) else Decimal(f"{near:f}"))
        except ValueError:  # beyond 64 bits, or a negative zero
            return value


def shown(made: Filter, row: Row) -> str:
    """A filter and a row, for a test that fails."""
    return f"{made}\n{ {name: from_value(value) for name, value in row.items()} }"
