"""Functions over the values of a bucket, exact where the contract has them exact (docs/contract.md, TimeSeries 6)."""

import math
from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Any

from prism.interfaces.timeseries import FunctionName as N
from prism.interfaces.value import Kind, Value
from prism.sdk.filters import Operand
from prism.sdk.timeseries import PERCENTILES, Function, Row

_EXACT = Context(prec=300_000, Emax=MAX_EMAX, Emin=MIN_EMIN)
NULL = Value(null="NULL_VALUE")


def value_of(function: Function, rows: Sequence[Row]) -> Value:
    """The value of a function over events in the order of time."""
    if function.field is None:
        return Value(int64=len(rows))
    number = function.field.number
    values = [each for row in rows if number < len(row.values) and (each := row.values[number]) is not None]
    if function.name == N.TIME_SERIES_FUNCTION_NAME_COUNT:
        return Value(int64=len(values))
    if function.name == N.TIME_SERIES_FUNCTION_NAME_FIRST:
        return values[0] if values else NULL
    if function.name == N.TIME_SERIES_FUNCTION_NAME_LAST:
        return values[-1] if values else NULL
    pairs = [(Operand.of(each).value, each) for each in values]
    pairs = [pair for pair in pairs if pair[0] == pair[0]]  # a NaN is not equal to itself
    if not pairs:
        return NULL
    return _over(function, pairs)


def _over(function: Function, pairs: list[tuple[Any, Value]]) -> Value:
    numbers = [plain for plain, _ in pairs]
    match function.name:
        case N.TIME_SERIES_FUNCTION_NAME_MIN:
            return min(pairs, key=lambda pair: pair[0])[1]
        case N.TIME_SERIES_FUNCTION_NAME_MAX:
            return max(pairs, key=lambda pair: pair[0])[1]
        case N.TIME_SERIES_FUNCTION_NAME_SUM:
            return _sum(numbers, function.kind)
        case N.TIME_SERIES_FUNCTION_NAME_AVG:
            return Value(double=_mean(numbers))
        case N.TIME_SERIES_FUNCTION_NAME_STDDEV:
            return Value(double=_deviation(numbers)) if len(numbers) > 1 else NULL
    place = -(-len(pairs) * PERCENTILES[function.name] // 100)
    return sorted(pairs, key=lambda pair: pair[0])[place - 1][1]


def _sum(numbers: Sequence[Any], kind: Kind) -> Value:
    if kind is Kind.DOUBLE:
        return Value(double=_total(numbers))
    return Value(decimal=f"{_exact(numbers):f}")


def _exact(numbers: Sequence[Any]) -> Decimal:
    total = Decimal(0)
    for each in numbers:
        total = _EXACT.add(total, Decimal(each))
    return total


def _total(numbers: Sequence[float]) -> float:
    try:
        return math.fsum(numbers)
    except (OverflowError, ValueError):  # beyond doubles on the way, or two infinities
        return sum(numbers)


def _mean(numbers: Sequence[Any]) -> float:
    if isinstance(numbers[0], float):
        return _total(numbers) / len(numbers)
    return float(Context(prec=50, Emax=MAX_EMAX, Emin=MIN_EMIN).divide(_exact(numbers), Decimal(len(numbers))))


def _deviation(numbers: Sequence[Any]) -> float:
    if isinstance(numbers[0], float):
        mean = _mean(numbers)
        squares: list[float] = [each * each for each in (one - mean for one in numbers)]
    else:
        rounded = Context(prec=50, Emax=MAX_EMAX, Emin=MIN_EMIN)
        exact = rounded.divide(_exact(numbers), Decimal(len(numbers)))
        squares = [each * each for each in (float(rounded.subtract(Decimal(one), exact)) for one in numbers)]
    return math.sqrt(_total(squares) / (len(numbers) - 1))
