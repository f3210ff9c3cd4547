"""How ClickHouse writes values as text: escaped in a parameter, quoted within an array, a map or a tuple."""

import math
from typing import Final

_ESCAPES: Final = str.maketrans(
    {"\\": "\\\\", "'": "\\'", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\0": "\\0"}
)


def escaped(text: str) -> str:
    """As it stands in a parameter, and between quotes."""
    return text.translate(_ESCAPES)


def quoted(text: str) -> str:
    """Within an array, and as a literal in a statement."""
    return f"'{escaped(text)}'"


def identifier(name: str) -> str:
    """A name in a statement, whatever it holds."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def of_float(number: float) -> str:
    """A floating-point number."""
    if math.isfinite(number):
        return repr(number)
    return "nan" if number != number else "inf" if number > 0 else "-inf"
