"""A column of a table that Prism found, or of an answer; docs/contract.md, 2.2: the column decides the kind."""

from dataclasses import dataclass

from prism.interfaces.value import Kind
from prism.sdk.filters import Order


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        name: exactly as the store has it.
        kind: of its values; None where each row decides (`dynamic`).
        store_type: as the store calls it.
        order: what its strings are sorted by.
        nullable: it may hold NULL, as far as the store says.
        generated: the store computes it, so that it cannot be written.
    """

    name: str
    kind: Kind | None
    store_type: str
    order: Order = Order.BYTES
    nullable: bool = True
    generated: bool = False


class Misfit(Exception):
    """A value does not fit the type that the store expects.

    Attributes:
        found: the value's kind, or what of it does not fit.
        expected: what the store's type takes.
    """

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(f"{found}; {expected}")
        self.found = found
        self.expected = expected
