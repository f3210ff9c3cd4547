"""Sql on ClickHouse: statements on a database of tables that are there already, each a request of its own."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from prism.backends.clickhouse.config import ClickHouseConfig, ClickHouseCredentials
from prism.backends.clickhouse.errors import ServerError, Unreachable, of_statement
from prism.backends.clickhouse.link import ROWS, Link
from prism.backends.clickhouse.tables.params import parameter, placeholders
from prism.backends.clickhouse.tables.rows import RowReader
from prism.backends.clickhouse.tables.types import ChType
from prism.context import Context
from prism.errors import FailedPrecondition, InvalidArgument, Outcome, PrismError, Violation
from prism.interfaces import sql
from prism.sdk import Health, HealthStatus
from prism.sdk.sql import READS, Answer, Room, SqlStore, Statement, misfit, wire
from prism.sdk.tables import Misfit

_FAILURES: Final = (ServerError, Unreachable)
_READONLY: Final = 164
_READING: Final = {"readonly": "1"}
"""For a user that may write. It shuts SETTINGS in a statement too; 2 would let INSERT INTO FUNCTION pass."""
_ONE_BLOCK: Final = 1 << 20
_SELECTS: Final = re.compile(r"\bSELECT\b", re.IGNORECASE)
_OWN_PROFILE: Final = "SELECT toString(getSetting('readonly'))"


class ClickHouseSql(SqlStore):
    """Statements on one database.

    Args:
        config: where it is, and what callers may do.
        credentials: who runs them there.
    """

    def __init__(self, config: ClickHouseConfig, credentials: ClickHouseCredentials) -> None:
        self._access = config.sql
        own = credentials.sql_username is not None
        password = credentials.sql_password if own else credentials.password
        self.link = Link(
            config,
            credentials.sql_username or credentials.username,
            None if password is None else password.get_secret_value(),
            config.sql_database or config.database,
        )

    async def start(self) -> None:
        """Looks whether the user is fit for it.

        Raises:
            FailedPrecondition: it is not.
            PrismError: ClickHouse does not answer.
        """
        if self._access == "off":
            return
        self.link.start()
        self.link.sends_settings = False  # until it is known that the profile takes them
        (readonly,) = await self._one(_OWN_PROFILE, Context(""))
        if self._access == "read" and readonly != b"1":
            raise FailedPrecondition(
                "sql: read needs a ClickHouse user whose profile has readonly = 1, so that its statements neither "
                f"write nor change settings; this one has readonly = {readonly.decode()}: set sql_username"
            )
        if self._access == "write" and readonly != b"0":
            raise FailedPrecondition(
                "sql: write needs a ClickHouse user that may write and send settings: its profile has "
                f"readonly = {readonly.decode()}"
            )
        self.link.sends_settings = self._access == "write"

    async def health(self, probe: Context) -> Health:
        """Whether ClickHouse answers."""
        try:
            await self._one("SELECT 1", probe)
        except PrismError as error:
            return Health(HealthStatus.UNHEALTHY, error.message)
        return Health()

    async def stop(self) -> None:
        """Ends what runs."""
        await self.link.stop()

    @asynccontextmanager
    async def query(self, statement: Statement, context: Context) -> AsyncIterator[Answer]:
        """See SqlStore."""
        params = self._bound(statement)
        try:
            async with self.link.ask(statement.text, context, params=params, settings=_READING) as answer:
                reader = RowReader(answer)
                _require_rows(answer.format)
                await reader.head()
                yield _Rows(reader)
        except _FAILURES as error:
            found = of_statement(error, writes=False)
            if isinstance(error, ServerError) and error.code == _READONLY:
                found.message += f": {READS}"
            raise found from error

    async def execute(
        self,
        statements: Sequence[Statement],
        context: Context,
        most: int,
        *,
        autocommit: bool = False,  # noqa: ARG002
    ) -> Sequence[sql.Result]:
        """See SqlStore; the capabilities say that it is one statement, and outside a transaction there is nothing."""
        (statement,) = statements
        params = self._bound(statement)
        try:
            async with self.link.ask(statement.text, context, params=params, writes=True) as answer:
                reader = RowReader(answer)
                _require_rows(answer.format)
                await reader.head()
                result = sql.Result(rows_affected=answer.written, columns=_columns(reader))
                room = Room(most)
                room.take(result)
                while rows := await reader.rows(1000, lambda held: _row(reader.types, held)):
                    for each in rows:
                        room.take(each)
                    result.rows.extend(rows)
        except _FAILURES as error:
            raise of_statement(error, writes=True, at_once=_is_one_block(statement.text)) from error
        return [result]

    def _bound(self, statement: Statement) -> dict[str, str]:
        """The texts of the parameters."""
        declared = placeholders(statement.text)
        expected = [f"p{number}" for number in range(1, len(statement.params) + 1)]
        if {*declared} != {*expected}:
            found = ", ".join(sorted(declared)) or "none"
            violation = Violation(
                f"{statement.path}params",
                f"{len(statement.params)} values",
                f"the statement has the parameters {found}; they are {{p1:Type}}, {{p2:Type}} and so on",
            )
            raise InvalidArgument(str(violation), violations=[violation], outcome=Outcome.NOT_APPLIED)
        bound = {}
        for index, (name, value) in enumerate(zip(expected, statement.params, strict=True)):
            try:
                bound[name] = parameter(declared[name], value, self.link.zone)
            except Misfit as error:
                raise misfit(error, statement, index) from error
        return bound

    async def _one(self, statement: str, context: Context) -> Sequence[Any]:
        """The one row of a statement of our own."""
        try:
            async with self.link.ask(statement, context) as answer:
                reader = RowReader(answer)
                await reader.head()
                (row,) = await reader.rows(2, list)
        except _FAILURES as error:
            raise of_statement(error, writes=False) from error
        found: Sequence[Any] = row
        return found


class _Rows:
    """`prism.sdk.sql.Answer`: an answer of ClickHouse."""

    def __init__(self, reader: RowReader) -> None:
        self.columns = _columns(reader)
        self._reader = reader
        self._writes = [each.wire for each in reader.types]

    async def fetch(self, most: int) -> Sequence[bytes]:
        """See Answer."""
        writes = self._writes

        def one(row: Sequence[Any]) -> bytes:
            return b"".join(
                [wire.NULL if held is None else write(held) for write, held in zip(writes, row, strict=True)]
            )

        return await self._reader.rows(most, one)


def _columns(reader: RowReader) -> list[sql.Column]:
    return [
        sql.Column(name=name, kind=each.kind, store_type=each.name)
        for name, each in zip(reader.names, reader.types, strict=True)
    ]


def _row(types: Sequence[ChType], held: Sequence[Any]) -> sql.Row:
    return sql.Row(values=[each.value_of(one) for each, one in zip(types, held, strict=True)])


def _is_one_block(statement: str) -> bool:
    """What an INSERT of values alone inserts is one block, which ClickHouse ends at a million rows."""
    return len(statement) < _ONE_BLOCK and _SELECTS.search(statement) is None


def _require_rows(form: str) -> None:
    if form not in {"", ROWS}:
        raise InvalidArgument(
            f"the statement gives its rows in the format {form[:40]}; leave FORMAT to the gateway",
            outcome=Outcome.UNKNOWN,
        )
