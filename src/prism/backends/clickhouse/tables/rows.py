"""The rows of an answer, as they come: RowBinary with names and types, read row by row."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from prism.backends.clickhouse.answer import Answer
from prism.backends.clickhouse.errors import Unreachable
from prism.backends.clickhouse.tables.types import CUTS, ChType, Cut, type_of, varint
from prism.errors import answer_too_large

_MAX_ROW: Final = 64 << 20
"""Bytes of one row, which is whole in memory."""


class RowReader:
    """Rows out of an answer.

    Attributes:
        names: of the columns.
        types: of the columns.
    """

    def __init__(self, answer: Answer) -> None:
        self.names: list[str] = []
        self.types: list[ChType] = []
        self._answer = answer
        self._data = b""
        self._place = 0

    async def head(self) -> None:
        """Reads names and types; there are none of a statement that gives no rows. Raises as `Answer.read`."""
        while not await self._enough(self._head):
            pass

    async def rows(self, most: int, one: Callable[[Sequence[Any]], Any]) -> list[Any]:
        """The next rows, at most so many; fewer only at the end. Raises as `Answer.read`.

        Args:
            most: rows.
            one: what is made of the values of a row.
        """
        found: list[Any] = []
        reads = [each.read for each in self.types]

        def taken() -> bool:
            data, place = self._data, self._place
            while len(found) < most and place < len(data):
                held = []
                for read in reads:
                    value, place = read(data, place)
                    held.append(value)
                found.append(one(held))
                self._place = place
            return len(found) == most or self._over

        if reads:
            while not await self._enough(taken):
                pass
        return found

    @property
    def _over(self) -> bool:
        return self._answer.ended and not self._answer.buffer and self._place == len(self._data)

    async def _enough(self, take: Callable[[], bool]) -> bool:
        """Takes what is there; else waits for more of it."""
        try:
            if take():
                return True
            wanted = 1
        except (Cut, *CUTS):
            wanted = 2 * (len(self._data) - self._place)
            if wanted > 2 * _MAX_ROW:
                raise answer_too_large(wanted // 2, _MAX_ROW) from None
        await self._more(wanted)
        return False

    async def _more(self, wanted: int) -> None:
        answer = self._answer
        rest = self._data[self._place :]
        while not answer.ended and len(rest) + answer.safe < max(wanted, len(rest) + 1):
            await answer.read()
        more = answer.safe
        if not more and rest:
            raise Unreachable("the answer ends within a row", sent=True)
        self._data, self._place = rest + bytes(answer.buffer[:more]), 0
        del answer.buffer[:more]

    def _head(self) -> bool:
        if self._over:
            return True
        count, place = varint(self._data, self._place)
        texts = []
        for _ in range(2 * count):
            size, place = varint(self._data, place)
            if place + size > len(self._data):
                raise Cut
            texts.append(self._data[place : place + size].decode(errors="replace"))
            place += size
        self.names, self.types = texts[:count], [type_of(each) for each in texts[count:]]
        self._place = place
        return True
