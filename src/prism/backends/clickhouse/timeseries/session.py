"""Statements of Prism's own on its database in ClickHouse, with its errors as those of the tree."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from prism.backends.clickhouse.errors import ServerError, Unreachable, translate
from prism.backends.clickhouse.link import Link
from prism.backends.clickhouse.tables.rows import RowReader
from prism.context import Context

Rows = list[list[Any]]
_FAILURES: Final = (ServerError, Unreachable)
_ALL: Final = 1 << 30


class OwnStatements:
    """Statements by the gateway's own user.

    Args:
        link: of that user.
        settings: of every statement.
    """

    def __init__(self, link: Link, settings: Mapping[str, str]) -> None:
        self._link = link
        self._settings = settings

    async def rows(
        self, statement: str, context: Context, *, most: int = _ALL, max_bytes: int = 0, sized: int = 0
    ) -> Rows:
        """The rows of a statement that reads.

        Args:
            statement: in ClickHouse's dialect.
            context: of the call.
            most: rows.
            max_bytes: no more rows than have so many bytes in one column, but one; 0 for any.
            sized: the number of that column.
        """
        found: Rows = []
        try:
            async with self._link.ask(statement, context, settings=self._settings) as answer:
                reader = RowReader(answer)
                await reader.head()
                room = max_bytes
                while len(found) < most:
                    wanted = min(most - len(found), 500)
                    more: Rows = await reader.rows(wanted, list)
                    for row in more:
                        if max_bytes:
                            room -= len(row[sized])
                            if room < 0 and found:
                                return found
                        found.append(row)
                    if len(more) < wanted:
                        break
        except _FAILURES as error:
            raise translate(error, writes=False) from error
        return found

    async def write(self, statement: str, context: Context, *, data: bytes | None = None) -> None:
        """Runs a statement that writes."""
        try:
            await self._link.run(statement, context, settings=self._settings, data=data, writes=True)
        except _FAILURES as error:
            raise translate(error, writes=True) from error


def code_of(error: BaseException) -> int:
    """ClickHouse's code behind an error; 0 for none."""
    cause = error.__cause__
    return cause.code if isinstance(cause, ServerError) else 0


def first(rows: Rows) -> Sequence[Any]:
    """The one row."""
    (row,) = rows
    return row
