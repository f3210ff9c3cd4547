"""Typed values as an application sees them: plain Python in, plain Python out. Their rules: docs/contract.md, 2.

| kind | Python |
|---|---|
| null, bool, int64, double | None, bool, int, float |
| decimal | Decimal, with its scale |
| string, bytes | str, bytes |
| timestamp | datetime with a time zone; comes back equal, in UTC |
| list, map | list, dict of str |
| other: date, time, timestamp, uuid | date, time, datetime (both without a zone), UUID |
| other: json | Json |
| other | Other |

What goes in comes out equal, or is refused: what would come out as something else is a TypeError or a ValueError that
says where it is and what to give in its place.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, TypeAlias, Union
from uuid import UUID

from prism.interfaces.value import (
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_INT64,
    MAX_SCALE,
    MAX_VALUES,
    MIN_INT64,
    OtherValue,
    Value,
    ValueList,
    ValueMap,
    value_violation,
)

Plain: TypeAlias = Union[
    bool, int, float, Decimal, str, bytes, datetime, date, time, UUID, "Other", "Json", list[Any], dict[str, Any], None
]
"""What stands for a value in Python; lists and dicts hold others."""

_AS_THEY_ARE: Final = frozenset({"bool", "int64", "double", "string", "bytes"})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Other:
    """A value of a type that only its store has.

    Attributes:
        type: the store's name of the type.
        text: the value as the store writes it.
    """

    type: str
    text: str


@dataclass(frozen=True, slots=True)
class Json:
    """JSON as a store keeps it: the text is the value, for what is parsed may lose digits and order."""

    text: str

    def load(self) -> Any:
        """The text, parsed."""
        return json.loads(self.text)


def to_value(plain: Plain) -> Value:
    """The value that a plain Python one stands for.

    Raises:
        TypeError: there is none, of it or of something within it.
        ValueError: it is out of the bounds of docs/contract.md, 2.
    """
    value = _Conversion().value(plain, "value", MAX_DEPTH)
    if (broken := value_violation(value, "value")) is not None:
        raise ValueError(str(broken))
    return value


def from_value(value: Value) -> Any:
    """The plain Python value: a `Plain`, typed as Any so that it is used as what it is."""
    kind = value.WhichOneof("kind")
    if kind in _AS_THEY_ARE:
        return getattr(value, kind)
    match kind:
        case "null":
            return None
        case "decimal":
            return Decimal(value.decimal)
        case "timestamp":
            return _EPOCH + value.timestamp * _MICROSECOND
        case "list":
            return [from_value(each) for each in value.list.values]
        case "map":
            return {name: from_value(each) for name, each in value.map.entries.items()}
        case "other":
            return _from_other(value.other)
    raise ValueError("the value has no kind that this client knows; the gateway is newer than it, or defective")


class _Conversion:
    """Converts one value and counts what is in it."""

    def __init__(self) -> None:
        self._count = 0

    def value(self, plain: Any, path: str, depth: int) -> Value:
        self._count += 1
        if depth <= 0:
            raise ValueError(f"{path} is within too many others: a value is at most {MAX_DEPTH} deep")
        if self._count > MAX_VALUES:
            raise ValueError(f"{path}: a value holds at most {MAX_VALUES} others")
        if isinstance(plain, list):
            parts = [self.value(each, f"{path}[{index}]", depth - 1) for index, each in enumerate(plain)]
            return Value(list=ValueList(values=parts))
        if isinstance(plain, dict):
            entries = {
                self._name(name, path): self.value(each, f"{path}[{name!r}]", depth - 1) for name, each in plain.items()
            }
            return Value(map=ValueMap(entries=entries))
        for kind, convert in _SCALARS.items():
            if isinstance(plain, kind):
                value = convert(plain, path)
                if type(plain) is not kind and not _same(from_value(value), plain):
                    raise TypeError(f"{path}: {type(plain).__qualname__} holds more than {kind.__name__}; convert it")
                return value
        raise TypeError(f"{path} is a {type(plain).__qualname__}; {_INSTEAD.get(type(plain).__name__, _ANY)}")

    @staticmethod
    def _name(name: Any, path: str) -> str:
        if not isinstance(name, str):
            raise TypeError(f"{path} has the key {name!r}; the keys of a map are str")
        return _text(name, path)


def _same(back: Any, plain: Any) -> bool:
    return bool(back == plain or (back != back and plain != plain))


def _null(_: None, __: str) -> Value:
    return Value(null="NULL_VALUE")


def _bool(plain: bool, _: str) -> Value:
    return Value(bool=plain)


def _int(plain: int, path: str) -> Value:
    if not MIN_INT64 <= plain <= MAX_INT64:
        raise ValueError(f"{path} is an int beyond 64 bits; give a Decimal, which is what comes back")
    return Value(int64=plain)


def _float(plain: float, _: str) -> Value:
    return Value(double=plain)


def _decimal(plain: Decimal, path: str) -> Value:
    if not plain.is_finite():
        raise ValueError(
            f"{path} is {plain}; a Decimal is finite: give a float, or Other('numeric', ...) to PostgreSQL"
        )
    if plain.is_zero() and plain.is_signed():
        raise ValueError(f"{path} is {plain}; a Decimal has no negative zero here: give a float, or 0")
    exponent = plain.as_tuple().exponent
    if plain.adjusted() >= MAX_DIGITS or (isinstance(exponent, int) and -exponent > MAX_SCALE):
        raise ValueError(f"{path} has more than {MAX_DIGITS} digits before its point, or than {MAX_SCALE} behind it")
    return Value(decimal=format(plain, "f"))


def _str(plain: str, path: str) -> Value:
    return Value(string=_text(plain, path))


def _text(plain: str, path: str) -> str:
    try:
        plain.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{path} is not text: character {error.start} is a lone surrogate; give bytes") from None
    return plain


def _bytes(plain: bytes, _: str) -> Value:
    return Value(bytes=plain)


def _datetime(plain: datetime, path: str) -> Value:
    if plain.tzinfo is None:
        return _other("timestamp", _datetime_text(plain))
    if plain.utcoffset() is None:
        raise ValueError(f"{path} has a time zone that gives no offset; give one that does, or none")
    return Value(timestamp=(plain - _EPOCH) // _MICROSECOND)


def _date(plain: date, _: str) -> Value:
    return _other("date", plain.isoformat())


def _time(plain: time, path: str) -> Value:
    if plain.tzinfo is not None:
        raise ValueError(f"{path} is a time with a time zone; give it without one, or a datetime")
    return _other("time", _time_text(plain))


def _uuid(plain: UUID, _: str) -> Value:
    return _other("uuid", str(plain))


def _json(plain: Json, path: str) -> Value:
    return _other("json", _text(plain.text, path))


def _plain_other(plain: Other, path: str) -> Value:
    other = OtherValue(type=_text(plain.type, path), text=_text(plain.text, path))
    if (back := _from_other(other)) != plain:
        raise ValueError(f"{path} is {plain!r}; give {back!r}, which is what comes back")
    return Value(other=other)


def _other(kind: str, text: str) -> Value:
    return Value(other=OtherValue(type=kind, text=text))


# In this order: a bool is an int, and a datetime is a date.
_SCALARS: Final[Mapping[type, Callable[[Any, str], Value]]] = {
    type(None): _null,
    bool: _bool,
    int: _int,
    float: _float,
    str: _str,
    bytes: _bytes,
    Decimal: _decimal,
    datetime: _datetime,
    date: _date,
    time: _time,
    UUID: _uuid,
    Json: _json,
    Other: _plain_other,
}
_INSTEAD: Final = {
    "tuple": "give a list, which is what comes back",
    "set": "give a list, which is what comes back",
    "bytearray": "give bytes, which is what comes back",
    "memoryview": "give bytes, which is what comes back",
    "timedelta": "give Other('interval', ...) as your store writes it, or a number",
}
_ANY: Final = "give None, bool, int, float, Decimal, str, bytes, datetime, date, time, UUID, Json, Other, list or dict"


def _from_other(other: OtherValue) -> Any:
    """What Python has for it, where that says the same text again."""
    if (reading := _READINGS.get(other.type)) is not None:
        read, text = reading
        try:
            plain = read(other.text)
        except ValueError:
            return Other(other.type, other.text)
        if text(plain) == other.text:
            return plain
    return Other(other.type, other.text)


def _time_text(plain: time) -> str:
    """As PostgreSQL writes it, without zeros at the end."""
    whole, point, fraction = plain.isoformat().partition(".")
    return whole + (point + fraction).rstrip("0")


def _datetime_text(plain: datetime) -> str:
    return f"{plain.date().isoformat()} {_time_text(plain.time())}"


_READINGS: Final[Mapping[str, tuple[Callable[[str], Any], Callable[[Any], str]]]] = {
    "date": (date.fromisoformat, date.isoformat),
    "time": (time.fromisoformat, _time_text),
    "timestamp": (datetime.fromisoformat, _datetime_text),
    "uuid": (UUID, str),
    "json": (Json, lambda plain: plain.text),
}
