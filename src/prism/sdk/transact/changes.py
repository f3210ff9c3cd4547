"""From a change as it came to a statement: names looked up, never spliced; values bound, each by its column."""
# ruff: noqa: S608  # made of names that the store gave, quoted

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from prism.errors import ConditionFailed, FailedPrecondition, InvalidArgument, Outcome, Violation
from prism.interfaces.transact import Data, Op, Read
from prism.interfaces.value import Kind, Value, kind_of
from prism.sdk.filters import Resolved, resolve
from prism.sdk.transact.tables import Column, Table

_SHOWN = 20


class Binder(Protocol):
    """The parameters of one statement.

    Attributes:
        parameters: those so far.
    """

    parameters: list[Any]

    def bind(self, column: Column, value: Value, path: str) -> str:
        """Adds a value for a column; what stands for it in the statement.

        Raises:
            InvalidArgument: the column takes no such value; `path` is what it is called in the refusal.
        """
        ...

    def equal(self, column: Column, value: Value, path: str) -> str:
        """Adds a value; the condition that the column equals it, which the column's index serves.

        Raises:
            InvalidArgument: the column never does.
        """
        ...

    def condition(self, filter: Resolved) -> str:  # noqa: A002 - the abstraction's own word
        """Adds what a filter compares with; the filter as a condition."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """A statement that changes rows.

    Attributes:
        sql: the statement.
        parameters: what is bound.
        returning: the columns that it returns of each row.
    """

    sql: str
    parameters: Sequence[Any]
    returning: Sequence[Column] = ()


def refusal(field: str, found: str, limit: str) -> InvalidArgument:
    """The error of a request that breaks a rule which is not in the .proto."""
    violation = Violation(field, found, limit)
    return InvalidArgument(str(violation), violations=[violation])


def check_data(data: Data, path: str) -> None:
    """Passes a change whose parts go together.

    Raises:
        InvalidArgument: they do not.
    """
    has_where = data.HasField("where")
    match data.op:
        case Op.TRANSACT_OP_INSERT:
            if data.key or has_where:
                raise refusal(f"{path}.key", "a key or a filter", "INSERT has neither; put the columns into `record`")
        case Op.TRANSACT_OP_UPSERT:
            if not data.key or has_where:
                raise refusal(f"{path}.key", "no key, or a filter", "UPSERT needs `key`, and has no `where`")
        case Op.TRANSACT_OP_UPDATE | Op.TRANSACT_OP_DELETE:
            if not data.key and not has_where:
                raise refusal(
                    f"{path}.where", "nothing", "say which rows with `key` or `where`; `all` of nothing is all"
                )
            if bool(data.record) is (data.op == Op.TRANSACT_OP_DELETE):
                raise refusal(f"{path}.record", f"{len(data.record)} columns", "UPDATE needs some, DELETE takes none")
        case _:
            raise refusal(f"{path}.op", "nothing", "it is INSERT, UPDATE, UPSERT or DELETE")


def change_of(data: Data, table: Table, binder: Binder, path: str) -> Change:
    """The statement of a change that `check_data` has passed.

    Raises:
        InvalidArgument: it names an unknown column, writes a computed one, or has a value that a column does not take.
        FailedPrecondition: the table takes no rows, or no index makes the key of an UPSERT unique.
    """
    if not table.writable:
        raise FailedPrecondition(f"{table.name} can only be read; write to the table that it shows")
    record = _columns(table, data.record, f"{path}.record")
    if data.op == Op.TRANSACT_OP_DELETE:
        where = _where(data, table, binder, path)
        return Change(f"DELETE FROM {table.sql} WHERE {where}", binder.parameters)
    if data.op == Op.TRANSACT_OP_UPDATE:
        changes = ", ".join(
            f"{each.sql} = {binder.bind(each, data.record[each.name], f'{path}.record.{each.name}')}" for each in record
        )
        where = _where(data, table, binder, path)
        return Change(f"UPDATE {table.sql} SET {changes} WHERE {where}", binder.parameters)
    return _insert(data, table, binder, path, record)


def _insert(data: Data, table: Table, binder: Binder, path: str, record: Sequence[Column]) -> Change:
    key = _key(data, table, path)
    if twice := sorted({each.name for each in key} & {each.name for each in record}):
        raise refusal(f"{path}.record.{twice[0]}", "a column of the key", "give it in `key` alone")
    given = [(each, data.key[each.name], f"{path}.key.{each.name}") for each in key]
    given += [(each, data.record[each.name], f"{path}.record.{each.name}") for each in record]
    sql = f"INSERT INTO {table.sql} "
    if given:
        values = ", ".join(binder.bind(*each) for each in given)
        sql += f"({', '.join(column.sql for column, _, _ in given)}) VALUES ({values})"
    else:
        sql += "DEFAULT VALUES"
    if key:
        changes = ", ".join(f"{each.sql} = excluded.{each.sql}" for each in record or key)
        sql += f" ON CONFLICT ({', '.join(each.sql for each in key)}) DO UPDATE SET {changes}"
    names = {column.name for column, _, _ in given}
    returning = [each for each in table.columns.values() if each.name not in names and (each.filled or each.computed)]
    if returning:
        sql += f" RETURNING {', '.join(each.selected for each in returning)}"
    return Change(sql, binder.parameters, returning)


def select_of(read: Read, table: Table, binder: Binder, limit: int, path: str = "read") -> Change:
    """The statement that reads rows, one more than the limit.

    Raises:
        InvalidArgument: it names an unknown column, or compares one with what it cannot be.
    """
    fields = [_column(table, name, f"{path}.fields") for name in read.fields] or list(table.columns.values())
    where = _where(read, table, binder, path) if read.key or read.HasField("where") else "true"
    sql = f"SELECT {', '.join(each.selected for each in fields)} FROM {table.sql} WHERE {where} LIMIT {limit + 1}"
    return Change(f"{sql} FOR UPDATE" if read.for_update else sql, binder.parameters, fields)


def _key(data: Data, table: Table, path: str) -> list[Column]:
    """The columns of the key of an UPSERT; none of an INSERT."""
    key = _columns(table, data.key, f"{path}.key")
    if key and frozenset(each.name for each in key) not in table.keys:
        names = ", ".join(each.name for each in key)
        known = "; ".join(", ".join(sorted(each)) for each in table.keys) or "none"
        raise FailedPrecondition(
            f"{names} of {table.name} are not the columns of a primary key or unique index, which UPSERT needs; those "
            f"are: {known}"
        )
    return key


def _where(asked: Data | Read, table: Table, binder: Binder, path: str) -> str:
    tests = []
    for name in sorted(asked.key):
        if kind_of(asked.key[name]) is Kind.NULL:
            raise refusal(f"{path}.key.{name}", "null", "a key has no nulls; use `where` with EXISTS")
        tests.append(binder.equal(_column(table, name, f"{path}.key"), asked.key[name], f"{path}.key.{name}"))
    if asked.HasField("where"):
        tests.append(binder.condition(resolve(asked.where, table.fields, path=f"{path}.where")))
    return " AND ".join(f"({each})" for each in tests)


def _columns(table: Table, given: Mapping[str, Value], path: str) -> list[Column]:
    found = [_column(table, name, path) for name in sorted(given)]
    for each in found:
        if each.computed:
            raise refusal(f"{path}.{each.name}", "a value", "the store computes this column; leave it out")
    return found


def _column(table: Table, name: str, path: str) -> Column:
    column = table.columns.get(name)
    if column is None:
        raise refusal(path, repr(name[:40]), _known(name, table.columns))
    return column


def _known(name: str, columns: Iterable[str]) -> str:
    known = sorted(columns)
    if nearest := difflib.get_close_matches(name[:80], known, 1):
        return f"no column has that name; did you mean {nearest[0]}?"
    return f"no column has that name; there are {', '.join(known[:_SHOWN])}{', ...' if len(known) > _SHOWN else ''}"


def condition_failed(path: str, found: int, expected: int) -> ConditionFailed:
    """The error of a change that met another number of rows than its `expect_rows`."""
    return ConditionFailed(
        f"{path} met {found} rows where {expected} are expected, so nothing was written; read what is there",
        metadata={"rows": str(found)},
        outcome=Outcome.NOT_APPLIED,
    )
