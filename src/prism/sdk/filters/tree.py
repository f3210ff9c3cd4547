"""A filter that has been resolved: its fields found, its operands plain, NE as what it is, the negation of EQ."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from prism.interfaces.filter import Op
from prism.interfaces.value import Kind, Value, kind_of
from prism.sdk.filters.field import Field
from prism.sdk.values.text import to_text

Number: TypeAlias = int | float | Decimal
Comparable: TypeAlias = Number | str | bytes


@dataclass(frozen=True, slots=True)
class Operand:
    """A value as filters compare it.

    Attributes:
        kind: its kind.
        value: a bool, a number, text or bytes; the microseconds of a timestamp; the canonical text of a list, a map or
            a value of a store's own type.
    """

    kind: Kind
    value: Comparable

    @classmethod
    def of(cls, value: Value) -> "Operand":
        """The operand that a value other than null is."""
        match kind := kind_of(value):
            case Kind.DECIMAL:
                return cls(kind, Decimal(value.decimal))
            case Kind.LIST | Kind.MAP | Kind.OTHER:
                return cls(kind, to_text(value))
        return cls(kind, getattr(value, kind))


@dataclass(frozen=True, slots=True)
class FieldTest:
    """One field against operands: several with IN, none with EXISTS, else one. Never NE."""

    field: Field
    op: Op
    operands: tuple[Operand, ...] = ()


@dataclass(frozen=True, slots=True)
class All:
    """Every part is true."""

    parts: "tuple[Resolved, ...]"


@dataclass(frozen=True, slots=True)
class Any:
    """One part is true."""

    parts: "tuple[Resolved, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The part is false."""

    part: "Resolved"


Resolved: TypeAlias = FieldTest | All | Any | Not
