from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from prism._proto.data.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class KeyValueItem(_message.Message):
    __slots__ = ("key", "value", "metadata", "version", "expires_at")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    value: bytes
    metadata: _containers.ScalarMap[str, str]
    version: bytes
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, key: _Optional[bytes] = ..., value: _Optional[bytes] = ..., metadata: _Optional[_Mapping[str, str]] = ..., version: _Optional[bytes] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class KeyValuePutItem(_message.Message):
    __slots__ = ("key", "value", "metadata", "ttl", "expires_at")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    value: bytes
    metadata: _containers.ScalarMap[str, str]
    ttl: _duration_pb2.Duration
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, key: _Optional[bytes] = ..., value: _Optional[bytes] = ..., metadata: _Optional[_Mapping[str, str]] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class KeyValuePutRequest(_message.Message):
    __slots__ = ("id", "items", "keep_ttl", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    KEEP_TTL_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    items: _containers.RepeatedCompositeFieldContainer[KeyValuePutItem]
    keep_ttl: bool
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., items: _Optional[_Iterable[_Union[KeyValuePutItem, _Mapping]]] = ..., keep_ttl: bool = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class KeyValuePutResponse(_message.Message):
    __slots__ = ("versions",)
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, versions: _Optional[_Iterable[bytes]] = ...) -> None: ...

class KeyValueGetRequest(_message.Message):
    __slots__ = ("id", "keys")
    ID_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    id: str
    keys: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, id: _Optional[str] = ..., keys: _Optional[_Iterable[bytes]] = ...) -> None: ...

class KeyValueGetResponse(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[KeyValueItem]
    def __init__(self, items: _Optional[_Iterable[_Union[KeyValueItem, _Mapping]]] = ...) -> None: ...

class KeyValueExistsRequest(_message.Message):
    __slots__ = ("id", "keys")
    ID_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    id: str
    keys: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, id: _Optional[str] = ..., keys: _Optional[_Iterable[bytes]] = ...) -> None: ...

class KeyValueExistsResponse(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, keys: _Optional[_Iterable[bytes]] = ...) -> None: ...

class KeyValueBatchGetRequest(_message.Message):
    __slots__ = ("reads",)
    READS_FIELD_NUMBER: _ClassVar[int]
    reads: _containers.RepeatedCompositeFieldContainer[KeyValueGetRequest]
    def __init__(self, reads: _Optional[_Iterable[_Union[KeyValueGetRequest, _Mapping]]] = ...) -> None: ...

