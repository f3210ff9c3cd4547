"""Sql: statements in the store's own dialect. What each operation means: prism/data/v1/sql.proto.

In this module the abstraction's messages go by their short names: `QueryRequest` is `SqlQueryRequest` on the wire.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Protocol

from prism._proto.data.v1 import sql_pb2 as pb
from prism._proto.data.v1.sql_pb2 import SqlBatchRequest as BatchRequest
from prism._proto.data.v1.sql_pb2 import SqlBatchResponse as BatchResponse
from prism._proto.data.v1.sql_pb2 import SqlColumn as Column
from prism._proto.data.v1.sql_pb2 import SqlColumns as Columns
from prism._proto.data.v1.sql_pb2 import SqlEnd as End
from prism._proto.data.v1.sql_pb2 import SqlExecuteRequest as ExecuteRequest
from prism._proto.data.v1.sql_pb2 import SqlExecuteResponse as ExecuteResponse
from prism._proto.data.v1.sql_pb2 import SqlQueryRequest as QueryRequest
from prism._proto.data.v1.sql_pb2 import SqlQueryResponse as QueryResponse
from prism._proto.data.v1.sql_pb2 import SqlResult as Result
from prism._proto.data.v1.sql_pb2 import SqlRow as Row
from prism._proto.data.v1.sql_pb2 import SqlRows as Rows
from prism._proto.data.v1.sql_pb2 import SqlStatement as Statement
from prism.context import Context
from prism.interfaces.operation import Interface

if TYPE_CHECKING:
    from prism.interfaces.capabilities import Capabilities

__all__ = [
    "DYNAMIC",
    "INTERFACE",
    "MAX_ROWS",
    "BatchRequest",
    "BatchResponse",
    "Batches",
    "Column",
    "Columns",
    "Context",
    "End",
    "ExecuteRequest",
    "ExecuteResponse",
    "QueryRequest",
    "QueryResponse",
    "Result",
    "Row",
    "Rows",
    "Sql",
    "Statement",
]

MAX_ROWS = 10_000
"""Rows of an answer to a Query that asks for no other number."""
DYNAMIC = "dynamic"
"""The kind of a column whose rows decide it, each its own."""


class Sql(Protocol):
    """What every backend implements to serve Sql; requests arrive valid by the rules in the .proto."""

    def query(self, request: QueryRequest, context: Context) -> AsyncIterator[QueryResponse]: ...

    async def execute(self, request: ExecuteRequest, context: Context) -> ExecuteResponse: ...


class Batches(Protocol):
    """The capability `transactions`: several statements in one."""

    async def batch(self, request: BatchRequest, context: Context) -> BatchResponse: ...


def _capabilities() -> "type[Capabilities]":
    from prism.interfaces.capabilities.sql import SqlCapabilities

    return SqlCapabilities


INTERFACE = Interface.of(
    Sql,
    pb.DESCRIPTOR.services_by_name["Sql"],
    capabilities=_capabilities,
    optional={"transactions": Batches},
    keeps_data=False,
)
