from google.protobuf import duration_pb2 as _duration_pb2
from prism._proto.data.v1 import filter_pb2 as _filter_pb2
from prism._proto.data.v1 import options_pb2 as _options_pb2
from prism._proto.data.v1 import value_pb2 as _value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TimeSeriesDedup(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TIME_SERIES_DEDUP_UNSPECIFIED: _ClassVar[TimeSeriesDedup]
    TIME_SERIES_DEDUP_NONE: _ClassVar[TimeSeriesDedup]
    TIME_SERIES_DEDUP_EVENT_ID: _ClassVar[TimeSeriesDedup]

class TimeSeriesOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TIME_SERIES_ORDER_UNSPECIFIED: _ClassVar[TimeSeriesOrder]
    TIME_SERIES_ORDER_ASCENDING: _ClassVar[TimeSeriesOrder]
    TIME_SERIES_ORDER_DESCENDING: _ClassVar[TimeSeriesOrder]
    TIME_SERIES_ORDER_ARRIVAL: _ClassVar[TimeSeriesOrder]

class TimeSeriesCalendar(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TIME_SERIES_CALENDAR_UNSPECIFIED: _ClassVar[TimeSeriesCalendar]
    TIME_SERIES_CALENDAR_DAY: _ClassVar[TimeSeriesCalendar]
    TIME_SERIES_CALENDAR_WEEK: _ClassVar[TimeSeriesCalendar]
    TIME_SERIES_CALENDAR_MONTH: _ClassVar[TimeSeriesCalendar]
    TIME_SERIES_CALENDAR_QUARTER: _ClassVar[TimeSeriesCalendar]
    TIME_SERIES_CALENDAR_YEAR: _ClassVar[TimeSeriesCalendar]

class TimeSeriesFunctionName(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TIME_SERIES_FUNCTION_NAME_UNSPECIFIED: _ClassVar[TimeSeriesFunctionName]
    TIME_SERIES_FUNCTION_NAME_COUNT: _ClassVar[TimeSeriesFunctionName]
    TIME_SERIES_FUNCTION_NAME_SUM: _ClassVar[TimeSeriesFunctionName]
    TIME_SERIES_FUNCTION_NAME_MIN: _ClassVar[TimeSeriesFunctionName]
    TIME_SERIES_FUNCTION_NAME_MAX: _ClassVar[TimeSeriesFunctionName]
    TIME_SERIES_FUNCTION_NAME_AVG: _ClassVar[TimeSeriesFunctionName]
    TIME_SERIES_FUNCTION_NAME_FIRST: _ClassVar[TimeSeriesFunctionName]
    TIME_SERIES_FUNCTION_NAME_LAST: _ClassVar[TimeSeriesFunctionName]
    TIME_SERIES_FUNCTION_NAME_STDDEV: _ClassVar[TimeSeriesFunctionName]
    TIME_SERIES_FUNCTION_NAME_P50: _ClassVar[TimeSeriesFunctionName]
    TIME_SERIES_FUNCTION_NAME_P90: _ClassVar[TimeSeriesFunctionName]
    TIME_SERIES_FUNCTION_NAME_P95: _ClassVar[TimeSeriesFunctionName]
    TIME_SERIES_FUNCTION_NAME_P99: _ClassVar[TimeSeriesFunctionName]

class TimeSeriesFillMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TIME_SERIES_FILL_MODE_UNSPECIFIED: _ClassVar[TimeSeriesFillMode]
    TIME_SERIES_FILL_MODE_NULL: _ClassVar[TimeSeriesFillMode]
    TIME_SERIES_FILL_MODE_VALUE: _ClassVar[TimeSeriesFillMode]
    TIME_SERIES_FILL_MODE_PREVIOUS: _ClassVar[TimeSeriesFillMode]
TIME_SERIES_DEDUP_UNSPECIFIED: TimeSeriesDedup
TIME_SERIES_DEDUP_NONE: TimeSeriesDedup
TIME_SERIES_DEDUP_EVENT_ID: TimeSeriesDedup
TIME_SERIES_ORDER_UNSPECIFIED: TimeSeriesOrder
TIME_SERIES_ORDER_ASCENDING: TimeSeriesOrder
TIME_SERIES_ORDER_DESCENDING: TimeSeriesOrder
TIME_SERIES_ORDER_ARRIVAL: TimeSeriesOrder
TIME_SERIES_CALENDAR_UNSPECIFIED: TimeSeriesCalendar
TIME_SERIES_CALENDAR_DAY: TimeSeriesCalendar
TIME_SERIES_CALENDAR_WEEK: TimeSeriesCalendar
TIME_SERIES_CALENDAR_MONTH: TimeSeriesCalendar
TIME_SERIES_CALENDAR_QUARTER: TimeSeriesCalendar
TIME_SERIES_CALENDAR_YEAR: TimeSeriesCalendar
TIME_SERIES_FUNCTION_NAME_UNSPECIFIED: TimeSeriesFunctionName
TIME_SERIES_FUNCTION_NAME_COUNT: TimeSeriesFunctionName
TIME_SERIES_FUNCTION_NAME_SUM: TimeSeriesFunctionName
TIME_SERIES_FUNCTION_NAME_MIN: TimeSeriesFunctionName
TIME_SERIES_FUNCTION_NAME_MAX: TimeSeriesFunctionName
TIME_SERIES_FUNCTION_NAME_AVG: TimeSeriesFunctionName
TIME_SERIES_FUNCTION_NAME_FIRST: TimeSeriesFunctionName
TIME_SERIES_FUNCTION_NAME_LAST: TimeSeriesFunctionName
TIME_SERIES_FUNCTION_NAME_STDDEV: TimeSeriesFunctionName
TIME_SERIES_FUNCTION_NAME_P50: TimeSeriesFunctionName
TIME_SERIES_FUNCTION_NAME_P90: TimeSeriesFunctionName
TIME_SERIES_FUNCTION_NAME_P95: TimeSeriesFunctionName
TIME_SERIES_FUNCTION_NAME_P99: TimeSeriesFunctionName
TIME_SERIES_FILL_MODE_UNSPECIFIED: TimeSeriesFillMode
TIME_SERIES_FILL_MODE_NULL: TimeSeriesFillMode
TIME_SERIES_FILL_MODE_VALUE: TimeSeriesFillMode
TIME_SERIES_FILL_MODE_PREVIOUS: TimeSeriesFillMode

class TimeSeriesEvent(_message.Message):
    __slots__ = ("timestamp", "event_id", "attributes", "payload")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _value_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    timestamp: int
    event_id: str
    attributes: _containers.MessageMap[str, _value_pb2.Value]
    payload: bytes
    def __init__(self, timestamp: _Optional[int] = ..., event_id: _Optional[str] = ..., attributes: _Optional[_Mapping[str, _value_pb2.Value]] = ..., payload: _Optional[bytes] = ...) -> None: ...

class TimeSeriesField(_message.Message):
    __slots__ = ("name", "kind", "indexed")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    INDEXED_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    indexed: bool
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., indexed: bool = ...) -> None: ...

class TimeSeriesConfig(_message.Message):
    __slots__ = ("fields", "retention", "max_ahead", "dedup", "partitions")
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    MAX_AHEAD_FIELD_NUMBER: _ClassVar[int]
    DEDUP_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    fields: _containers.RepeatedCompositeFieldContainer[TimeSeriesField]
    retention: _duration_pb2.Duration
    max_ahead: _duration_pb2.Duration
    dedup: TimeSeriesDedup
    partitions: int
    def __init__(self, fields: _Optional[_Iterable[_Union[TimeSeriesField, _Mapping]]] = ..., retention: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_ahead: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., dedup: _Optional[_Union[TimeSeriesDedup, str]] = ..., partitions: _Optional[int] = ...) -> None: ...

class TimeSeriesCreateStreamRequest(_message.Message):
    __slots__ = ("stream", "config")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    stream: str
    config: TimeSeriesConfig
    def __init__(self, stream: _Optional[str] = ..., config: _Optional[_Union[TimeSeriesConfig, _Mapping]] = ...) -> None: ...

class TimeSeriesCreateStreamResponse(_message.Message):
    __slots__ = ("config", "created")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    config: TimeSeriesConfig
    created: bool
    def __init__(self, config: _Optional[_Union[TimeSeriesConfig, _Mapping]] = ..., created: bool = ...) -> None: ...

class TimeSeriesUpdateStreamRequest(_message.Message):
    __slots__ = ("stream", "retention", "keep_for_ever", "fields")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    KEEP_FOR_EVER_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    stream: str
    retention: _duration_pb2.Duration
    keep_for_ever: bool
    fields: _containers.RepeatedCompositeFieldContainer[TimeSeriesField]
    def __init__(self, stream: _Optional[str] = ..., retention: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., keep_for_ever: bool = ..., fields: _Optional[_Iterable[_Union[TimeSeriesField, _Mapping]]] = ...) -> None: ...

class TimeSeriesUpdateStreamResponse(_message.Message):
    __slots__ = ("config",)
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    config: TimeSeriesConfig
    def __init__(self, config: _Optional[_Union[TimeSeriesConfig, _Mapping]] = ...) -> None: ...

class TimeSeriesDescribeStreamRequest(_message.Message):
    __slots__ = ("stream",)
    STREAM_FIELD_NUMBER: _ClassVar[int]
    stream: str
    def __init__(self, stream: _Optional[str] = ...) -> None: ...

class TimeSeriesDescribeStreamResponse(_message.Message):
    __slots__ = ("config", "first", "last", "tzdata")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    TZDATA_FIELD_NUMBER: _ClassVar[int]
    config: TimeSeriesConfig
    first: int
    last: int
    tzdata: str
    def __init__(self, config: _Optional[_Union[TimeSeriesConfig, _Mapping]] = ..., first: _Optional[int] = ..., last: _Optional[int] = ..., tzdata: _Optional[str] = ...) -> None: ...

class TimeSeriesListStreamsRequest(_message.Message):
    __slots__ = ("prefix", "limit", "cursor")
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    limit: int
    cursor: bytes
    def __init__(self, prefix: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[bytes] = ...) -> None: ...

class TimeSeriesListStreamsResponse(_message.Message):
    __slots__ = ("streams", "next_cursor")
    STREAMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    streams: _containers.RepeatedScalarFieldContainer[str]
    next_cursor: bytes
    def __init__(self, streams: _Optional[_Iterable[str]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class TimeSeriesDeleteStreamRequest(_message.Message):
    __slots__ = ("stream",)
    STREAM_FIELD_NUMBER: _ClassVar[int]
    stream: str
    def __init__(self, stream: _Optional[str] = ...) -> None: ...

class TimeSeriesDeleteStreamResponse(_message.Message):
    __slots__ = ("existed",)
    EXISTED_FIELD_NUMBER: _ClassVar[int]
    existed: bool
    def __init__(self, existed: bool = ...) -> None: ...

class TimeSeriesAppendRequest(_message.Message):
    __slots__ = ("stream", "events", "idempotency_key")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    stream: str
    events: _containers.RepeatedCompositeFieldContainer[TimeSeriesEvent]
    idempotency_key: str
    def __init__(self, stream: _Optional[str] = ..., events: _Optional[_Iterable[_Union[TimeSeriesEvent, _Mapping]]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class TimeSeriesAppendResponse(_message.Message):
    __slots__ = ("appended", "duplicates", "expired")
    APPENDED_FIELD_NUMBER: _ClassVar[int]
    DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    appended: int
    duplicates: int
    expired: int
    def __init__(self, appended: _Optional[int] = ..., duplicates: _Optional[int] = ..., expired: _Optional[int] = ...) -> None: ...

class TimeSeriesQueryRequest(_message.Message):
    __slots__ = ("stream", "to", "filter", "order", "limit", "cursor")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    stream: str
    to: int
    filter: _filter_pb2.Filter
    order: TimeSeriesOrder
    limit: int
    cursor: bytes
    def __init__(self, stream: _Optional[str] = ..., to: _Optional[int] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., order: _Optional[_Union[TimeSeriesOrder, str]] = ..., limit: _Optional[int] = ..., cursor: _Optional[bytes] = ..., **kwargs) -> None: ...

class TimeSeriesQueryResponse(_message.Message):
    __slots__ = ("page", "end")
    PAGE_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    page: TimeSeriesPage
    end: TimeSeriesEnd
    def __init__(self, page: _Optional[_Union[TimeSeriesPage, _Mapping]] = ..., end: _Optional[_Union[TimeSeriesEnd, _Mapping]] = ...) -> None: ...

class TimeSeriesPage(_message.Message):
    __slots__ = ("events", "next_cursor")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[TimeSeriesEvent]
    next_cursor: bytes
    def __init__(self, events: _Optional[_Iterable[_Union[TimeSeriesEvent, _Mapping]]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class TimeSeriesEnd(_message.Message):
    __slots__ = ("complete", "events", "next_cursor")
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    complete: bool
    events: int
    next_cursor: bytes
    def __init__(self, complete: bool = ..., events: _Optional[int] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class TimeSeriesQueryPageRequest(_message.Message):
    __slots__ = ("stream", "to", "filter", "order", "limit", "cursor")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    stream: str
    to: int
    filter: _filter_pb2.Filter
    order: TimeSeriesOrder
    limit: int
    cursor: bytes
    def __init__(self, stream: _Optional[str] = ..., to: _Optional[int] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., order: _Optional[_Union[TimeSeriesOrder, str]] = ..., limit: _Optional[int] = ..., cursor: _Optional[bytes] = ..., **kwargs) -> None: ...

class TimeSeriesQueryPageResponse(_message.Message):
    __slots__ = ("events", "next_cursor")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[TimeSeriesEvent]
    next_cursor: bytes
    def __init__(self, events: _Optional[_Iterable[_Union[TimeSeriesEvent, _Mapping]]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class TimeSeriesWindow(_message.Message):
    __slots__ = ("every", "calendar", "origin", "zone")
    EVERY_FIELD_NUMBER: _ClassVar[int]
    CALENDAR_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    every: _duration_pb2.Duration
    calendar: TimeSeriesCalendar
    origin: int
    zone: str
    def __init__(self, every: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., calendar: _Optional[_Union[TimeSeriesCalendar, str]] = ..., origin: _Optional[int] = ..., zone: _Optional[str] = ...) -> None: ...

class TimeSeriesFunction(_message.Message):
    __slots__ = ("function", "field")
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    AS_FIELD_NUMBER: _ClassVar[int]
    function: TimeSeriesFunctionName
    field: str
    def __init__(self, function: _Optional[_Union[TimeSeriesFunctionName, str]] = ..., field: _Optional[str] = ..., **kwargs) -> None: ...

class TimeSeriesFill(_message.Message):
    __slots__ = ("mode", "value")
    MODE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    mode: TimeSeriesFillMode
    value: _value_pb2.Value
    def __init__(self, mode: _Optional[_Union[TimeSeriesFillMode, str]] = ..., value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...

class TimeSeriesAggregateRequest(_message.Message):
    __slots__ = ("stream", "to", "filter", "window", "functions", "group_by", "fill", "limit", "cursor", "approximate")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    FUNCTIONS_FIELD_NUMBER: _ClassVar[int]
    GROUP_BY_FIELD_NUMBER: _ClassVar[int]
    FILL_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    APPROXIMATE_FIELD_NUMBER: _ClassVar[int]
    stream: str
    to: int
    filter: _filter_pb2.Filter
    window: TimeSeriesWindow
    functions: _containers.RepeatedCompositeFieldContainer[TimeSeriesFunction]
    group_by: _containers.RepeatedScalarFieldContainer[str]
    fill: TimeSeriesFill
    limit: int
    cursor: bytes
    approximate: bool
    def __init__(self, stream: _Optional[str] = ..., to: _Optional[int] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., window: _Optional[_Union[TimeSeriesWindow, _Mapping]] = ..., functions: _Optional[_Iterable[_Union[TimeSeriesFunction, _Mapping]]] = ..., group_by: _Optional[_Iterable[str]] = ..., fill: _Optional[_Union[TimeSeriesFill, _Mapping]] = ..., limit: _Optional[int] = ..., cursor: _Optional[bytes] = ..., approximate: bool = ..., **kwargs) -> None: ...

class TimeSeriesBucket(_message.Message):
    __slots__ = ("start", "end", "group", "values")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    group: _containers.RepeatedCompositeFieldContainer[_value_pb2.Value]
    values: _containers.RepeatedCompositeFieldContainer[_value_pb2.Value]
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ..., group: _Optional[_Iterable[_Union[_value_pb2.Value, _Mapping]]] = ..., values: _Optional[_Iterable[_Union[_value_pb2.Value, _Mapping]]] = ...) -> None: ...

class TimeSeriesAggregateResponse(_message.Message):
    __slots__ = ("names", "buckets", "next_cursor")
    NAMES_FIELD_NUMBER: _ClassVar[int]
    BUCKETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    buckets: _containers.RepeatedCompositeFieldContainer[TimeSeriesBucket]
    next_cursor: bytes
    def __init__(self, names: _Optional[_Iterable[str]] = ..., buckets: _Optional[_Iterable[_Union[TimeSeriesBucket, _Mapping]]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class TimeSeriesTailRequest(_message.Message):
    __slots__ = ("stream", "after", "filter", "new_only")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    NEW_ONLY_FIELD_NUMBER: _ClassVar[int]
    stream: str
    after: bytes
    filter: _filter_pb2.Filter
    new_only: bool
    def __init__(self, stream: _Optional[str] = ..., after: _Optional[bytes] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., new_only: bool = ..., **kwargs) -> None: ...

class TimeSeriesTailResponse(_message.Message):
    __slots__ = ("ready", "events", "gap")
    READY_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    ready: TimeSeriesReady
    events: TimeSeriesTailEvents
    gap: TimeSeriesGap
    def __init__(self, ready: _Optional[_Union[TimeSeriesReady, _Mapping]] = ..., events: _Optional[_Union[TimeSeriesTailEvents, _Mapping]] = ..., gap: _Optional[_Union[TimeSeriesGap, _Mapping]] = ...) -> None: ...

class TimeSeriesReady(_message.Message):
    __slots__ = ("position",)
    POSITION_FIELD_NUMBER: _ClassVar[int]
    position: bytes
    def __init__(self, position: _Optional[bytes] = ...) -> None: ...

class TimeSeriesTailEvents(_message.Message):
    __slots__ = ("events", "position")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[TimeSeriesEvent]
    position: bytes
    def __init__(self, events: _Optional[_Iterable[_Union[TimeSeriesEvent, _Mapping]]] = ..., position: _Optional[bytes] = ...) -> None: ...

class TimeSeriesGap(_message.Message):
    __slots__ = ("position",)
    POSITION_FIELD_NUMBER: _ClassVar[int]
    position: bytes
    def __init__(self, position: _Optional[bytes] = ...) -> None: ...

class TimeSeriesLatestRequest(_message.Message):
    __slots__ = ("stream", "filter", "group_by", "limit", "cursor")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    GROUP_BY_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    stream: str
    filter: _filter_pb2.Filter
    group_by: _containers.RepeatedScalarFieldContainer[str]
    limit: int
    cursor: bytes
    def __init__(self, stream: _Optional[str] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., group_by: _Optional[_Iterable[str]] = ..., limit: _Optional[int] = ..., cursor: _Optional[bytes] = ..., **kwargs) -> None: ...

class TimeSeriesLatestResponse(_message.Message):
    __slots__ = ("events", "next_cursor")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[TimeSeriesEvent]
    next_cursor: bytes
    def __init__(self, events: _Optional[_Iterable[_Union[TimeSeriesEvent, _Mapping]]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class TimeSeriesDeleteEventsRequest(_message.Message):
    __slots__ = ("stream", "to", "filter")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    stream: str
    to: int
    filter: _filter_pb2.Filter
    def __init__(self, stream: _Optional[str] = ..., to: _Optional[int] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., **kwargs) -> None: ...

class TimeSeriesDeleteEventsResponse(_message.Message):
    __slots__ = ("deleted",)
    DELETED_FIELD_NUMBER: _ClassVar[int]
    deleted: int
    def __init__(self, deleted: _Optional[int] = ...) -> None: ...
