"""The contract's reading rules by brute force: what the answers of a store are compared with."""

from collections.abc import Iterable
from typing import TypeVar

Text = TypeVar("Text", bytes, str)


def octets(text: bytes | str) -> bytes:
    """What byte order compares."""
    return text.encode() if isinstance(text, str) else text


def selected(
    names: Iterable[Text], *, prefix: bytes = b"", start: bytes = b"", end: bytes = b"", reverse: bool = False
) -> list[Text]:
    """The keys or ids that a scan of these bounds gives: `start` included, `end` excluded, byte order."""
    chosen = [
        name
        for name in names
        if octets(name).startswith(prefix) and octets(name) >= start and (not end or octets(name) < end)
    ]
    return sorted(chosen, key=octets, reverse=reverse)
