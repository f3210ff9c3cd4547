"""TimeSeries: events by their time. What each operation means: timeseries.proto.

In this module the abstraction's messages go by their short names: `AppendRequest` is `TimeSeriesAppendRequest` on the
wire.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final, Protocol

from prism._proto.data.v1 import timeseries_pb2 as pb
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesAggregateRequest as AggregateRequest
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesAggregateResponse as AggregateResponse
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesAppendRequest as AppendRequest
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesAppendResponse as AppendResponse
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesBucket as Bucket
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesCalendar as Calendar
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesConfig as Config
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesCreateStreamRequest as CreateStreamRequest
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesCreateStreamResponse as CreateStreamResponse
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesDedup as Dedup
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesDeleteEventsRequest as DeleteEventsRequest
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesDeleteEventsResponse as DeleteEventsResponse
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesDeleteStreamRequest as DeleteStreamRequest
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesDeleteStreamResponse as DeleteStreamResponse
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesDescribeStreamRequest as DescribeStreamRequest
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesDescribeStreamResponse as DescribeStreamResponse
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesEnd as End
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesEvent as Event
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesField as Field
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesFill as Fill
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesFillMode as FillMode
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesFunction as Function
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesFunctionName as FunctionName
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesGap as Gap
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesLatestRequest as LatestRequest
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesLatestResponse as LatestResponse
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesListStreamsRequest as ListStreamsRequest
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesListStreamsResponse as ListStreamsResponse
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesOrder as Order
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesPage as Page
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesQueryPageRequest as QueryPageRequest
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesQueryPageResponse as QueryPageResponse
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesQueryRequest as QueryRequest
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesQueryResponse as QueryResponse
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesReady as Ready
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesTailEvents as TailEvents
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesTailRequest as TailRequest
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesTailResponse as TailResponse
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesUpdateStreamRequest as UpdateStreamRequest
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesUpdateStreamResponse as UpdateStreamResponse
from prism._proto.data.v1.timeseries_pb2 import TimeSeriesWindow as Window
from prism.context import Context
from prism.interfaces.operation import Interface

if TYPE_CHECKING:
    from prism.interfaces.capabilities import Capabilities

__all__ = [
    "DEFAULT_PAGE",
    "INTERFACE",
    "MAX_WINDOWS",
    "AggregateRequest",
    "AggregateResponse",
    "Aggregates",
    "AppendRequest",
    "AppendResponse",
    "Bucket",
    "Calendar",
    "Config",
    "Context",
    "CreateStreamRequest",
    "CreateStreamResponse",
    "Dedup",
    "DeleteEventsRequest",
    "DeleteEventsResponse",
    "DeleteStreamRequest",
    "DeleteStreamResponse",
    "Deletes",
    "DescribeStreamRequest",
    "DescribeStreamResponse",
    "End",
    "Event",
    "Field",
    "Fill",
    "FillMode",
    "Function",
    "FunctionName",
    "Gap",
    "LatestRequest",
    "LatestResponse",
    "Latests",
    "ListStreamsRequest",
    "ListStreamsResponse",
    "Order",
    "Page",
    "QueryPageRequest",
    "QueryPageResponse",
    "QueryRequest",
    "QueryResponse",
    "Ready",
    "TailEvents",
    "TailRequest",
    "TailResponse",
    "Tails",
    "TimeSeries",
    "UpdateStreamRequest",
    "UpdateStreamResponse",
    "Window",
]

DEFAULT_PAGE: Final = 1000
"""Elements of a page where a request asks for no other number."""
MAX_WINDOWS: Final = 10_000
"""Of one Aggregate."""


class TimeSeries(Protocol):
    """What every backend implements to serve TimeSeries; requests arrive valid by the rules in the .proto.

    What a rule cannot say, and all that is not a store, is done once in `prism.sdk.timeseries`.
    """

    async def create_stream(self, request: CreateStreamRequest, context: Context) -> CreateStreamResponse: ...

    async def update_stream(self, request: UpdateStreamRequest, context: Context) -> UpdateStreamResponse: ...

    async def describe_stream(self, request: DescribeStreamRequest, context: Context) -> DescribeStreamResponse: ...

    async def list_streams(self, request: ListStreamsRequest, context: Context) -> ListStreamsResponse: ...

    async def delete_stream(self, request: DeleteStreamRequest, context: Context) -> DeleteStreamResponse: ...

    async def append(self, request: AppendRequest, context: Context) -> AppendResponse: ...

    def query(self, request: QueryRequest, context: Context) -> AsyncIterator[QueryResponse]: ...

    async def query_page(self, request: QueryPageRequest, context: Context) -> QueryPageResponse: ...


class Aggregates(Protocol):
    """The capability `aggregate`."""

    async def aggregate(self, request: AggregateRequest, context: Context) -> AggregateResponse: ...


class Tails(Protocol):
    """The capability `tail`."""

    def tail(self, request: TailRequest, context: Context) -> AsyncIterator[TailResponse]: ...


class Latests(Protocol):
    """The capability `latest`."""

    async def latest(self, request: LatestRequest, context: Context) -> LatestResponse: ...


class Deletes(Protocol):
    """The capability `delete_events`."""

    async def delete_events(self, request: DeleteEventsRequest, context: Context) -> DeleteEventsResponse: ...


def _capabilities() -> "type[Capabilities]":
    from prism.interfaces.capabilities.timeseries import TimeSeriesCapabilities

    return TimeSeriesCapabilities


INTERFACE = Interface.of(
    TimeSeries,
    pb.DESCRIPTOR.services_by_name["TimeSeries"],
    capabilities=_capabilities,
    optional={"aggregate": Aggregates, "tail": Tails, "latest": Latests, "delete_events": Deletes},
)
