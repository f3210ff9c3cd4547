"""Reader: rows of tables that are already there. What each operation means: prism/data/v1/reader.proto.

In this module the abstraction's messages go by their short names: `ReadRequest` is `ReaderReadRequest` on the wire.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final, Protocol

from prism._proto.data.v1 import reader_pb2 as pb
from prism._proto.data.v1.reader_pb2 import ReaderColumn as Column
from prism._proto.data.v1.reader_pb2 import ReaderCountRequest as CountRequest
from prism._proto.data.v1.reader_pb2 import ReaderCountResponse as CountResponse
from prism._proto.data.v1.reader_pb2 import ReaderDescribeRequest as DescribeRequest
from prism._proto.data.v1.reader_pb2 import ReaderDescribeResponse as DescribeResponse
from prism._proto.data.v1.reader_pb2 import ReaderEnd as End
from prism._proto.data.v1.reader_pb2 import ReaderFound as Found
from prism._proto.data.v1.reader_pb2 import ReaderGetRequest as GetRequest
from prism._proto.data.v1.reader_pb2 import ReaderGetResponse as GetResponse
from prism._proto.data.v1.reader_pb2 import ReaderIndexedSort as IndexedSort
from prism._proto.data.v1.reader_pb2 import ReaderListCollectionsRequest as ListCollectionsRequest
from prism._proto.data.v1.reader_pb2 import ReaderListCollectionsResponse as ListCollectionsResponse
from prism._proto.data.v1.reader_pb2 import ReaderNulls as Nulls
from prism._proto.data.v1.reader_pb2 import ReaderPage as Page
from prism._proto.data.v1.reader_pb2 import ReaderReadPageRequest as ReadPageRequest
from prism._proto.data.v1.reader_pb2 import ReaderReadPageResponse as ReadPageResponse
from prism._proto.data.v1.reader_pb2 import ReaderReadRequest as ReadRequest
from prism._proto.data.v1.reader_pb2 import ReaderReadResponse as ReadResponse
from prism._proto.data.v1.reader_pb2 import ReaderRow as Row
from prism._proto.data.v1.reader_pb2 import ReaderSort as Sort
from prism.context import Context
from prism.interfaces.operation import Interface

if TYPE_CHECKING:
    from prism.interfaces.capabilities import Capabilities

__all__ = [
    "DEFAULT_AT_MOST",
    "DEFAULT_PAGE_ROWS",
    "INTERFACE",
    "MAX_PAGE_BYTES",
    "MAX_PAGE_ROWS",
    "NULLS_FIRST",
    "NULLS_LAST",
    "Column",
    "Context",
    "CountRequest",
    "CountResponse",
    "DescribeRequest",
    "DescribeResponse",
    "End",
    "Found",
    "GetRequest",
    "GetResponse",
    "IndexedSort",
    "ListCollectionsRequest",
    "ListCollectionsResponse",
    "Nulls",
    "Page",
    "ReadPageRequest",
    "ReadPageResponse",
    "ReadRequest",
    "ReadResponse",
    "Reader",
    "Row",
    "Sort",
]

NULLS_FIRST: Final = Nulls.READER_NULLS_FIRST
NULLS_LAST: Final = Nulls.READER_NULLS_LAST

DEFAULT_PAGE_ROWS: Final = 100
MAX_PAGE_ROWS: Final = 1000
MAX_PAGE_BYTES: Final = 1 << 20
DEFAULT_AT_MOST: Final = 100_000
"""Rows that are counted unless more are asked for."""


class Reader(Protocol):
    """What every backend implements to serve Reader; requests arrive valid by the rules in the .proto.

    What all stores have in common (collections, sorts, cursors, pages) is done once in `prism.sdk.reader`.
    """

    def read(self, request: ReadRequest, context: Context) -> AsyncIterator[ReadResponse]: ...

    async def read_page(self, request: ReadPageRequest, context: Context) -> ReadPageResponse: ...

    async def get(self, request: GetRequest, context: Context) -> GetResponse: ...

    async def count(self, request: CountRequest, context: Context) -> CountResponse: ...

    async def describe(self, request: DescribeRequest, context: Context) -> DescribeResponse: ...

    async def list_collections(self, request: ListCollectionsRequest, context: Context) -> ListCollectionsResponse: ...


def _capabilities() -> "type[Capabilities]":
    from prism.interfaces.capabilities.reader import ReaderCapabilities

    return ReaderCapabilities


INTERFACE = Interface.of(
    Reader,
    pb.DESCRIPTOR.services_by_name["Reader"],
    capabilities=_capabilities,
    keeps_data=False,
)
