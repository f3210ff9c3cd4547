"""What a store does for Sql: runs statements, each call in a transaction of its own that leaves nothing behind."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from prism.context import Context
from prism.errors import InvalidArgument, LimitExceeded, Violation, answer_too_large
from prism.interfaces import sql
from prism.interfaces.value import Value
from prism.reason import Reason
from prism.sdk.tables import Misfit

Access = Literal["off", "read", "write"]
"""What callers may do with statements of their own."""

READS = "Query only reads; what may write is Execute (`prism sql --write`)"
"""Why Query refuses a statement that writes, and the mend."""


_FRAMING: Final = 10
"""Bytes that a row, or a result, needs in its message besides, at most."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement and its parameters.

    Attributes:
        text: one statement in the store's dialect.
        params: by their number, each without a violation.
        path: where it is in the request; empty, or ending in a dot.
    """

    text: str
    params: Sequence[Value]
    path: str = ""


class Answer(Protocol):
    """The rows of a statement, as a cursor gives them."""

    @property
    def columns(self) -> Sequence[sql.Column]:
        """Of the rows."""
        ...

    async def fetch(self, most: int) -> Sequence[bytes]:
        """The next rows, at most so many, each its values as `prism.sdk.sql.wire` writes them; fewer only at the end.

        Raises:
            PrismError: the statement failed.
        """
        ...


class SqlStore(Protocol):
    """A store that runs statements. What it raises are PrismErrors, those of a write with their outcome."""

    def query(self, statement: Statement, context: Context) -> AbstractAsyncContextManager[Answer]:
        """Runs a statement that reads; whatever it changes is undone. Left early, the statement is stopped."""
        ...

    async def execute(
        self, statements: Sequence[Statement], context: Context, most: int, *, autocommit: bool = False
    ) -> Sequence[sql.Result]:
        """Runs statements in one transaction, or one statement outside any; what it gives has at most `most` bytes."""
        ...


def misfit(error: Misfit, statement: Statement, index: int) -> InvalidArgument:
    """The refusal of a parameter that does not fit."""
    violation = Violation(f"{statement.path}params[{index}]", error.found, error.expected)
    return InvalidArgument(str(violation), violations=[violation])


class Room:
    """What an answer holds: its rows are counted as they come, so that those of a statement that gives too many are not
    all held before it is refused.

    Attributes:
        left: bytes that are left.

    Args:
        most: bytes that the answer may have.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.left = most - _FRAMING

    def take(self, part: sql.Row | sql.Result) -> None:
        """Counts a row that has come, or a result that has no rows yet; before anything is committed.

        Raises:
            LimitExceeded: it does not fit.
        """
        self.left -= part.ByteSize() + _FRAMING
        if self.left < 0:
            error = answer_too_large(self._most - self.left, self._most)
            raise LimitExceeded(
                f"{error.message}, or let RETURNING give less; Query has no such limit", reason=error.reason
            )


def too_many_alone(rows: int) -> LimitExceeded:
    """The refusal of a statement that gives more rows, where outside a transaction so many can be fetched."""
    return LimitExceeded(
        f"the statement gives more than {rows} rows, and outside a transaction no more are fetched; run it without "
        "autocommit",
        reason=Reason.ANSWER_TOO_LARGE,
    )
