from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class OperationClass(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATION_CLASS_UNSPECIFIED: _ClassVar[OperationClass]
    OPERATION_CLASS_READ: _ClassVar[OperationClass]
    OPERATION_CLASS_WRITE: _ClassVar[OperationClass]
    OPERATION_CLASS_CONSUME: _ClassVar[OperationClass]
    OPERATION_CLASS_MANAGE: _ClassVar[OperationClass]
OPERATION_CLASS_UNSPECIFIED: OperationClass
OPERATION_CLASS_READ: OperationClass
OPERATION_CLASS_WRITE: OperationClass
OPERATION_CLASS_CONSUME: OperationClass
OPERATION_CLASS_MANAGE: OperationClass
RULES_FIELD_NUMBER: _ClassVar[int]
rules: _descriptor.FieldDescriptor
REQUIRES_FIELD_NUMBER: _ClassVar[int]
requires: _descriptor.FieldDescriptor
OPERATION_CLASS_FIELD_NUMBER: _ClassVar[int]
operation_class: _descriptor.FieldDescriptor
DRAINS_FIELD_NUMBER: _ClassVar[int]
drains: _descriptor.FieldDescriptor
NAMED_FIELD_NUMBER: _ClassVar[int]
named: _descriptor.FieldDescriptor
ALSO_FIELD_NUMBER: _ClassVar[int]
also: _descriptor.FieldDescriptor
AFFINITY_FIELD_NUMBER: _ClassVar[int]
affinity: _descriptor.FieldDescriptor
ONE_REQUIRED_FIELD_NUMBER: _ClassVar[int]
one_required: _descriptor.FieldDescriptor

class FieldRules(_message.Message):
    __slots__ = ("required", "max_bytes", "max_items", "time_to_live", "item_size", "unique", "independent", "requires", "max_value", "topic", "topic_pattern", "expiry_time", "duration")
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_ITEMS_FIELD_NUMBER: _ClassVar[int]
    TIME_TO_LIVE_FIELD_NUMBER: _ClassVar[int]
    ITEM_SIZE_FIELD_NUMBER: _ClassVar[int]
    UNIQUE_FIELD_NUMBER: _ClassVar[int]
    INDEPENDENT_FIELD_NUMBER: _ClassVar[int]
    REQUIRES_FIELD_NUMBER: _ClassVar[int]
    MAX_VALUE_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    TOPIC_PATTERN_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_TIME_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    required: bool
    max_bytes: int
    max_items: int
    time_to_live: bool
    item_size: bool
    unique: bool
    independent: bool
    requires: str
    max_value: int
    topic: bool
    topic_pattern: bool
    expiry_time: bool
    duration: bool
    def __init__(self, required: bool = ..., max_bytes: _Optional[int] = ..., max_items: _Optional[int] = ..., time_to_live: bool = ..., item_size: bool = ..., unique: bool = ..., independent: bool = ..., requires: _Optional[str] = ..., max_value: _Optional[int] = ..., topic: bool = ..., topic_pattern: bool = ..., expiry_time: bool = ..., duration: bool = ...) -> None: ...
