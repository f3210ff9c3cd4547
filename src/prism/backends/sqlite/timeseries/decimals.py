"""Functions over decimals for SQLite, which keeps them as text that sorts by value (`prism.backends.sqlite.values`)."""

import math
import sqlite3
from collections.abc import Mapping
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Any, Final

from prism.backends.sqlite.values import decode
from prism.interfaces.value import Kind

_EXACT: Final = Context(prec=300_000, Emax=MAX_EMAX, Emin=MIN_EMIN)
_ROUNDED: Final = Context(prec=50, Emax=MAX_EMAX, Emin=MIN_EMIN)


def install(connection: sqlite3.Connection) -> None:
    """Makes the functions known to a connection."""
    for name, kind in _FUNCTIONS.items():
        connection.create_aggregate(name, 1, kind)


class Sum:
    """The exact sum."""

    def __init__(self) -> None:
        self.total = Decimal(0)
        self.count = 0

    def step(self, stored: str | None) -> None:
        """One value."""
        if stored is not None:
            self.total = _EXACT.add(self.total, Decimal(decode(Kind.DECIMAL, stored).decimal))
            self.count += 1

    def finalize(self) -> str | float | None:
        """The sum as text."""
        return f"{self.total:f}" if self.count else None


class Mean(Sum):
    """The mean."""

    def finalize(self) -> float | None:
        """As a double."""
        return float(_ROUNDED.divide(self.total, Decimal(self.count))) if self.count else None


class Deviation:
    """The deviation of the sample; Welford's method, in 50 digits."""

    def __init__(self) -> None:
        self._count = 0
        self._mean = Decimal(0)
        self._squares = Decimal(0)

    def step(self, stored: str | None) -> None:
        """One value."""
        if stored is None:
            return
        value = Decimal(decode(Kind.DECIMAL, stored).decimal)
        self._count += 1
        apart = _ROUNDED.subtract(value, self._mean)
        self._mean = _ROUNDED.add(self._mean, _ROUNDED.divide(apart, Decimal(self._count)))
        self._squares = _ROUNDED.fma(apart, _ROUNDED.subtract(value, self._mean), self._squares)

    def finalize(self) -> float | None:
        """As a double; none below two values."""
        return math.sqrt(self._squares / (self._count - 1)) if self._count > 1 else None


_FUNCTIONS: Final[Mapping[str, Any]] = {"prism_sum": Sum, "prism_avg": Mean, "prism_stddev": Deviation}
