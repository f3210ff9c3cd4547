"""A field that filters may name, as the plugin describes it."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from prism.interfaces.value import Kind


class Order(enum.StrEnum):
    """What LT, LE, GT and GE on strings go by."""

    BYTES = "bytes"
    """The bytes of their UTF-8: in all tables that Prism makes."""
    STORE = "store"
    """The collation of the column: in tables that Prism found."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of rows.

    A declared field has one kind, and an operand of another is the caller's mistake. A field whose kind each row
    decides has several: where a row has another kind than the operand, the test is as if the field were missing.

    Attributes:
        name: as callers give it.
        columns: for each kind that the field may have, the SQL of what holds it: a quoted column, or an expression. It
            is the plugin's own text, never a caller's, and NULL where the row's value is of another kind.
        order: of its strings.
    """

    name: str
    columns: Mapping[Kind, str]
    order: Order = Order.BYTES

    @property
    def declared(self) -> Kind | None:
        """The one kind that it has; None where each row decides."""
        return next(iter(self.columns)) if len(self.columns) == 1 else None
