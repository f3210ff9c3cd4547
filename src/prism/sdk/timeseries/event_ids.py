"""Ids of events that came without one: UUIDs of version 7 (RFC 9562, 5.7), rising within a process."""

import os
import time

_RANDOM = (1 << 73) - 1
"""Of 74 bits one is left free to count into."""
_LOW = (1 << 62) - 1


class EventIds:
    """Gives ids; each begins with the millisecond in which it was given."""

    __slots__ = ("_millisecond", "_rest")

    def __init__(self) -> None:
        self._millisecond = 0
        self._rest = 0

    def next(self) -> str:
        """An id that no other call gives, in this process or another; above the one before."""
        now = time.time_ns() // 1_000_000
        if now > self._millisecond:
            self._millisecond = now
            self._rest = int.from_bytes(os.urandom(10), "big") & _RANDOM
        else:
            self._rest += 1 + int.from_bytes(os.urandom(4), "big")
        number = self._millisecond << 80 | 7 << 76 | self._rest >> 62 << 64 | 2 << 62 | self._rest & _LOW
        text = f"{number:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
