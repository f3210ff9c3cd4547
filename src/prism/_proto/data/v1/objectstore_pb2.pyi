from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from prism._proto.data.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ObjectStoreMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OBJECT_STORE_METHOD_UNSPECIFIED: _ClassVar[ObjectStoreMethod]
    OBJECT_STORE_METHOD_GET: _ClassVar[ObjectStoreMethod]
    OBJECT_STORE_METHOD_PUT: _ClassVar[ObjectStoreMethod]
OBJECT_STORE_METHOD_UNSPECIFIED: ObjectStoreMethod
OBJECT_STORE_METHOD_GET: ObjectStoreMethod
OBJECT_STORE_METHOD_PUT: ObjectStoreMethod

class ObjectStoreChecksum(_message.Message):
    __slots__ = ("sha256", "crc32c")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    sha256: bytes
    crc32c: int
    def __init__(self, sha256: _Optional[bytes] = ..., crc32c: _Optional[int] = ...) -> None: ...

class ObjectStoreProperties(_message.Message):
    __slots__ = ("content_type", "content_encoding", "content_disposition", "cache_control", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_ENCODING_FIELD_NUMBER: _ClassVar[int]
    CONTENT_DISPOSITION_FIELD_NUMBER: _ClassVar[int]
    CACHE_CONTROL_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    content_type: str
    content_encoding: str
    content_disposition: str
    cache_control: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, content_type: _Optional[str] = ..., content_encoding: _Optional[str] = ..., content_disposition: _Optional[str] = ..., cache_control: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ObjectStoreObject(_message.Message):
    __slots__ = ("key", "size", "etag", "version", "modified_at", "properties", "checksum", "expires_at")
    KEY_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MODIFIED_AT_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    CHECKSUM_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    key: str
    size: int
    etag: str
    version: str
    modified_at: _timestamp_pb2.Timestamp
    properties: ObjectStoreProperties
    checksum: ObjectStoreChecksum
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, key: _Optional[str] = ..., size: _Optional[int] = ..., etag: _Optional[str] = ..., version: _Optional[str] = ..., modified_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., properties: _Optional[_Union[ObjectStoreProperties, _Mapping]] = ..., checksum: _Optional[_Union[ObjectStoreChecksum, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ObjectStoreRange(_message.Message):
    __slots__ = ("offset", "length")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    offset: int
    length: int
    def __init__(self, offset: _Optional[int] = ..., length: _Optional[int] = ...) -> None: ...

class ObjectStorePutHead(_message.Message):
    __slots__ = ("key", "size", "properties", "if_match", "if_none_match", "ttl")
    KEY_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    IF_MATCH_FIELD_NUMBER: _ClassVar[int]
    IF_NONE_MATCH_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    key: str
    size: int
    properties: ObjectStoreProperties
    if_match: str
    if_none_match: str
    ttl: _duration_pb2.Duration
    def __init__(self, key: _Optional[str] = ..., size: _Optional[int] = ..., properties: _Optional[_Union[ObjectStoreProperties, _Mapping]] = ..., if_match: _Optional[str] = ..., if_none_match: _Optional[str] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ObjectStoreFinish(_message.Message):
    __slots__ = ("size", "checksum")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CHECKSUM_FIELD_NUMBER: _ClassVar[int]
    size: int
    checksum: ObjectStoreChecksum
    def __init__(self, size: _Optional[int] = ..., checksum: _Optional[_Union[ObjectStoreChecksum, _Mapping]] = ...) -> None: ...

class ObjectStorePutRequest(_message.Message):
    __slots__ = ("head", "chunk", "finish")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    head: ObjectStorePutHead
    chunk: bytes
    finish: ObjectStoreFinish
    def __init__(self, head: _Optional[_Union[ObjectStorePutHead, _Mapping]] = ..., chunk: _Optional[bytes] = ..., finish: _Optional[_Union[ObjectStoreFinish, _Mapping]] = ...) -> None: ...

class ObjectStorePutResponse(_message.Message):
    __slots__ = ("etag", "version", "size", "created", "checksum")
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    CHECKSUM_FIELD_NUMBER: _ClassVar[int]
    etag: str
    version: str
    size: int
    created: bool
    checksum: ObjectStoreChecksum
    def __init__(self, etag: _Optional[str] = ..., version: _Optional[str] = ..., size: _Optional[int] = ..., created: bool = ..., checksum: _Optional[_Union[ObjectStoreChecksum, _Mapping]] = ...) -> None: ...

class ObjectStoreGetRequest(_message.Message):
    __slots__ = ("key", "version", "range", "suffix", "if_range", "if_match", "if_none_match")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    SUFFIX_FIELD_NUMBER: _ClassVar[int]
    IF_RANGE_FIELD_NUMBER: _ClassVar[int]
    IF_MATCH_FIELD_NUMBER: _ClassVar[int]
    IF_NONE_MATCH_FIELD_NUMBER: _ClassVar[int]
    key: str
    version: str
    range: ObjectStoreRange
    suffix: int
    if_range: str
    if_match: _containers.RepeatedScalarFieldContainer[str]
    if_none_match: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, key: _Optional[str] = ..., version: _Optional[str] = ..., range: _Optional[_Union[ObjectStoreRange, _Mapping]] = ..., suffix: _Optional[int] = ..., if_range: _Optional[str] = ..., if_match: _Optional[_Iterable[str]] = ..., if_none_match: _Optional[_Iterable[str]] = ...) -> None: ...

class ObjectStoreGetHead(_message.Message):
    __slots__ = ("found", "modified", "object", "range")
    FOUND_FIELD_NUMBER: _ClassVar[int]
    MODIFIED_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    found: bool
    modified: bool
    object: ObjectStoreObject
    range: ObjectStoreRange
    def __init__(self, found: bool = ..., modified: bool = ..., object: _Optional[_Union[ObjectStoreObject, _Mapping]] = ..., range: _Optional[_Union[ObjectStoreRange, _Mapping]] = ...) -> None: ...

class ObjectStoreGetEnd(_message.Message):
    __slots__ = ("size",)
    SIZE_FIELD_NUMBER: _ClassVar[int]
    size: int
    def __init__(self, size: _Optional[int] = ...) -> None: ...

class ObjectStoreGetResponse(_message.Message):
    __slots__ = ("head", "chunk", "end")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    head: ObjectStoreGetHead
    chunk: bytes
    end: ObjectStoreGetEnd
    def __init__(self, head: _Optional[_Union[ObjectStoreGetHead, _Mapping]] = ..., chunk: _Optional[bytes] = ..., end: _Optional[_Union[ObjectStoreGetEnd, _Mapping]] = ...) -> None: ...

class ObjectStoreHeadRequest(_message.Message):
    __slots__ = ("key", "version")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    key: str
    version: str
    def __init__(self, key: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class ObjectStoreHeadResponse(_message.Message):
    __slots__ = ("object",)
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    object: ObjectStoreObject
    def __init__(self, object: _Optional[_Union[ObjectStoreObject, _Mapping]] = ...) -> None: ...

class ObjectStoreDeleteRequest(_message.Message):
    __slots__ = ("key", "if_match")
    KEY_FIELD_NUMBER: _ClassVar[int]
    IF_MATCH_FIELD_NUMBER: _ClassVar[int]
    key: str
    if_match: str
    def __init__(self, key: _Optional[str] = ..., if_match: _Optional[str] = ...) -> None: ...

class ObjectStoreDeleteResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ObjectStoreDeleteManyRequest(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, keys: _Optional[_Iterable[str]] = ...) -> None: ...

class ObjectStoreDeleteManyResponse(_message.Message):
    __slots__ = ("results",)
    class Result(_message.Message):
        __slots__ = ("key", "error")
        KEY_FIELD_NUMBER: _ClassVar[int]
        ERROR_FIELD_NUMBER: _ClassVar[int]
        key: str
        error: _status_pb2.Status
        def __init__(self, key: _Optional[str] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[ObjectStoreDeleteManyResponse.Result]
    def __init__(self, results: _Optional[_Iterable[_Union[ObjectStoreDeleteManyResponse.Result, _Mapping]]] = ...) -> None: ...

class ObjectStoreListRequest(_message.Message):
    __slots__ = ("prefix", "delimiter", "limit", "cursor")
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    DELIMITER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    delimiter: str
    limit: int
    cursor: bytes
    def __init__(self, prefix: _Optional[str] = ..., delimiter: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[bytes] = ...) -> None: ...

class ObjectStoreEntry(_message.Message):
    __slots__ = ("object", "prefix")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    object: ObjectStoreObject
    prefix: str
    def __init__(self, object: _Optional[_Union[ObjectStoreObject, _Mapping]] = ..., prefix: _Optional[str] = ...) -> None: ...

class ObjectStoreListResponse(_message.Message):
    __slots__ = ("entries", "next_cursor")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[ObjectStoreEntry]
    next_cursor: bytes
    def __init__(self, entries: _Optional[_Iterable[_Union[ObjectStoreEntry, _Mapping]]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class ObjectStoreCopyRequest(_message.Message):
    __slots__ = ("from_key", "to_key", "if_match", "if_none_match")
    FROM_KEY_FIELD_NUMBER: _ClassVar[int]
    TO_KEY_FIELD_NUMBER: _ClassVar[int]
    IF_MATCH_FIELD_NUMBER: _ClassVar[int]
    IF_NONE_MATCH_FIELD_NUMBER: _ClassVar[int]
    from_key: str
    to_key: str
    if_match: str
    if_none_match: str
    def __init__(self, from_key: _Optional[str] = ..., to_key: _Optional[str] = ..., if_match: _Optional[str] = ..., if_none_match: _Optional[str] = ...) -> None: ...

class ObjectStoreCopyResponse(_message.Message):
    __slots__ = ("found", "object")
    FOUND_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    found: bool
    object: ObjectStoreObject
    def __init__(self, found: bool = ..., object: _Optional[_Union[ObjectStoreObject, _Mapping]] = ...) -> None: ...

class ObjectStoreStartUploadRequest(_message.Message):
    __slots__ = ("key", "properties", "ttl")
    KEY_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    key: str
    properties: ObjectStoreProperties
    ttl: _duration_pb2.Duration
    def __init__(self, key: _Optional[str] = ..., properties: _Optional[_Union[ObjectStoreProperties, _Mapping]] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ObjectStoreStartUploadResponse(_message.Message):
    __slots__ = ("upload", "min_part_size", "max_part_size", "max_parts", "expires_at")
    UPLOAD_FIELD_NUMBER: _ClassVar[int]
    MIN_PART_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_PART_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_PARTS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    upload: str
    min_part_size: int
    max_part_size: int
    max_parts: int
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, upload: _Optional[str] = ..., min_part_size: _Optional[int] = ..., max_part_size: _Optional[int] = ..., max_parts: _Optional[int] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ObjectStorePutPartHead(_message.Message):
    __slots__ = ("key", "upload", "number", "size")
    KEY_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    key: str
    upload: str
    number: int
    size: int
    def __init__(self, key: _Optional[str] = ..., upload: _Optional[str] = ..., number: _Optional[int] = ..., size: _Optional[int] = ...) -> None: ...

class ObjectStorePutPartRequest(_message.Message):
    __slots__ = ("head", "chunk", "finish")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    head: ObjectStorePutPartHead
    chunk: bytes
    finish: ObjectStoreFinish
    def __init__(self, head: _Optional[_Union[ObjectStorePutPartHead, _Mapping]] = ..., chunk: _Optional[bytes] = ..., finish: _Optional[_Union[ObjectStoreFinish, _Mapping]] = ...) -> None: ...

class ObjectStorePart(_message.Message):
    __slots__ = ("number", "etag", "size", "checksum")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CHECKSUM_FIELD_NUMBER: _ClassVar[int]
    number: int
    etag: str
    size: int
    checksum: ObjectStoreChecksum
    def __init__(self, number: _Optional[int] = ..., etag: _Optional[str] = ..., size: _Optional[int] = ..., checksum: _Optional[_Union[ObjectStoreChecksum, _Mapping]] = ...) -> None: ...

class ObjectStorePutPartResponse(_message.Message):
    __slots__ = ("part",)
    PART_FIELD_NUMBER: _ClassVar[int]
    part: ObjectStorePart
    def __init__(self, part: _Optional[_Union[ObjectStorePart, _Mapping]] = ...) -> None: ...

class ObjectStorePartName(_message.Message):
    __slots__ = ("number", "etag")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    number: int
    etag: str
    def __init__(self, number: _Optional[int] = ..., etag: _Optional[str] = ...) -> None: ...

class ObjectStoreCompleteUploadRequest(_message.Message):
    __slots__ = ("key", "upload", "parts", "if_match", "if_none_match")
    KEY_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    IF_MATCH_FIELD_NUMBER: _ClassVar[int]
    IF_NONE_MATCH_FIELD_NUMBER: _ClassVar[int]
    key: str
    upload: str
    parts: _containers.RepeatedCompositeFieldContainer[ObjectStorePartName]
    if_match: str
    if_none_match: str
    def __init__(self, key: _Optional[str] = ..., upload: _Optional[str] = ..., parts: _Optional[_Iterable[_Union[ObjectStorePartName, _Mapping]]] = ..., if_match: _Optional[str] = ..., if_none_match: _Optional[str] = ...) -> None: ...

class ObjectStoreCompleteUploadResponse(_message.Message):
    __slots__ = ("etag", "version", "size", "created")
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    etag: str
    version: str
    size: int
    created: bool
    def __init__(self, etag: _Optional[str] = ..., version: _Optional[str] = ..., size: _Optional[int] = ..., created: bool = ...) -> None: ...

class ObjectStoreAbortUploadRequest(_message.Message):
    __slots__ = ("key", "upload")
    KEY_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_FIELD_NUMBER: _ClassVar[int]
    key: str
    upload: str
    def __init__(self, key: _Optional[str] = ..., upload: _Optional[str] = ...) -> None: ...

class ObjectStoreAbortUploadResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ObjectStoreListUploadsRequest(_message.Message):
    __slots__ = ("prefix", "limit", "cursor")
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    limit: int
    cursor: bytes
    def __init__(self, prefix: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[bytes] = ...) -> None: ...

class ObjectStoreUpload(_message.Message):
    __slots__ = ("key", "upload", "started_at", "expires_at")
    KEY_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    key: str
    upload: str
    started_at: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, key: _Optional[str] = ..., upload: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ObjectStoreListUploadsResponse(_message.Message):
    __slots__ = ("uploads", "next_cursor")
    UPLOADS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    uploads: _containers.RepeatedCompositeFieldContainer[ObjectStoreUpload]
    next_cursor: bytes
    def __init__(self, uploads: _Optional[_Iterable[_Union[ObjectStoreUpload, _Mapping]]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class ObjectStoreListPartsRequest(_message.Message):
    __slots__ = ("key", "upload", "limit", "cursor")
    KEY_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    key: str
    upload: str
    limit: int
    cursor: bytes
    def __init__(self, key: _Optional[str] = ..., upload: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[bytes] = ...) -> None: ...

class ObjectStoreListPartsResponse(_message.Message):
    __slots__ = ("parts", "next_cursor")
    PARTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    parts: _containers.RepeatedCompositeFieldContainer[ObjectStorePart]
    next_cursor: bytes
    def __init__(self, parts: _Optional[_Iterable[_Union[ObjectStorePart, _Mapping]]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class ObjectStorePresignRequest(_message.Message):
    __slots__ = ("key", "method", "expires", "max_size", "content_type", "direct")
    KEY_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_FIELD_NUMBER: _ClassVar[int]
    MAX_SIZE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    DIRECT_FIELD_NUMBER: _ClassVar[int]
    key: str
    method: ObjectStoreMethod
    expires: _duration_pb2.Duration
    max_size: int
    content_type: str
    direct: bool
    def __init__(self, key: _Optional[str] = ..., method: _Optional[_Union[ObjectStoreMethod, str]] = ..., expires: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_size: _Optional[int] = ..., content_type: _Optional[str] = ..., direct: bool = ...) -> None: ...

class ObjectStorePresignResponse(_message.Message):
    __slots__ = ("url", "expires_at", "headers")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    URL_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    url: str
    expires_at: _timestamp_pb2.Timestamp
    headers: _containers.ScalarMap[str, str]
    def __init__(self, url: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., headers: _Optional[_Mapping[str, str]] = ...) -> None: ...
