"""What a store does for Sql: runs statements, each call in a transaction of its own that leaves nothing behind."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from prism.context import Context
from prism.errors import InvalidArgument, Violation, answer_too_large
from prism.interfaces import sql
from prism.interfaces.value import Value
from prism.sdk.tables import Misfit

Access = Literal["off", "read", "write"]
"""What callers may do with statements of their own."""

READS = "Query only reads; what may write is Execute (`prism sql --write`)"
"""Why Query refuses a statement that writes, and the mend."""


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


def require_size(results: Sequence[sql.Result], most: int) -> None:
    """Passes results that one answer holds; before anything is committed.

    Raises:
        LimitExceeded: they are larger.
    """
    size = sum(each.ByteSize() + 8 for each in results)
    if size > most:
        raise answer_too_large(size, most)
