from google.protobuf import duration_pb2 as _duration_pb2
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

class QueueState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUEUE_STATE_UNSPECIFIED: _ClassVar[QueueState]
    QUEUE_STATE_WAITING: _ClassVar[QueueState]
    QUEUE_STATE_DELAYED: _ClassVar[QueueState]
    QUEUE_STATE_IN_FLIGHT: _ClassVar[QueueState]
    QUEUE_STATE_ACKNOWLEDGED: _ClassVar[QueueState]
    QUEUE_STATE_DEAD: _ClassVar[QueueState]
    QUEUE_STATE_EXPIRED: _ClassVar[QueueState]

class QueueKeep(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUEUE_KEEP_UNSPECIFIED: _ClassVar[QueueKeep]
    QUEUE_KEEP_FOR_RETENTION: _ClassVar[QueueKeep]
    QUEUE_KEEP_UNTIL_ACKNOWLEDGED: _ClassVar[QueueKeep]

class QueueDeadLetterMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUEUE_DEAD_LETTER_MODE_UNSPECIFIED: _ClassVar[QueueDeadLetterMode]
    QUEUE_DEAD_LETTER_MODE_KEEP: _ClassVar[QueueDeadLetterMode]
    QUEUE_DEAD_LETTER_MODE_DROP: _ClassVar[QueueDeadLetterMode]
    QUEUE_DEAD_LETTER_MODE_TOPIC: _ClassVar[QueueDeadLetterMode]

class QueueRevocation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUEUE_REVOCATION_UNSPECIFIED: _ClassVar[QueueRevocation]
    QUEUE_REVOCATION_DEADLINE: _ClassVar[QueueRevocation]
    QUEUE_REVOCATION_RESET: _ClassVar[QueueRevocation]
    QUEUE_REVOCATION_REBALANCE: _ClassVar[QueueRevocation]
QUEUE_STATE_UNSPECIFIED: QueueState
QUEUE_STATE_WAITING: QueueState
QUEUE_STATE_DELAYED: QueueState
QUEUE_STATE_IN_FLIGHT: QueueState
QUEUE_STATE_ACKNOWLEDGED: QueueState
QUEUE_STATE_DEAD: QueueState
QUEUE_STATE_EXPIRED: QueueState
QUEUE_KEEP_UNSPECIFIED: QueueKeep
QUEUE_KEEP_FOR_RETENTION: QueueKeep
QUEUE_KEEP_UNTIL_ACKNOWLEDGED: QueueKeep
QUEUE_DEAD_LETTER_MODE_UNSPECIFIED: QueueDeadLetterMode
QUEUE_DEAD_LETTER_MODE_KEEP: QueueDeadLetterMode
QUEUE_DEAD_LETTER_MODE_DROP: QueueDeadLetterMode
QUEUE_DEAD_LETTER_MODE_TOPIC: QueueDeadLetterMode
QUEUE_REVOCATION_UNSPECIFIED: QueueRevocation
QUEUE_REVOCATION_DEADLINE: QueueRevocation
QUEUE_REVOCATION_RESET: QueueRevocation
QUEUE_REVOCATION_REBALANCE: QueueRevocation

class QueueStart(_message.Message):
    __slots__ = ("earliest", "latest", "time")
    EARLIEST_FIELD_NUMBER: _ClassVar[int]
    LATEST_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    earliest: _empty_pb2.Empty
    latest: _empty_pb2.Empty
    time: _timestamp_pb2.Timestamp
    def __init__(self, earliest: _Optional[_Union[_empty_pb2.Empty, _Mapping]] = ..., latest: _Optional[_Union[_empty_pb2.Empty, _Mapping]] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class QueueTopicConfig(_message.Message):
    __slots__ = ("partitions", "keep", "retention", "max_bytes")
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    KEEP_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    partitions: int
    keep: QueueKeep
    retention: _duration_pb2.Duration
    max_bytes: int
    def __init__(self, partitions: _Optional[int] = ..., keep: _Optional[_Union[QueueKeep, str]] = ..., retention: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_bytes: _Optional[int] = ...) -> None: ...

class QueueBackoff(_message.Message):
    __slots__ = ("min", "max")
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    min: _duration_pb2.Duration
    max: _duration_pb2.Duration
    def __init__(self, min: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class QueueDeadLetter(_message.Message):
    __slots__ = ("mode", "topic")
    MODE_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    mode: QueueDeadLetterMode
    topic: str
    def __init__(self, mode: _Optional[_Union[QueueDeadLetterMode, str]] = ..., topic: _Optional[str] = ...) -> None: ...

class QueueGroupConfig(_message.Message):
    __slots__ = ("ack_deadline", "max_lease", "max_attempts", "backoff", "dead_letter", "dead_retention", "expire_after_idle", "paused")
    ACK_DEADLINE_FIELD_NUMBER: _ClassVar[int]
    MAX_LEASE_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    BACKOFF_FIELD_NUMBER: _ClassVar[int]
    DEAD_LETTER_FIELD_NUMBER: _ClassVar[int]
    DEAD_RETENTION_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_AFTER_IDLE_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    ack_deadline: _duration_pb2.Duration
    max_lease: _duration_pb2.Duration
    max_attempts: int
    backoff: QueueBackoff
    dead_letter: QueueDeadLetter
    dead_retention: _duration_pb2.Duration
    expire_after_idle: _duration_pb2.Duration
    paused: bool
    def __init__(self, ack_deadline: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_lease: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_attempts: _Optional[int] = ..., backoff: _Optional[_Union[QueueBackoff, _Mapping]] = ..., dead_letter: _Optional[_Union[QueueDeadLetter, _Mapping]] = ..., dead_retention: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., expire_after_idle: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., paused: bool = ...) -> None: ...

class QueueCreate(_message.Message):
    __slots__ = ("start", "config")
    START_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    start: QueueStart
    config: QueueGroupConfig
    def __init__(self, start: _Optional[_Union[QueueStart, _Mapping]] = ..., config: _Optional[_Union[QueueGroupConfig, _Mapping]] = ...) -> None: ...

class QueueMessage(_message.Message):
    __slots__ = ("message_id", "topic", "payload", "attributes", "ordering_key", "published_at", "attempt", "receipt", "partition", "offset", "traceparent", "null_payload")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    ORDERING_KEY_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_AT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    NULL_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    topic: str
    payload: bytes
    attributes: _containers.ScalarMap[str, str]
    ordering_key: str
    published_at: _timestamp_pb2.Timestamp
    attempt: int
    receipt: str
    partition: int
    offset: int
    traceparent: str
    null_payload: bool
    def __init__(self, message_id: _Optional[str] = ..., topic: _Optional[str] = ..., payload: _Optional[bytes] = ..., attributes: _Optional[_Mapping[str, str]] = ..., ordering_key: _Optional[str] = ..., published_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., attempt: _Optional[int] = ..., receipt: _Optional[str] = ..., partition: _Optional[int] = ..., offset: _Optional[int] = ..., traceparent: _Optional[str] = ..., null_payload: bool = ...) -> None: ...

class QueuePublishRequest(_message.Message):
    __slots__ = ("topic", "payload", "attributes", "ordering_key", "delay", "deliver_at", "ttl", "idempotency_key")
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
    DELAY_FIELD_NUMBER: _ClassVar[int]
    DELIVER_AT_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    topic: str
    payload: bytes
    attributes: _containers.ScalarMap[str, str]
    ordering_key: str
    delay: _duration_pb2.Duration
    deliver_at: _timestamp_pb2.Timestamp
    ttl: _duration_pb2.Duration
    idempotency_key: str
    def __init__(self, topic: _Optional[str] = ..., payload: _Optional[bytes] = ..., attributes: _Optional[_Mapping[str, str]] = ..., ordering_key: _Optional[str] = ..., delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., deliver_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class QueuePublishResponse(_message.Message):
    __slots__ = ("message_id", "duplicate")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    duplicate: bool
    def __init__(self, message_id: _Optional[str] = ..., duplicate: bool = ...) -> None: ...

class QueuePublishBatchRequest(_message.Message):
    __slots__ = ("messages", "atomic")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    ATOMIC_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[QueuePublishRequest]
    atomic: bool
    def __init__(self, messages: _Optional[_Iterable[_Union[QueuePublishRequest, _Mapping]]] = ..., atomic: bool = ...) -> None: ...

class QueuePublishBatchResponse(_message.Message):
    __slots__ = ("results",)
    class Result(_message.Message):
        __slots__ = ("message_id", "duplicate", "error")
        MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
        DUPLICATE_FIELD_NUMBER: _ClassVar[int]
        ERROR_FIELD_NUMBER: _ClassVar[int]
        message_id: str
        duplicate: bool
        error: _status_pb2.Status
        def __init__(self, message_id: _Optional[str] = ..., duplicate: bool = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[QueuePublishBatchResponse.Result]
    def __init__(self, results: _Optional[_Iterable[_Union[QueuePublishBatchResponse.Result, _Mapping]]] = ...) -> None: ...

class QueueCancelRequest(_message.Message):
    __slots__ = ("topic", "message_ids")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    topic: str
    message_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, topic: _Optional[str] = ..., message_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class QueueCancelResponse(_message.Message):
    __slots__ = ("message_ids",)
    MESSAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    message_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, message_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class QueueSubscribe(_message.Message):
    __slots__ = ("topic", "group", "consumer_id", "max_in_flight", "max_in_flight_bytes", "create", "several")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_ID_FIELD_NUMBER: _ClassVar[int]
    MAX_IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    MAX_IN_FLIGHT_BYTES_FIELD_NUMBER: _ClassVar[int]
    CREATE_FIELD_NUMBER: _ClassVar[int]
    SEVERAL_FIELD_NUMBER: _ClassVar[int]
    topic: str
    group: str
    consumer_id: str
    max_in_flight: int
    max_in_flight_bytes: int
    create: QueueCreate
    several: bool
    def __init__(self, topic: _Optional[str] = ..., group: _Optional[str] = ..., consumer_id: _Optional[str] = ..., max_in_flight: _Optional[int] = ..., max_in_flight_bytes: _Optional[int] = ..., create: _Optional[_Union[QueueCreate, _Mapping]] = ..., several: bool = ...) -> None: ...

class QueueAck(_message.Message):
    __slots__ = ("receipts",)
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    receipts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, receipts: _Optional[_Iterable[str]] = ...) -> None: ...

class QueueNack(_message.Message):
    __slots__ = ("receipts", "delay", "reason", "dead")
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DEAD_FIELD_NUMBER: _ClassVar[int]
    receipts: _containers.RepeatedScalarFieldContainer[str]
    delay: _duration_pb2.Duration
    reason: str
    dead: bool
    def __init__(self, receipts: _Optional[_Iterable[str]] = ..., delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., reason: _Optional[str] = ..., dead: bool = ...) -> None: ...

class QueueRelease(_message.Message):
    __slots__ = ("receipts",)
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    receipts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, receipts: _Optional[_Iterable[str]] = ...) -> None: ...

class QueueExtend(_message.Message):
    __slots__ = ("receipts",)
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    receipts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, receipts: _Optional[_Iterable[str]] = ...) -> None: ...

class QueueCommit(_message.Message):
    __slots__ = ("id", "receipts", "publishes", "idempotency_key")
    ID_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    PUBLISHES_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    receipts: _containers.RepeatedScalarFieldContainer[str]
    publishes: _containers.RepeatedCompositeFieldContainer[QueuePublishRequest]
    idempotency_key: str
    def __init__(self, id: _Optional[str] = ..., receipts: _Optional[_Iterable[str]] = ..., publishes: _Optional[_Iterable[_Union[QueuePublishRequest, _Mapping]]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class QueueConsumeRequest(_message.Message):
    __slots__ = ("subscribe", "ack", "nack", "release", "extend", "commit", "drain")
    SUBSCRIBE_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    NACK_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    EXTEND_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    subscribe: QueueSubscribe
    ack: QueueAck
    nack: QueueNack
    release: QueueRelease
    extend: QueueExtend
    commit: QueueCommit
    drain: _empty_pb2.Empty
    def __init__(self, subscribe: _Optional[_Union[QueueSubscribe, _Mapping]] = ..., ack: _Optional[_Union[QueueAck, _Mapping]] = ..., nack: _Optional[_Union[QueueNack, _Mapping]] = ..., release: _Optional[_Union[QueueRelease, _Mapping]] = ..., extend: _Optional[_Union[QueueExtend, _Mapping]] = ..., commit: _Optional[_Union[QueueCommit, _Mapping]] = ..., drain: _Optional[_Union[_empty_pb2.Empty, _Mapping]] = ...) -> None: ...

class QueueSubscribed(_message.Message):
    __slots__ = ("config", "resumed", "partitions")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    RESUMED_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    config: QueueGroupConfig
    resumed: _containers.RepeatedScalarFieldContainer[str]
    partitions: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, config: _Optional[_Union[QueueGroupConfig, _Mapping]] = ..., resumed: _Optional[_Iterable[str]] = ..., partitions: _Optional[_Iterable[int]] = ...) -> None: ...

class QueueSettled(_message.Message):
    __slots__ = ("receipts", "error")
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    receipts: _containers.RepeatedScalarFieldContainer[str]
    error: _status_pb2.Status
    def __init__(self, receipts: _Optional[_Iterable[str]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class QueueCommitted(_message.Message):
    __slots__ = ("id", "message_ids", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: str
    message_ids: _containers.RepeatedScalarFieldContainer[str]
    error: _status_pb2.Status
    def __init__(self, id: _Optional[str] = ..., message_ids: _Optional[_Iterable[str]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class QueueRevoked(_message.Message):
    __slots__ = ("receipts", "cause")
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    receipts: _containers.RepeatedScalarFieldContainer[str]
    cause: QueueRevocation
    def __init__(self, receipts: _Optional[_Iterable[str]] = ..., cause: _Optional[_Union[QueueRevocation, str]] = ...) -> None: ...

class QueueMessages(_message.Message):
    __slots__ = ("messages",)
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[QueueMessage]
    def __init__(self, messages: _Optional[_Iterable[_Union[QueueMessage, _Mapping]]] = ...) -> None: ...

class QueueConsumeResponse(_message.Message):
    __slots__ = ("subscribed", "message", "settled", "committed", "revoked", "draining", "messages")
    SUBSCRIBED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    REVOKED_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    subscribed: QueueSubscribed
    message: QueueMessage
    settled: QueueSettled
    committed: QueueCommitted
    revoked: QueueRevoked
    draining: _empty_pb2.Empty
    messages: QueueMessages
    def __init__(self, subscribed: _Optional[_Union[QueueSubscribed, _Mapping]] = ..., message: _Optional[_Union[QueueMessage, _Mapping]] = ..., settled: _Optional[_Union[QueueSettled, _Mapping]] = ..., committed: _Optional[_Union[QueueCommitted, _Mapping]] = ..., revoked: _Optional[_Union[QueueRevoked, _Mapping]] = ..., draining: _Optional[_Union[_empty_pb2.Empty, _Mapping]] = ..., messages: _Optional[_Union[QueueMessages, _Mapping]] = ...) -> None: ...

class QueueReceiveRequest(_message.Message):
    __slots__ = ("topic", "group", "max", "max_bytes", "wait", "create")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    CREATE_FIELD_NUMBER: _ClassVar[int]
    topic: str
    group: str
    max: int
    max_bytes: int
    wait: _duration_pb2.Duration
    create: QueueCreate
    def __init__(self, topic: _Optional[str] = ..., group: _Optional[str] = ..., max: _Optional[int] = ..., max_bytes: _Optional[int] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., create: _Optional[_Union[QueueCreate, _Mapping]] = ...) -> None: ...

class QueueReceiveResponse(_message.Message):
    __slots__ = ("messages",)
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[QueueMessage]
    def __init__(self, messages: _Optional[_Iterable[_Union[QueueMessage, _Mapping]]] = ...) -> None: ...

class QueueSettlement(_message.Message):
    __slots__ = ("receipt", "error")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    receipt: str
    error: _status_pb2.Status
    def __init__(self, receipt: _Optional[str] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class QueueAcknowledgeRequest(_message.Message):
    __slots__ = ("topic", "group", "receipts")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    topic: str
    group: str
    receipts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, topic: _Optional[str] = ..., group: _Optional[str] = ..., receipts: _Optional[_Iterable[str]] = ...) -> None: ...

class QueueAcknowledgeResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[QueueSettlement]
    def __init__(self, results: _Optional[_Iterable[_Union[QueueSettlement, _Mapping]]] = ...) -> None: ...

class QueueNackRequest(_message.Message):
    __slots__ = ("topic", "group", "receipts", "delay", "reason", "dead")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DEAD_FIELD_NUMBER: _ClassVar[int]
    topic: str
    group: str
    receipts: _containers.RepeatedScalarFieldContainer[str]
    delay: _duration_pb2.Duration
    reason: str
    dead: bool
    def __init__(self, topic: _Optional[str] = ..., group: _Optional[str] = ..., receipts: _Optional[_Iterable[str]] = ..., delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., reason: _Optional[str] = ..., dead: bool = ...) -> None: ...

class QueueNackResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[QueueSettlement]
    def __init__(self, results: _Optional[_Iterable[_Union[QueueSettlement, _Mapping]]] = ...) -> None: ...

class QueueReleaseRequest(_message.Message):
    __slots__ = ("topic", "group", "receipts")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    topic: str
    group: str
    receipts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, topic: _Optional[str] = ..., group: _Optional[str] = ..., receipts: _Optional[_Iterable[str]] = ...) -> None: ...

class QueueReleaseResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[QueueSettlement]
    def __init__(self, results: _Optional[_Iterable[_Union[QueueSettlement, _Mapping]]] = ...) -> None: ...

class QueueExtendRequest(_message.Message):
    __slots__ = ("topic", "group", "receipts")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    topic: str
    group: str
    receipts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, topic: _Optional[str] = ..., group: _Optional[str] = ..., receipts: _Optional[_Iterable[str]] = ...) -> None: ...

class QueueExtendResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[QueueSettlement]
    def __init__(self, results: _Optional[_Iterable[_Union[QueueSettlement, _Mapping]]] = ...) -> None: ...

class QueueCommitRequest(_message.Message):
    __slots__ = ("topic", "group", "receipts", "publishes", "idempotency_key")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    PUBLISHES_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    topic: str
    group: str
    receipts: _containers.RepeatedScalarFieldContainer[str]
    publishes: _containers.RepeatedCompositeFieldContainer[QueuePublishRequest]
    idempotency_key: str
    def __init__(self, topic: _Optional[str] = ..., group: _Optional[str] = ..., receipts: _Optional[_Iterable[str]] = ..., publishes: _Optional[_Iterable[_Union[QueuePublishRequest, _Mapping]]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class QueueCommitResponse(_message.Message):
    __slots__ = ("message_ids",)
    MESSAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    message_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, message_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class QueueCreateTopicRequest(_message.Message):
    __slots__ = ("topic", "config")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    topic: str
    config: QueueTopicConfig
    def __init__(self, topic: _Optional[str] = ..., config: _Optional[_Union[QueueTopicConfig, _Mapping]] = ...) -> None: ...

class QueueCreateTopicResponse(_message.Message):
    __slots__ = ("config", "created")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    config: QueueTopicConfig
    created: bool
    def __init__(self, config: _Optional[_Union[QueueTopicConfig, _Mapping]] = ..., created: bool = ...) -> None: ...

class QueueUpdateTopicRequest(_message.Message):
    __slots__ = ("topic", "config")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    topic: str
    config: QueueTopicConfig
    def __init__(self, topic: _Optional[str] = ..., config: _Optional[_Union[QueueTopicConfig, _Mapping]] = ...) -> None: ...

class QueueUpdateTopicResponse(_message.Message):
    __slots__ = ("config",)
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    config: QueueTopicConfig
    def __init__(self, config: _Optional[_Union[QueueTopicConfig, _Mapping]] = ...) -> None: ...

class QueueDescribeTopicRequest(_message.Message):
    __slots__ = ("topic",)
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    topic: str
    def __init__(self, topic: _Optional[str] = ...) -> None: ...

class QueueDescribeTopicResponse(_message.Message):
    __slots__ = ("topic", "config", "messages", "bytes", "groups")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    topic: str
    config: QueueTopicConfig
    messages: int
    bytes: int
    groups: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, topic: _Optional[str] = ..., config: _Optional[_Union[QueueTopicConfig, _Mapping]] = ..., messages: _Optional[int] = ..., bytes: _Optional[int] = ..., groups: _Optional[_Iterable[str]] = ...) -> None: ...

class QueueListTopicsRequest(_message.Message):
    __slots__ = ("prefix", "limit", "cursor")
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    limit: int
    cursor: bytes
    def __init__(self, prefix: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[bytes] = ...) -> None: ...

class QueueListTopicsResponse(_message.Message):
    __slots__ = ("topics", "next_cursor")
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    topics: _containers.RepeatedScalarFieldContainer[str]
    next_cursor: bytes
    def __init__(self, topics: _Optional[_Iterable[str]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class QueueDeleteTopicRequest(_message.Message):
    __slots__ = ("topic",)
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    topic: str
    def __init__(self, topic: _Optional[str] = ...) -> None: ...

class QueueDeleteTopicResponse(_message.Message):
    __slots__ = ("existed",)
    EXISTED_FIELD_NUMBER: _ClassVar[int]
    existed: bool
    def __init__(self, existed: bool = ...) -> None: ...

class QueuePurgeTopicRequest(_message.Message):
    __slots__ = ("topic",)
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    topic: str
    def __init__(self, topic: _Optional[str] = ...) -> None: ...

class QueuePurgeTopicResponse(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class QueueCreateGroupRequest(_message.Message):
    __slots__ = ("topic", "group", "start", "config")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    topic: str
    group: str
    start: QueueStart
    config: QueueGroupConfig
    def __init__(self, topic: _Optional[str] = ..., group: _Optional[str] = ..., start: _Optional[_Union[QueueStart, _Mapping]] = ..., config: _Optional[_Union[QueueGroupConfig, _Mapping]] = ...) -> None: ...

class QueueCreateGroupResponse(_message.Message):
    __slots__ = ("config", "created")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    config: QueueGroupConfig
    created: bool
    def __init__(self, config: _Optional[_Union[QueueGroupConfig, _Mapping]] = ..., created: bool = ...) -> None: ...

class QueueUpdateGroupRequest(_message.Message):
    __slots__ = ("topic", "group", "config")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    topic: str
    group: str
    config: QueueGroupConfig
    def __init__(self, topic: _Optional[str] = ..., group: _Optional[str] = ..., config: _Optional[_Union[QueueGroupConfig, _Mapping]] = ...) -> None: ...

class QueueUpdateGroupResponse(_message.Message):
    __slots__ = ("config",)
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    config: QueueGroupConfig
    def __init__(self, config: _Optional[_Union[QueueGroupConfig, _Mapping]] = ...) -> None: ...

class QueueDescribeGroupRequest(_message.Message):
    __slots__ = ("topic", "group")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    topic: str
    group: str
    def __init__(self, topic: _Optional[str] = ..., group: _Optional[str] = ...) -> None: ...

class QueueCounts(_message.Message):
    __slots__ = ("offered", "waiting", "delayed", "in_flight", "acknowledged", "dead", "expired", "dead_kept")
    OFFERED_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    DELAYED_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    DEAD_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    DEAD_KEPT_FIELD_NUMBER: _ClassVar[int]
    offered: int
    waiting: int
    delayed: int
    in_flight: int
    acknowledged: int
    dead: int
    expired: int
    dead_kept: int
    def __init__(self, offered: _Optional[int] = ..., waiting: _Optional[int] = ..., delayed: _Optional[int] = ..., in_flight: _Optional[int] = ..., acknowledged: _Optional[int] = ..., dead: _Optional[int] = ..., expired: _Optional[int] = ..., dead_kept: _Optional[int] = ...) -> None: ...

class QueueDescribeGroupResponse(_message.Message):
    __slots__ = ("topic", "group", "config", "counts", "oldest_age", "lag", "consumers")
    class Lag(_message.Message):
        __slots__ = ("partition", "messages")
        PARTITION_FIELD_NUMBER: _ClassVar[int]
        MESSAGES_FIELD_NUMBER: _ClassVar[int]
        partition: int
        messages: int
        def __init__(self, partition: _Optional[int] = ..., messages: _Optional[int] = ...) -> None: ...
    class Consumer(_message.Message):
        __slots__ = ("consumer_id", "in_flight")
        CONSUMER_ID_FIELD_NUMBER: _ClassVar[int]
        IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
        consumer_id: str
        in_flight: int
        def __init__(self, consumer_id: _Optional[str] = ..., in_flight: _Optional[int] = ...) -> None: ...
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    OLDEST_AGE_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    CONSUMERS_FIELD_NUMBER: _ClassVar[int]
    topic: str
    group: str
    config: QueueGroupConfig
    counts: QueueCounts
    oldest_age: _duration_pb2.Duration
    lag: _containers.RepeatedCompositeFieldContainer[QueueDescribeGroupResponse.Lag]
    consumers: _containers.RepeatedCompositeFieldContainer[QueueDescribeGroupResponse.Consumer]
    def __init__(self, topic: _Optional[str] = ..., group: _Optional[str] = ..., config: _Optional[_Union[QueueGroupConfig, _Mapping]] = ..., counts: _Optional[_Union[QueueCounts, _Mapping]] = ..., oldest_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., lag: _Optional[_Iterable[_Union[QueueDescribeGroupResponse.Lag, _Mapping]]] = ..., consumers: _Optional[_Iterable[_Union[QueueDescribeGroupResponse.Consumer, _Mapping]]] = ...) -> None: ...

class QueueListGroupsRequest(_message.Message):
    __slots__ = ("topic", "limit", "cursor")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    topic: str
    limit: int
    cursor: bytes
    def __init__(self, topic: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[bytes] = ...) -> None: ...

class QueueListGroupsResponse(_message.Message):
    __slots__ = ("groups", "next_cursor")
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedScalarFieldContainer[str]
    next_cursor: bytes
    def __init__(self, groups: _Optional[_Iterable[str]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class QueueDeleteGroupRequest(_message.Message):
    __slots__ = ("topic", "group")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    topic: str
    group: str
    def __init__(self, topic: _Optional[str] = ..., group: _Optional[str] = ...) -> None: ...

class QueueDeleteGroupResponse(_message.Message):
    __slots__ = ("existed",)
    EXISTED_FIELD_NUMBER: _ClassVar[int]
    existed: bool
    def __init__(self, existed: bool = ...) -> None: ...

class QueueSeekRequest(_message.Message):
    __slots__ = ("topic", "group", "to")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    topic: str
    group: str
    to: QueueStart
    def __init__(self, topic: _Optional[str] = ..., group: _Optional[str] = ..., to: _Optional[_Union[QueueStart, _Mapping]] = ...) -> None: ...

class QueueSeekResponse(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class QueuePeekRequest(_message.Message):
    __slots__ = ("topic", "group", "state", "limit", "cursor")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    topic: str
    group: str
    state: QueueState
    limit: int
    cursor: bytes
    def __init__(self, topic: _Optional[str] = ..., group: _Optional[str] = ..., state: _Optional[_Union[QueueState, str]] = ..., limit: _Optional[int] = ..., cursor: _Optional[bytes] = ...) -> None: ...

class QueuePeeked(_message.Message):
    __slots__ = ("message", "due_at", "dead_at", "reason", "consumer_id")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_FIELD_NUMBER: _ClassVar[int]
    DEAD_AT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_ID_FIELD_NUMBER: _ClassVar[int]
    message: QueueMessage
    due_at: _timestamp_pb2.Timestamp
    dead_at: _timestamp_pb2.Timestamp
    reason: str
    consumer_id: str
    def __init__(self, message: _Optional[_Union[QueueMessage, _Mapping]] = ..., due_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., dead_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ..., consumer_id: _Optional[str] = ...) -> None: ...

class QueuePeekResponse(_message.Message):
    __slots__ = ("messages", "next_cursor")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[QueuePeeked]
    next_cursor: bytes
    def __init__(self, messages: _Optional[_Iterable[_Union[QueuePeeked, _Mapping]]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class QueueRedriveRequest(_message.Message):
    __slots__ = ("topic", "group", "message_ids", "limit")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    topic: str
    group: str
    message_ids: _containers.RepeatedScalarFieldContainer[str]
    limit: int
    def __init__(self, topic: _Optional[str] = ..., group: _Optional[str] = ..., message_ids: _Optional[_Iterable[str]] = ..., limit: _Optional[int] = ...) -> None: ...

class QueueRedriveResponse(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class QueueDiscardRequest(_message.Message):
    __slots__ = ("topic", "group", "message_ids", "limit")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    topic: str
    group: str
    message_ids: _containers.RepeatedScalarFieldContainer[str]
    limit: int
    def __init__(self, topic: _Optional[str] = ..., group: _Optional[str] = ..., message_ids: _Optional[_Iterable[str]] = ..., limit: _Optional[int] = ...) -> None: ...

class QueueDiscardResponse(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...
