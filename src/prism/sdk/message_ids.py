"""Ids of messages, never given twice and made without asking any other process."""

import secrets
from itertools import count


class MessageIds:
    """Gives ids. Each source has a random part of its own (72 bits), so that sources need not know of each other."""

    __slots__ = ("_count", "_source")

    def __init__(self) -> None:
        self._source = secrets.token_hex(9)
        self._count = count(1)

    def next(self) -> str:
        """An id; those of one source are as long as each other for the first four billion, and sort by age."""
        return f"{self._source}{next(self._count):08x}"