class KeyValueBatchGetResponse(_message.Message):
    __slots__ = ("results",)
    class Result(_message.Message):
        __slots__ = ("id", "items", "error")
        ID_FIELD_NUMBER: _ClassVar[int]
        ITEMS_FIELD_NUMBER: _ClassVar[int]
        ERROR_FIELD_NUMBER: _ClassVar[int]
        id: str
        items: _containers.RepeatedCompositeFieldContainer[KeyValueItem]
        error: _status_pb2.Status
        def __init__(self, id: _Optional[str] = ..., items: _Optional[_Iterable[_Union[KeyValueItem, _Mapping]]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[KeyValueBatchGetResponse.Result]
    def __init__(self, results: _Optional[_Iterable[_Union[KeyValueBatchGetResponse.Result, _Mapping]]] = ...) -> None: ...

class KeyValueBatchPutRequest(_message.Message):
    __slots__ = ("writes",)
    WRITES_FIELD_NUMBER: _ClassVar[int]
    writes: _containers.RepeatedCompositeFieldContainer[KeyValuePutRequest]
    def __init__(self, writes: _Optional[_Iterable[_Union[KeyValuePutRequest, _Mapping]]] = ...) -> None: ...

class KeyValueBatchPutResponse(_message.Message):
    __slots__ = ("results",)
    class Result(_message.Message):
        __slots__ = ("id", "versions", "error")
        ID_FIELD_NUMBER: _ClassVar[int]
        VERSIONS_FIELD_NUMBER: _ClassVar[int]
        ERROR_FIELD_NUMBER: _ClassVar[int]
        id: str
        versions: _containers.RepeatedScalarFieldContainer[bytes]
        error: _status_pb2.Status
        def __init__(self, id: _Optional[str] = ..., versions: _Optional[_Iterable[bytes]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[KeyValueBatchPutResponse.Result]
    def __init__(self, results: _Optional[_Iterable[_Union[KeyValueBatchPutResponse.Result, _Mapping]]] = ...) -> None: ...

class KeyValueDeleteRequest(_message.Message):
    __slots__ = ("id", "keys")
    ID_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    id: str
    keys: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, id: _Optional[str] = ..., keys: _Optional[_Iterable[bytes]] = ...) -> None: ...

class KeyValueDeleteResponse(_message.Message):
    __slots__ = ("keys", "count")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[bytes]
    count: int
    def __init__(self, keys: _Optional[_Iterable[bytes]] = ..., count: _Optional[int] = ...) -> None: ...

class KeyValueScanRequest(_message.Message):
    __slots__ = ("id", "prefix", "start", "end", "reverse", "limit", "cursor", "keys_only")
    ID_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    REVERSE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    KEYS_ONLY_FIELD_NUMBER: _ClassVar[int]
    id: str
    prefix: bytes
    start: bytes
    end: bytes
    reverse: bool
    limit: int
    cursor: bytes
    keys_only: bool
    def __init__(self, id: _Optional[str] = ..., prefix: _Optional[bytes] = ..., start: _Optional[bytes] = ..., end: _Optional[bytes] = ..., reverse: bool = ..., limit: _Optional[int] = ..., cursor: _Optional[bytes] = ..., keys_only: bool = ...) -> None: ...

class KeyValueScanResponse(_message.Message):
    __slots__ = ("items", "next_cursor")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[KeyValueItem]
    next_cursor: bytes
    def __init__(self, items: _Optional[_Iterable[_Union[KeyValueItem, _Mapping]]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class KeyValueScanStreamRequest(_message.Message):
    __slots__ = ("id", "prefix", "start", "end", "reverse", "limit", "cursor", "keys_only")
    ID_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    REVERSE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    KEYS_ONLY_FIELD_NUMBER: _ClassVar[int]
    id: str
    prefix: bytes
    start: bytes
    end: bytes
    reverse: bool
    limit: int
    cursor: bytes
    keys_only: bool
    def __init__(self, id: _Optional[str] = ..., prefix: _Optional[bytes] = ..., start: _Optional[bytes] = ..., end: _Optional[bytes] = ..., reverse: bool = ..., limit: _Optional[int] = ..., cursor: _Optional[bytes] = ..., keys_only: bool = ...) -> None: ...

class KeyValueScanStreamResponse(_message.Message):
    __slots__ = ("id", "items", "cursor")
    ID_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    id: str
    items: _containers.RepeatedCompositeFieldContainer[KeyValueItem]
    cursor: bytes
    def __init__(self, id: _Optional[str] = ..., items: _Optional[_Iterable[_Union[KeyValueItem, _Mapping]]] = ..., cursor: _Optional[bytes] = ...) -> None: ...

class KeyValueListRecordsRequest(_message.Message):
    __slots__ = ("prefix", "start", "reverse", "limit", "cursor")
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    REVERSE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    start: str
    reverse: bool
    limit: int
    cursor: bytes
    def __init__(self, prefix: _Optional[str] = ..., start: _Optional[str] = ..., reverse: bool = ..., limit: _Optional[int] = ..., cursor: _Optional[bytes] = ...) -> None: ...

class KeyValueListRecordsResponse(_message.Message):
    __slots__ = ("ids", "next_cursor")
    IDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    next_cursor: bytes
    def __init__(self, ids: _Optional[_Iterable[str]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class KeyValueCompareAndSwapRequest(_message.Message):
    __slots__ = ("id", "key", "expected_value", "expected_version", "expected_absent", "new_value", "delete", "ttl", "expires_at", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VALUE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_ABSENT_FIELD_NUMBER: _ClassVar[int]
    NEW_VALUE_FIELD_NUMBER: _ClassVar[int]
    DELETE_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    id: str
    key: bytes
    expected_value: bytes
    expected_version: bytes
    expected_absent: _empty_pb2.Empty
    new_value: bytes
    delete: _empty_pb2.Empty
    ttl: _duration_pb2.Duration
    expires_at: _timestamp_pb2.Timestamp
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, id: _Optional[str] = ..., key: _Optional[bytes] = ..., expected_value: _Optional[bytes] = ..., expected_version: _Optional[bytes] = ..., expected_absent: _Optional[_Union[_empty_pb2.Empty, _Mapping]] = ..., new_value: _Optional[bytes] = ..., delete: _Optional[_Union[_empty_pb2.Empty, _Mapping]] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class KeyValueCompareAndSwapResponse(_message.Message):
    __slots__ = ("swapped", "current")
    SWAPPED_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    swapped: bool
    current: KeyValueItem
    def __init__(self, swapped: bool = ..., current: _Optional[_Union[KeyValueItem, _Mapping]] = ...) -> None: ...

class KeyValueExpireRequest(_message.Message):
    __slots__ = ("id", "keys", "ttl", "expires_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    keys: _containers.RepeatedScalarFieldContainer[bytes]
    ttl: _duration_pb2.Duration
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., keys: _Optional[_Iterable[bytes]] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class KeyValueExpireResponse(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, keys: _Optional[_Iterable[bytes]] = ...) -> None: ...

class KeyValuePersistRequest(_message.Message):
    __slots__ = ("id", "keys")
    ID_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    id: str
    keys: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, id: _Optional[str] = ..., keys: _Optional[_Iterable[bytes]] = ...) -> None: ...

class KeyValuePersistResponse(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, keys: _Optional[_Iterable[bytes]] = ...) -> None: ...
