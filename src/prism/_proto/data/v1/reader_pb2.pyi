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

class ReaderNulls(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    READER_NULLS_UNSPECIFIED: _ClassVar[ReaderNulls]
    READER_NULLS_FIRST: _ClassVar[ReaderNulls]
    READER_NULLS_LAST: _ClassVar[ReaderNulls]
READER_NULLS_UNSPECIFIED: ReaderNulls
READER_NULLS_FIRST: ReaderNulls
READER_NULLS_LAST: ReaderNulls

class ReaderSort(_message.Message):
    __slots__ = ("field", "descending", "nulls")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    DESCENDING_FIELD_NUMBER: _ClassVar[int]
    NULLS_FIELD_NUMBER: _ClassVar[int]
    field: str
    descending: bool
    nulls: ReaderNulls
    def __init__(self, field: _Optional[str] = ..., descending: bool = ..., nulls: _Optional[_Union[ReaderNulls, str]] = ...) -> None: ...

class ReaderRow(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[_value_pb2.Value]
    def __init__(self, values: _Optional[_Iterable[_Union[_value_pb2.Value, _Mapping]]] = ...) -> None: ...

class ReaderReadRequest(_message.Message):
    __slots__ = ("collection", "fields", "filter", "sort", "page_size", "cursor")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    collection: str
    fields: _containers.RepeatedScalarFieldContainer[str]
    filter: _filter_pb2.Filter
    sort: _containers.RepeatedCompositeFieldContainer[ReaderSort]
    page_size: int
    cursor: bytes
    def __init__(self, collection: _Optional[str] = ..., fields: _Optional[_Iterable[str]] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., sort: _Optional[_Iterable[_Union[ReaderSort, _Mapping]]] = ..., page_size: _Optional[int] = ..., cursor: _Optional[bytes] = ...) -> None: ...

class ReaderReadResponse(_message.Message):
    __slots__ = ("page", "end")
    PAGE_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    page: ReaderPage
    end: ReaderEnd
    def __init__(self, page: _Optional[_Union[ReaderPage, _Mapping]] = ..., end: _Optional[_Union[ReaderEnd, _Mapping]] = ...) -> None: ...

class ReaderPage(_message.Message):
    __slots__ = ("columns", "rows", "next_cursor")
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    columns: _containers.RepeatedScalarFieldContainer[str]
    rows: _containers.RepeatedCompositeFieldContainer[ReaderRow]
    next_cursor: bytes
    def __init__(self, columns: _Optional[_Iterable[str]] = ..., rows: _Optional[_Iterable[_Union[ReaderRow, _Mapping]]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class ReaderEnd(_message.Message):
    __slots__ = ("complete", "rows", "next_cursor")
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    complete: bool
    rows: int
    next_cursor: bytes
    def __init__(self, complete: bool = ..., rows: _Optional[int] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class ReaderReadPageRequest(_message.Message):
    __slots__ = ("collection", "fields", "filter", "sort", "page_size", "cursor")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    collection: str
    fields: _containers.RepeatedScalarFieldContainer[str]
    filter: _filter_pb2.Filter
    sort: _containers.RepeatedCompositeFieldContainer[ReaderSort]
    page_size: int
    cursor: bytes
    def __init__(self, collection: _Optional[str] = ..., fields: _Optional[_Iterable[str]] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., sort: _Optional[_Iterable[_Union[ReaderSort, _Mapping]]] = ..., page_size: _Optional[int] = ..., cursor: _Optional[bytes] = ...) -> None: ...

class ReaderReadPageResponse(_message.Message):
    __slots__ = ("columns", "rows", "next_cursor")
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    columns: _containers.RepeatedScalarFieldContainer[str]
    rows: _containers.RepeatedCompositeFieldContainer[ReaderRow]
    next_cursor: bytes
    def __init__(self, columns: _Optional[_Iterable[str]] = ..., rows: _Optional[_Iterable[_Union[ReaderRow, _Mapping]]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class ReaderGetRequest(_message.Message):
    __slots__ = ("collection", "keys", "fields")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    collection: str
    keys: _containers.RepeatedCompositeFieldContainer[ReaderRow]
    fields: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, collection: _Optional[str] = ..., keys: _Optional[_Iterable[_Union[ReaderRow, _Mapping]]] = ..., fields: _Optional[_Iterable[str]] = ...) -> None: ...

class ReaderGetResponse(_message.Message):
    __slots__ = ("columns", "found")
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    columns: _containers.RepeatedScalarFieldContainer[str]
    found: _containers.RepeatedCompositeFieldContainer[ReaderFound]
    def __init__(self, columns: _Optional[_Iterable[str]] = ..., found: _Optional[_Iterable[_Union[ReaderFound, _Mapping]]] = ...) -> None: ...

class ReaderFound(_message.Message):
    __slots__ = ("key", "row")
    KEY_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    key: int
    row: ReaderRow
    def __init__(self, key: _Optional[int] = ..., row: _Optional[_Union[ReaderRow, _Mapping]] = ...) -> None: ...

class ReaderCountRequest(_message.Message):
    __slots__ = ("collection", "filter", "at_most")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    AT_MOST_FIELD_NUMBER: _ClassVar[int]
    collection: str
    filter: _filter_pb2.Filter
    at_most: int
    def __init__(self, collection: _Optional[str] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., at_most: _Optional[int] = ...) -> None: ...

class ReaderCountResponse(_message.Message):
    __slots__ = ("count", "exact")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    EXACT_FIELD_NUMBER: _ClassVar[int]
    count: int
    exact: bool
    def __init__(self, count: _Optional[int] = ..., exact: bool = ...) -> None: ...

class ReaderDescribeRequest(_message.Message):
    __slots__ = ("collection",)
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: str
    def __init__(self, collection: _Optional[str] = ...) -> None: ...

class ReaderDescribeResponse(_message.Message):
    __slots__ = ("columns", "key", "sorts", "indexes_only")
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    SORTS_FIELD_NUMBER: _ClassVar[int]
    INDEXES_ONLY_FIELD_NUMBER: _ClassVar[int]
    columns: _containers.RepeatedCompositeFieldContainer[ReaderColumn]
    key: _containers.RepeatedScalarFieldContainer[str]
    sorts: _containers.RepeatedCompositeFieldContainer[ReaderIndexedSort]
    indexes_only: bool
    def __init__(self, columns: _Optional[_Iterable[_Union[ReaderColumn, _Mapping]]] = ..., key: _Optional[_Iterable[str]] = ..., sorts: _Optional[_Iterable[_Union[ReaderIndexedSort, _Mapping]]] = ..., indexes_only: bool = ...) -> None: ...

class ReaderColumn(_message.Message):
    __slots__ = ("name", "kind", "store_type", "order", "nullable", "generated")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STORE_TYPE_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    NULLABLE_FIELD_NUMBER: _ClassVar[int]
    GENERATED_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    store_type: str
    order: str
    nullable: bool
    generated: bool
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., store_type: _Optional[str] = ..., order: _Optional[str] = ..., nullable: bool = ..., generated: bool = ...) -> None: ...

class ReaderIndexedSort(_message.Message):
    __slots__ = ("sort",)
    SORT_FIELD_NUMBER: _ClassVar[int]
    sort: _containers.RepeatedCompositeFieldContainer[ReaderSort]
    def __init__(self, sort: _Optional[_Iterable[_Union[ReaderSort, _Mapping]]] = ...) -> None: ...

class ReaderListCollectionsRequest(_message.Message):
    __slots__ = ("prefix", "limit", "cursor")
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    limit: int
    cursor: bytes
    def __init__(self, prefix: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[bytes] = ...) -> None: ...

class ReaderListCollectionsResponse(_message.Message):
    __slots__ = ("collections", "next_cursor")
    COLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    collections: _containers.RepeatedScalarFieldContainer[str]
    next_cursor: bytes
    def __init__(self, collections: _Optional[_Iterable[str]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...
