"""What a text or a string of bytes in a request may be; validation.py says in which field. Source: options.proto."""

from collections.abc import Callable
from typing import Any

from prism.errors import Violation
from prism.sdk.topics import fault

Limit = Callable[[Any], Violation | None]
"""Looks at one value; the violation's field is filled in by the caller."""


def text(most: int) -> Limit:
    """Text of at most so many bytes of UTF-8, 0 for any number, without NUL."""

    def limit(value: str) -> Violation | None:
        length = len(value) if value.isascii() else len(value.encode())
        if most and length > most:
            return Violation("", f"{length} bytes", f"at most {most} are allowed")
        if "\0" in value:
            return Violation("", "a NUL character", "NUL is allowed in bytes fields only")
        return None

    return limit


def topic(text: Limit, *, pattern: bool) -> Limit:
    """Text that is a topic, or a pattern of topics."""

    def limit(value: str) -> Violation | None:
        if (broken := text(value)) is not None:
            return broken
        wrong = fault(value, pattern=pattern)
        return Violation("", repr(value[:40]), wrong) if wrong else None

    return limit


def octets(most: int) -> Limit:
    """At most so many bytes; 0 for any number."""

    def limit(value: bytes) -> Violation | None:
        if most and len(value) > most:
            return Violation("", f"{len(value)} bytes", f"at most {most} are allowed")
        return None

    return limit
