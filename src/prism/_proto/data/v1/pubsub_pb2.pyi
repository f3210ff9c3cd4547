from google.protobuf import empty_pb2 as _empty_pb2
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

class PubSubOnGap(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PUB_SUB_ON_GAP_UNSPECIFIED: _ClassVar[PubSubOnGap]
    PUB_SUB_ON_GAP_FAIL: _ClassVar[PubSubOnGap]
    PUB_SUB_ON_GAP_SKIP: _ClassVar[PubSubOnGap]

class PubSubKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PUB_SUB_KIND_MESSAGE: _ClassVar[PubSubKind]
    PUB_SUB_KIND_PROGRESS: _ClassVar[PubSubKind]
    PUB_SUB_KIND_GAP: _ClassVar[PubSubKind]
PUB_SUB_ON_GAP_UNSPECIFIED: PubSubOnGap
PUB_SUB_ON_GAP_FAIL: PubSubOnGap
PUB_SUB_ON_GAP_SKIP: PubSubOnGap
PUB_SUB_KIND_MESSAGE: PubSubKind
PUB_SUB_KIND_PROGRESS: PubSubKind
PUB_SUB_KIND_GAP: PubSubKind

class PubSubPublishRequest(_message.Message):
    __slots__ = ("topic", "payload", "attributes", "ordering_key")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    ORDERING_KEY_FIELD_NUMBER: _ClassVar[int]
    topic: str
    payload: bytes
    attributes: _containers.ScalarMap[str, str]
    ordering_key: str
    def __init__(self, topic: _Optional[str] = ..., payload: _Optional[bytes] = ..., attributes: _Optional[_Mapping[str, str]] = ..., ordering_key: _Optional[str] = ...) -> None: ...

class PubSubPublishResponse(_message.Message):
    __slots__ = ("message_id",)
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    def __init__(self, message_id: _Optional[str] = ...) -> None: ...

class PubSubPublishBatchRequest(_message.Message):
    __slots__ = ("messages",)
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[PubSubPublishRequest]
    def __init__(self, messages: _Optional[_Iterable[_Union[PubSubPublishRequest, _Mapping]]] = ...) -> None: ...

class PubSubPublishBatchResponse(_message.Message):
    __slots__ = ("results",)
    class Result(_message.Message):
        __slots__ = ("message_id", "error")
        MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
        ERROR_FIELD_NUMBER: _ClassVar[int]
        message_id: str
        error: _status_pb2.Status
        def __init__(self, message_id: _Optional[str] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[PubSubPublishBatchResponse.Result]
    def __init__(self, results: _Optional[_Iterable[_Union[PubSubPublishBatchResponse.Result, _Mapping]]] = ...) -> None: ...

class PubSubSubscribeRequest(_message.Message):
    __slots__ = ("topic_pattern", "queue_group", "start", "on_gap")
    TOPIC_PATTERN_FIELD_NUMBER: _ClassVar[int]
    QUEUE_GROUP_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    ON_GAP_FIELD_NUMBER: _ClassVar[int]
    topic_pattern: str
    queue_group: str
    start: PubSubStart
    on_gap: PubSubOnGap
    def __init__(self, topic_pattern: _Optional[str] = ..., queue_group: _Optional[str] = ..., start: _Optional[_Union[PubSubStart, _Mapping]] = ..., on_gap: _Optional[_Union[PubSubOnGap, str]] = ...) -> None: ...

class PubSubStart(_message.Message):
    __slots__ = ("now", "earliest", "time", "position")
    NOW_FIELD_NUMBER: _ClassVar[int]
    EARLIEST_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    now: _empty_pb2.Empty
    earliest: _empty_pb2.Empty
    time: _timestamp_pb2.Timestamp
    position: bytes
    def __init__(self, now: _Optional[_Union[_empty_pb2.Empty, _Mapping]] = ..., earliest: _Optional[_Union[_empty_pb2.Empty, _Mapping]] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., position: _Optional[bytes] = ...) -> None: ...

class PubSubSubscribeResponse(_message.Message):
    __slots__ = ("topic", "payload", "attributes", "message_id", "published_at", "position", "kind")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_AT_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    topic: str
    payload: bytes
    attributes: _containers.ScalarMap[str, str]
    message_id: str
    published_at: _timestamp_pb2.Timestamp
    position: bytes
    kind: PubSubKind
    def __init__(self, topic: _Optional[str] = ..., payload: _Optional[bytes] = ..., attributes: _Optional[_Mapping[str, str]] = ..., message_id: _Optional[str] = ..., published_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., position: _Optional[bytes] = ..., kind: _Optional[_Union[PubSubKind, str]] = ...) -> None: ...
