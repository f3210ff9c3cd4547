from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
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

class TransactOp(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSACT_OP_UNSPECIFIED: _ClassVar[TransactOp]
    TRANSACT_OP_INSERT: _ClassVar[TransactOp]
    TRANSACT_OP_UPDATE: _ClassVar[TransactOp]
    TRANSACT_OP_UPSERT: _ClassVar[TransactOp]
    TRANSACT_OP_DELETE: _ClassVar[TransactOp]

class TransactIsolation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSACT_ISOLATION_UNSPECIFIED: _ClassVar[TransactIsolation]
    TRANSACT_ISOLATION_READ_COMMITTED: _ClassVar[TransactIsolation]
    TRANSACT_ISOLATION_SERIALIZABLE: _ClassVar[TransactIsolation]
TRANSACT_OP_UNSPECIFIED: TransactOp
TRANSACT_OP_INSERT: TransactOp
TRANSACT_OP_UPDATE: TransactOp
TRANSACT_OP_UPSERT: TransactOp
TRANSACT_OP_DELETE: TransactOp
TRANSACT_ISOLATION_UNSPECIFIED: TransactIsolation
TRANSACT_ISOLATION_READ_COMMITTED: TransactIsolation
TRANSACT_ISOLATION_SERIALIZABLE: TransactIsolation

class TransactData(_message.Message):
    __slots__ = ("collection", "op", "record", "key", "where", "expect_rows")
    class RecordEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _value_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...
    class KeyEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _value_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    OP_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    WHERE_FIELD_NUMBER: _ClassVar[int]
    EXPECT_ROWS_FIELD_NUMBER: _ClassVar[int]
    collection: str
    op: TransactOp
    record: _containers.MessageMap[str, _value_pb2.Value]
    key: _containers.MessageMap[str, _value_pb2.Value]
    where: _filter_pb2.Filter
    expect_rows: int
    def __init__(self, collection: _Optional[str] = ..., op: _Optional[_Union[TransactOp, str]] = ..., record: _Optional[_Mapping[str, _value_pb2.Value]] = ..., key: _Optional[_Mapping[str, _value_pb2.Value]] = ..., where: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., expect_rows: _Optional[int] = ...) -> None: ...

class TransactMail(_message.Message):
    __slots__ = ("mailbox", "ordering_key", "payload", "attributes")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    ORDERING_KEY_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    ordering_key: str
    payload: bytes
    attributes: _containers.ScalarMap[str, str]
    def __init__(self, mailbox: _Optional[str] = ..., ordering_key: _Optional[str] = ..., payload: _Optional[bytes] = ..., attributes: _Optional[_Mapping[str, str]] = ...) -> None: ...

class TransactWriteRequest(_message.Message):
    __slots__ = ("data", "mailbox", "idempotency_key", "isolation")
    DATA_FIELD_NUMBER: _ClassVar[int]
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    ISOLATION_FIELD_NUMBER: _ClassVar[int]
    data: _containers.RepeatedCompositeFieldContainer[TransactData]
    mailbox: _containers.RepeatedCompositeFieldContainer[TransactMail]
    idempotency_key: str
    isolation: TransactIsolation
    def __init__(self, data: _Optional[_Iterable[_Union[TransactData, _Mapping]]] = ..., mailbox: _Optional[_Iterable[_Union[TransactMail, _Mapping]]] = ..., idempotency_key: _Optional[str] = ..., isolation: _Optional[_Union[TransactIsolation, str]] = ...) -> None: ...

class TransactResult(_message.Message):
    __slots__ = ("rows", "generated")
    class GeneratedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _value_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...
    ROWS_FIELD_NUMBER: _ClassVar[int]
    GENERATED_FIELD_NUMBER: _ClassVar[int]
    rows: int
    generated: _containers.MessageMap[str, _value_pb2.Value]
    def __init__(self, rows: _Optional[int] = ..., generated: _Optional[_Mapping[str, _value_pb2.Value]] = ...) -> None: ...

class TransactMailed(_message.Message):
    __slots__ = ("message_id", "shard", "sequence")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    SHARD_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    shard: int
    sequence: int
    def __init__(self, message_id: _Optional[str] = ..., shard: _Optional[int] = ..., sequence: _Optional[int] = ...) -> None: ...

class TransactWriteResponse(_message.Message):
    __slots__ = ("results", "messages", "duplicate")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[TransactResult]
    messages: _containers.RepeatedCompositeFieldContainer[TransactMailed]
    duplicate: bool
    def __init__(self, results: _Optional[_Iterable[_Union[TransactResult, _Mapping]]] = ..., messages: _Optional[_Iterable[_Union[TransactMailed, _Mapping]]] = ..., duplicate: bool = ...) -> None: ...

class TransactBegin(_message.Message):
    __slots__ = ("isolation", "idempotency_key")
    ISOLATION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    isolation: TransactIsolation
    idempotency_key: str
    def __init__(self, isolation: _Optional[_Union[TransactIsolation, str]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class TransactRead(_message.Message):
    __slots__ = ("collection", "fields", "key", "where", "limit", "for_update")
    class KeyEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _value_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    WHERE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    FOR_UPDATE_FIELD_NUMBER: _ClassVar[int]
    collection: str
    fields: _containers.RepeatedScalarFieldContainer[str]
    key: _containers.MessageMap[str, _value_pb2.Value]
    where: _filter_pb2.Filter
    limit: int
    for_update: bool
    def __init__(self, collection: _Optional[str] = ..., fields: _Optional[_Iterable[str]] = ..., key: _Optional[_Mapping[str, _value_pb2.Value]] = ..., where: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., limit: _Optional[int] = ..., for_update: bool = ...) -> None: ...

class TransactStep(_message.Message):
    __slots__ = ("data", "mailbox")
    DATA_FIELD_NUMBER: _ClassVar[int]
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    data: _containers.RepeatedCompositeFieldContainer[TransactData]
    mailbox: _containers.RepeatedCompositeFieldContainer[TransactMail]
    def __init__(self, data: _Optional[_Iterable[_Union[TransactData, _Mapping]]] = ..., mailbox: _Optional[_Iterable[_Union[TransactMail, _Mapping]]] = ...) -> None: ...

class TransactTransactionRequest(_message.Message):
    __slots__ = ("begin", "read", "write", "commit", "rollback")
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    READ_FIELD_NUMBER: _ClassVar[int]
    WRITE_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    ROLLBACK_FIELD_NUMBER: _ClassVar[int]
    begin: TransactBegin
    read: TransactRead
    write: TransactStep
    commit: _empty_pb2.Empty
    rollback: _empty_pb2.Empty
    def __init__(self, begin: _Optional[_Union[TransactBegin, _Mapping]] = ..., read: _Optional[_Union[TransactRead, _Mapping]] = ..., write: _Optional[_Union[TransactStep, _Mapping]] = ..., commit: _Optional[_Union[_empty_pb2.Empty, _Mapping]] = ..., rollback: _Optional[_Union[_empty_pb2.Empty, _Mapping]] = ...) -> None: ...

class TransactRow(_message.Message):
    __slots__ = ("values",)
    class ValuesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _value_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.MessageMap[str, _value_pb2.Value]
    def __init__(self, values: _Optional[_Mapping[str, _value_pb2.Value]] = ...) -> None: ...

class TransactRows(_message.Message):
    __slots__ = ("rows", "more")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[TransactRow]
    more: bool
    def __init__(self, rows: _Optional[_Iterable[_Union[TransactRow, _Mapping]]] = ..., more: bool = ...) -> None: ...

class TransactWritten(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[TransactResult]
    def __init__(self, results: _Optional[_Iterable[_Union[TransactResult, _Mapping]]] = ...) -> None: ...

class TransactCommitted(_message.Message):
    __slots__ = ("messages", "duplicate")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[TransactMailed]
    duplicate: bool
    def __init__(self, messages: _Optional[_Iterable[_Union[TransactMailed, _Mapping]]] = ..., duplicate: bool = ...) -> None: ...

class TransactAborted(_message.Message):
    __slots__ = ("reason", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class TransactTransactionResponse(_message.Message):
    __slots__ = ("began", "rows", "written", "committed", "rolled_back", "aborted")
    BEGAN_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    ROLLED_BACK_FIELD_NUMBER: _ClassVar[int]
    ABORTED_FIELD_NUMBER: _ClassVar[int]
    began: _empty_pb2.Empty
    rows: TransactRows
    written: TransactWritten
    committed: TransactCommitted
    rolled_back: _empty_pb2.Empty
    aborted: TransactAborted
    def __init__(self, began: _Optional[_Union[_empty_pb2.Empty, _Mapping]] = ..., rows: _Optional[_Union[TransactRows, _Mapping]] = ..., written: _Optional[_Union[TransactWritten, _Mapping]] = ..., committed: _Optional[_Union[TransactCommitted, _Mapping]] = ..., rolled_back: _Optional[_Union[_empty_pb2.Empty, _Mapping]] = ..., aborted: _Optional[_Union[TransactAborted, _Mapping]] = ...) -> None: ...

class TransactMailboxConfig(_message.Message):
    __slots__ = ("shards", "retention", "max_backlog")
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    MAX_BACKLOG_FIELD_NUMBER: _ClassVar[int]
    shards: int
    retention: _duration_pb2.Duration
    max_backlog: int
    def __init__(self, shards: _Optional[int] = ..., retention: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_backlog: _Optional[int] = ...) -> None: ...

class TransactCreateMailboxRequest(_message.Message):
    __slots__ = ("mailbox", "config")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    config: TransactMailboxConfig
    def __init__(self, mailbox: _Optional[str] = ..., config: _Optional[_Union[TransactMailboxConfig, _Mapping]] = ...) -> None: ...

class TransactCreateMailboxResponse(_message.Message):
    __slots__ = ("config", "created")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    config: TransactMailboxConfig
    created: bool
    def __init__(self, config: _Optional[_Union[TransactMailboxConfig, _Mapping]] = ..., created: bool = ...) -> None: ...

class TransactDescribeMailboxRequest(_message.Message):
    __slots__ = ("mailbox",)
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    def __init__(self, mailbox: _Optional[str] = ...) -> None: ...

class TransactShardInfo(_message.Message):
    __slots__ = ("shard", "last_sequence", "floor")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    FLOOR_FIELD_NUMBER: _ClassVar[int]
    shard: int
    last_sequence: int
    floor: int
    def __init__(self, shard: _Optional[int] = ..., last_sequence: _Optional[int] = ..., floor: _Optional[int] = ...) -> None: ...

class TransactReaderShard(_message.Message):
    __slots__ = ("shard", "position", "behind")
    SHARD_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    BEHIND_FIELD_NUMBER: _ClassVar[int]
    shard: int
    position: int
    behind: int
    def __init__(self, shard: _Optional[int] = ..., position: _Optional[int] = ..., behind: _Optional[int] = ...) -> None: ...

class TransactReaderInfo(_message.Message):
    __slots__ = ("reader", "shards", "dead", "holder", "until", "epoch")
    READER_FIELD_NUMBER: _ClassVar[int]
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    DEAD_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    reader: str
    shards: _containers.RepeatedCompositeFieldContainer[TransactReaderShard]
    dead: int
    holder: str
    until: _timestamp_pb2.Timestamp
    epoch: int
    def __init__(self, reader: _Optional[str] = ..., shards: _Optional[_Iterable[_Union[TransactReaderShard, _Mapping]]] = ..., dead: _Optional[int] = ..., holder: _Optional[str] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., epoch: _Optional[int] = ...) -> None: ...

class TransactDescribeMailboxResponse(_message.Message):
    __slots__ = ("config", "shards", "readers", "backlog")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    READERS_FIELD_NUMBER: _ClassVar[int]
    BACKLOG_FIELD_NUMBER: _ClassVar[int]
    config: TransactMailboxConfig
    shards: _containers.RepeatedCompositeFieldContainer[TransactShardInfo]
    readers: _containers.RepeatedCompositeFieldContainer[TransactReaderInfo]
    backlog: int
    def __init__(self, config: _Optional[_Union[TransactMailboxConfig, _Mapping]] = ..., shards: _Optional[_Iterable[_Union[TransactShardInfo, _Mapping]]] = ..., readers: _Optional[_Iterable[_Union[TransactReaderInfo, _Mapping]]] = ..., backlog: _Optional[int] = ...) -> None: ...

class TransactListMailboxesRequest(_message.Message):
    __slots__ = ("prefix", "limit", "cursor")
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    limit: int
    cursor: bytes
    def __init__(self, prefix: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[bytes] = ...) -> None: ...

class TransactListMailboxesResponse(_message.Message):
    __slots__ = ("mailboxes", "next_cursor")
    MAILBOXES_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    mailboxes: _containers.RepeatedScalarFieldContainer[str]
    next_cursor: bytes
    def __init__(self, mailboxes: _Optional[_Iterable[str]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class TransactMessage(_message.Message):
    __slots__ = ("sequence", "message_id", "ordering_key", "payload", "attributes", "written_at", "traceparent")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    ORDERING_KEY_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_AT_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    message_id: str
    ordering_key: str
    payload: bytes
    attributes: _containers.ScalarMap[str, str]
    written_at: _timestamp_pb2.Timestamp
    traceparent: str
    def __init__(self, sequence: _Optional[int] = ..., message_id: _Optional[str] = ..., ordering_key: _Optional[str] = ..., payload: _Optional[bytes] = ..., attributes: _Optional[_Mapping[str, str]] = ..., written_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., traceparent: _Optional[str] = ...) -> None: ...

class TransactReadMailboxRequest(_message.Message):
    __slots__ = ("mailbox", "reader", "shard", "after_sequence", "limit", "wait")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    READER_FIELD_NUMBER: _ClassVar[int]
    SHARD_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    reader: str
    shard: int
    after_sequence: int
    limit: int
    wait: _duration_pb2.Duration
    def __init__(self, mailbox: _Optional[str] = ..., reader: _Optional[str] = ..., shard: _Optional[int] = ..., after_sequence: _Optional[int] = ..., limit: _Optional[int] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class TransactReadEnd(_message.Message):
    __slots__ = ("sequence",)
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    def __init__(self, sequence: _Optional[int] = ...) -> None: ...

class TransactReadMailboxResponse(_message.Message):
    __slots__ = ("message", "end")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    message: TransactMessage
    end: TransactReadEnd
    def __init__(self, message: _Optional[_Union[TransactMessage, _Mapping]] = ..., end: _Optional[_Union[TransactReadEnd, _Mapping]] = ...) -> None: ...

class TransactSetAside(_message.Message):
    __slots__ = ("sequence", "reason")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    reason: str
    def __init__(self, sequence: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class TransactAckMailboxRequest(_message.Message):
    __slots__ = ("mailbox", "reader", "shard", "up_to", "dead", "redriven", "epoch")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    READER_FIELD_NUMBER: _ClassVar[int]
    SHARD_FIELD_NUMBER: _ClassVar[int]
    UP_TO_FIELD_NUMBER: _ClassVar[int]
    DEAD_FIELD_NUMBER: _ClassVar[int]
    REDRIVEN_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    reader: str
    shard: int
    up_to: int
    dead: _containers.RepeatedCompositeFieldContainer[TransactSetAside]
    redriven: _containers.RepeatedScalarFieldContainer[str]
    epoch: int
    def __init__(self, mailbox: _Optional[str] = ..., reader: _Optional[str] = ..., shard: _Optional[int] = ..., up_to: _Optional[int] = ..., dead: _Optional[_Iterable[_Union[TransactSetAside, _Mapping]]] = ..., redriven: _Optional[_Iterable[str]] = ..., epoch: _Optional[int] = ...) -> None: ...

class TransactAckMailboxResponse(_message.Message):
    __slots__ = ("position",)
    POSITION_FIELD_NUMBER: _ClassVar[int]
    position: int
    def __init__(self, position: _Optional[int] = ...) -> None: ...

class TransactLeaseReaderRequest(_message.Message):
    __slots__ = ("mailbox", "reader", "holder", "duration")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    READER_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    reader: str
    holder: str
    duration: _duration_pb2.Duration
    def __init__(self, mailbox: _Optional[str] = ..., reader: _Optional[str] = ..., holder: _Optional[str] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class TransactLeaseReaderResponse(_message.Message):
    __slots__ = ("held", "epoch", "holder", "left", "redriven", "shards")
    HELD_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    REDRIVEN_FIELD_NUMBER: _ClassVar[int]
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    held: bool
    epoch: int
    holder: str
    left: _duration_pb2.Duration
    redriven: int
    shards: int
    def __init__(self, held: bool = ..., epoch: _Optional[int] = ..., holder: _Optional[str] = ..., left: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., redriven: _Optional[int] = ..., shards: _Optional[int] = ...) -> None: ...

class TransactDeleteReaderRequest(_message.Message):
    __slots__ = ("mailbox", "reader")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    READER_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    reader: str
    def __init__(self, mailbox: _Optional[str] = ..., reader: _Optional[str] = ...) -> None: ...

class TransactDeleteReaderResponse(_message.Message):
    __slots__ = ("existed",)
    EXISTED_FIELD_NUMBER: _ClassVar[int]
    existed: bool
    def __init__(self, existed: bool = ...) -> None: ...

class TransactDead(_message.Message):
    __slots__ = ("message", "shard", "reason", "dead_at", "redriven")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SHARD_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DEAD_AT_FIELD_NUMBER: _ClassVar[int]
    REDRIVEN_FIELD_NUMBER: _ClassVar[int]
    message: TransactMessage
    shard: int
    reason: str
    dead_at: _timestamp_pb2.Timestamp
    redriven: bool
    def __init__(self, message: _Optional[_Union[TransactMessage, _Mapping]] = ..., shard: _Optional[int] = ..., reason: _Optional[str] = ..., dead_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., redriven: bool = ...) -> None: ...

class TransactListDeadRequest(_message.Message):
    __slots__ = ("mailbox", "reader", "redriven", "limit", "cursor")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    READER_FIELD_NUMBER: _ClassVar[int]
    REDRIVEN_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    reader: str
    redriven: bool
    limit: int
    cursor: bytes
    def __init__(self, mailbox: _Optional[str] = ..., reader: _Optional[str] = ..., redriven: bool = ..., limit: _Optional[int] = ..., cursor: _Optional[bytes] = ...) -> None: ...

class TransactListDeadResponse(_message.Message):
    __slots__ = ("dead", "next_cursor")
    DEAD_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    dead: _containers.RepeatedCompositeFieldContainer[TransactDead]
    next_cursor: bytes
    def __init__(self, dead: _Optional[_Iterable[_Union[TransactDead, _Mapping]]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class TransactRedriveDeadRequest(_message.Message):
    __slots__ = ("mailbox", "reader", "message_ids")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    READER_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    reader: str
    message_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, mailbox: _Optional[str] = ..., reader: _Optional[str] = ..., message_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class TransactRedriveDeadResponse(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class TransactDiscardDeadRequest(_message.Message):
    __slots__ = ("mailbox", "reader", "message_ids")
    MAILBOX_FIELD_NUMBER: _ClassVar[int]
    READER_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    mailbox: str
    reader: str
    message_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, mailbox: _Optional[str] = ..., reader: _Optional[str] = ..., message_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class TransactDiscardDeadResponse(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...
