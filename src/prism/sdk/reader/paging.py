"""A page, made of the rows of one statement after another; which statement comes next, and when the page is full.

It waits for nothing: the store's plugin runs the statements, on a thread or on an event loop.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from prism.errors import FailedPrecondition, LimitExceeded, answer_too_large
from prism.interfaces import reader as r
from prism.interfaces.value import Value
from prism.sdk.reader.collection import Column
from prism.sdk.reader.ranges import Position, ranges
from prism.sdk.reader.statements import Dialect, Selection, Statement, mark, page

Decode = Callable[[Column, Any], Value]
"""A value as the driver gave it for `Column.wanted`."""

_FRAMING = 8
"""Most bytes that tag and length add to a row on a page."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a page may hold.

    Attributes:
        rows: most rows.
        scan: most rows to look at.
        payload: most bytes in one row.
    """

    rows: int
    scan: int
    payload: int


class PageWork:
    """One page in the making.

    Attributes:
        rows: those that are on it.
        behind: the position behind it; None at the end.
    """

    def __init__(
        self, selection: Selection, position: Position | None, limits: Limits, dialect: Dialect, decode: Decode
    ) -> None:
        self.rows: list[r.Row] = []
        self.behind: Position | None = None
        self._selection = selection
        self._limits = limits
        self._dialect = dialect
        self._decode = decode
        self._ranges = enumerate(ranges(selection.ordering, position))
        self._range = 0
        self._scan = 0
        self._budget = limits.scan
        self._room = r.MAX_PAGE_BYTES
        self._done = False
        self._start = self._last = position
        self._seen = 0
        self._groups: list[object] = []
        self._group: object = None
        self._before: Position | None = position

    def statement(self) -> Statement | None:
        """The next statement to run; None where the page is made."""
        self._settle()
        if self._done:
            return None
        following = next(self._ranges, None)
        if following is None:
            self._done = True
            return None
        if self._budget <= 0:
            self._end(self._last)
            return None
        self._range, within = following
        self._scan, self._seen = self._budget, 0
        return page(self._selection, within, self._limits.rows + 1, self._scan, self._dialect)

    def take(self, raw: Sequence[Any]) -> bool:
        """A row of the statement; whether another one is wanted."""
        selection = self._selection
        wanted, fields = len(selection.columns), len(selection.ordering.fields)
        position = tuple(raw[wanted : wanted + fields])
        hit, group = True, None
        if selection.scans:
            hit, self._seen = bool(raw[wanted + fields]), raw[wanted + fields + 1]
            if not selection.ordering.complete:
                group = (self._range, raw[wanted + fields + 2])
        if group != self._group:
            self._group, self._before = group, self._last
        if hit and not self._add(raw[:wanted], position, group):
            return False
        self._last = position
        if selection.scans and self._seen >= self._scan:
            self._cut(position)
            return False
        return True

    def _settle(self) -> None:
        """Takes what the statement has looked at from what the page may look at."""
        if self._selection.scans and self._scan:
            step = mark(self._scan) if self._selection.ordering.complete else 1
            self._budget -= (self._seen // step + 1) * step - 1
            self._scan = 0

    def _add(self, raw: Sequence[Any], position: Position, group: object) -> bool:
        """Puts a row on the page; False where it is for the next one."""
        columns = self._selection.columns
        row = r.Row(values=[self._decode(column, value) for column, value in zip(columns, raw, strict=True)])
        size = row.ByteSize() + _FRAMING
        if self.rows and (len(self.rows) == self._limits.rows or size > self._room):
            self._cut(self._last)
            return False
        if size > self._limits.payload:
            raise Oversized(size, self._limits.payload, position)
        self._room -= size
        self.rows.append(row)
        self._groups.append(group)
        return True

    def _cut(self, position: Position | None) -> None:
        """Ends the page before its end: behind a row, or before the group of ties that the next row is of."""
        if self._selection.ordering.complete:
            self._end(position)
            return
        if self._before is self._start:
            raise FailedPrecondition(
                f"{self._selection.collection.name} has no key, and more rows than fit on a page are alike in "
                f"({self._selection.ordering}): give its `key` in the configuration, sort by more fields, or ask for a "
                "larger page"
            )
        while self._groups and self._groups[-1] == self._group:
            self._groups.pop()
            self.rows.pop()
        self._end(self._before)

    def _end(self, position: Position | None) -> None:
        self.behind = position
        self._done = True


class Oversized(Exception):
    """A row is larger than an answer may be."""

    def __init__(self, size: int, most: int, position: Position) -> None:
        super().__init__(size, most)
        self.size, self.most, self.position = size, most, position

    def error(self, cursor: bytes) -> LimitExceeded:
        """What the caller gets, with the key of the row and a cursor behind it."""
        error = answer_too_large(self.size, self.most)
        error.metadata |= {
            "key": ", ".join(map(str, self.position)),
            "cursor": b64encode(cursor).decode(),
        }
        return error
