"""Defects of the rules of Sql on SQLite, each breaking one of them."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from prism.backends.sqlite.sql import SqliteSql
from prism.backends.sqlite.tables import guard
from prism.context import Context
from prism.errors import PrismError
from prism.interfaces import sql
from prism.interfaces.value import Value
from prism.sdk.sql import Answer, Statement


class _Changed:
    """An answer whose rows are others."""

    def __init__(self, inner: Answer) -> None:
        self._inner = inner
        self.columns = inner.columns

    async def fetch(self, most: int) -> Sequence[bytes]:
        return await self._inner.fetch(most)


class _CutShort(_Changed):
    left = 2_500

    async def fetch(self, most: int) -> Sequence[bytes]:
        rows = await super().fetch(min(most, self.left)) if self.left else []
        self.left -= len(rows)
        return rows


class _Hushed(_Changed):
    async def fetch(self, most: int) -> Sequence[bytes]:
        try:
            return await super().fetch(most)
        except (PrismError, sqlite3.Error):
            return []


class _Answers(SqliteSql):
    KIND: type[_Changed]

    @asynccontextmanager
    async def query(self, statement: Statement, context: Context) -> AsyncIterator[Answer]:
        async with super().query(statement, context) as answer:
            yield self.KIND(answer)


class CutsAnswers(_Answers):
    """An answer ends after 2,500 rows, and says that it is whole."""

    KIND = _CutShort


class EndsWhatFails(_Answers):
    """A statement that fails after rows have come ends as if it had none more."""

    KIND = _Hushed


class RunsSeveral(SqliteSql):
    """What stands behind a semicolon is run too."""

    async def execute(
        self, statements: Sequence[Statement], context: Context, most: int, *, autocommit: bool = False
    ) -> Sequence[sql.Result]:
        several = [replace(each, text=text) for each in statements for text in each.text.split(";") if text.strip()]
        done = await super().execute(several, context, most, autocommit=autocommit)
        return done[: len(statements)]


class SplicesParameters(SqliteSql):
    """Texts are put into the statement."""

    async def execute(self, statements: Sequence[Statement], *more: Any, **options: Any) -> Sequence[sql.Result]:
        return await super().execute([_spliced(each) for each in statements], *more, **options)


def _spliced(statement: Statement) -> Statement:
    text = statement.text
    for number, each in enumerate(statement.params, 1):
        text = text.replace(f"?{number}", f"'{each.string}'" if each.HasField("string") else str(each.int64))
    return Statement(text, [], statement.path)


class CastsInSilence(SqliteSql):
    """A bool is bound as a number."""

    @asynccontextmanager
    async def query(self, statement: Statement, context: Context) -> AsyncIterator[Answer]:
        params = [Value(int64=int(each.bool)) if each.HasField("bool") else each for each in statement.params]
        async with super().query(replace(statement, params=params), context) as answer:
            yield answer


class CommitsEach(SqliteSql):
    """Each statement of a batch is a transaction of its own."""

    async def execute(self, statements: Sequence[Statement], *more: Any, **options: Any) -> Sequence[sql.Result]:
        run = super().execute
        return [done for each in statements for done in await run([each], *more, **options)]


class QueriesMayWrite(SqliteSql):
    """A Query may do what Execute may."""

    @asynccontextmanager
    async def query(self, statement: Statement, context: Context) -> AsyncIterator[Answer]:
        if statement.text.split()[0].upper() in {"SELECT", "WITH"}:
            async with super().query(statement, context) as answer:
                yield answer
            return
        await self.execute([statement], context, 1 << 20)
        async with super().query(Statement("SELECT 1", []), context) as answer:
            yield answer


class LeavesSettings(SqliteSql):
    """A statement may set what outlives it."""

    async def execute(self, statements: Sequence[Statement], *more: Any, **options: Any) -> Sequence[sql.Result]:
        if not statements[0].text.startswith("PRAGMA query_only"):
            return await super().execute(statements, *more, **options)
        _, writer = await self._opened()
        async with writer.one(more[0]) as session:
            session.guard.allows = lambda *_: sqlite3.SQLITE_OK
            await session.run(lambda connection: connection.execute(statements[0].text).close())
            session.guard.allows = guard.writing
        return [sql.Result()]


class TellsData(SqliteSql):
    """An error repeats what was given."""

    async def execute(self, statements: Sequence[Statement], *more: Any, **options: Any) -> Sequence[sql.Result]:
        try:
            return await super().execute(statements, *more, **options)
        except PrismError as error:
            error.message += f" in {statements[0].text}"
            raise
