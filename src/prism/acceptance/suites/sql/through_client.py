"""Sql as a Python application says it."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any

from google.protobuf.message import Message

from prism.client import Client
from prism.client.sql import Column, Executed, Record
from prism.client.values import from_value, to_value
from prism.interfaces import sql as s
from prism.interfaces.operation import Operation


class SqlThroughClient:
    """`prism.acceptance.suite.Translation` of Sql."""

    async def call(
        self, client: Client, namespace: str | None, operation: Operation, request: Message, timeout: float
    ) -> Any:
        """See Translation."""
        sql = client.sql() if namespace is None else client.sql(namespace)
        if isinstance(request, s.ExecuteRequest):
            done = await sql.execute(
                request.statement, *_plain(request), autocommit=request.autocommit, timeout=timeout
            )
            return s.ExecuteResponse(result=_result(done))
        assert isinstance(request, s.BatchRequest)
        statements = [(each.statement, *_plain(each)) for each in request.statements]
        return s.BatchResponse(results=[_result(each) for each in await sql.batch(*statements, timeout=timeout)])

    async def stream(
        self,
        client: Client,
        namespace: str | None,
        operation: Operation,
        request: Message,
        timeout: float,
        on_established: Callable[[], None] | None = None,
    ) -> AsyncIterator[Any]:
        """See Translation."""
        assert isinstance(request, s.QueryRequest)
        sql = client.sql() if namespace is None else client.sql(namespace)
        batches = sql.batches(
            request.statement, *_plain(request), max_rows=request.max_rows or s.MAX_ROWS, timeout=timeout
        )
        count, complete, first = 0, False, True
        async with aclosing(batches):
            async for each in batches:
                if first:
                    yield s.QueryResponse(columns=s.Columns(columns=_columns(each.columns)))
                    first = False
                if each.rows:
                    count += len(each.rows)
                    yield s.QueryResponse(rows=s.Rows(rows=_rows(each.rows)))
                complete = each.complete
        yield s.QueryResponse(end=s.End(rows=count, complete=complete))


def _plain(request: s.QueryRequest | s.ExecuteRequest | s.Statement) -> list[Any]:
    return [from_value(each) for each in request.params]


def _columns(columns: Sequence[Column]) -> list[s.Column]:
    return [s.Column(name=each.name, kind=each.kind, store_type=each.store_type) for each in columns]


def _rows(rows: Sequence[Record]) -> list[s.Row]:
    return [s.Row(values=map(to_value, each)) for each in rows]


def _result(done: Executed) -> s.Result:
    return s.Result(rows_affected=done.rows_affected, columns=_columns(done.columns), rows=_rows(done.rows))
