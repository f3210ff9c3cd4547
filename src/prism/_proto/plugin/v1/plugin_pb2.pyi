from google.protobuf import any_pb2 as _any_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class InitializeRequest(_message.Message):
    __slots__ = ("namespace", "backend_type", "config", "credentials", "capabilities", "instance", "protocol_versions")
    class CredentialsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    BACKEND_TYPE_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    backend_type: str
    config: _any_pb2.Any
    credentials: _containers.ScalarMap[str, str]
    capabilities: ProxyCapabilities
    instance: str
    protocol_versions: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, namespace: _Optional[str] = ..., backend_type: _Optional[str] = ..., config: _Optional[_Union[_any_pb2.Any, _Mapping]] = ..., credentials: _Optional[_Mapping[str, str]] = ..., capabilities: _Optional[_Union[ProxyCapabilities, _Mapping]] = ..., instance: _Optional[str] = ..., protocol_versions: _Optional[_Iterable[int]] = ...) -> None: ...

class InitializeResponse(_message.Message):
    __slots__ = ("success", "error", "plugin_version", "supported_operations", "identity", "status", "protocol_version")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PLUGIN_VERSION_FIELD_NUMBER: _ClassVar[int]
    SUPPORTED_OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    success: bool
    error: str
    plugin_version: str
    supported_operations: _containers.RepeatedScalarFieldContainer[str]
    identity: str
    status: _status_pb2.Status
    protocol_version: int
    def __init__(self, success: bool = ..., error: _Optional[str] = ..., plugin_version: _Optional[str] = ..., supported_operations: _Optional[_Iterable[str]] = ..., identity: _Optional[str] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., protocol_version: _Optional[int] = ...) -> None: ...

class ExecuteRequest(_message.Message):
    __slots__ = ("operation", "typed_params", "raw_params", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    TYPED_PARAMS_FIELD_NUMBER: _ClassVar[int]
    RAW_PARAMS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    operation: str
    typed_params: _any_pb2.Any
    raw_params: bytes
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, operation: _Optional[str] = ..., typed_params: _Optional[_Union[_any_pb2.Any, _Mapping]] = ..., raw_params: _Optional[bytes] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ExecuteResponse(_message.Message):
    __slots__ = ("success", "error", "error_code", "typed_result", "raw_result", "metrics", "status")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    TYPED_RESULT_FIELD_NUMBER: _ClassVar[int]
    RAW_RESULT_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    success: bool
    error: str
    error_code: int
    typed_result: _any_pb2.Any
    raw_result: bytes
    metrics: PluginMetrics
    status: _status_pb2.Status
    def __init__(self, success: bool = ..., error: _Optional[str] = ..., error_code: _Optional[int] = ..., typed_result: _Optional[_Union[_any_pb2.Any, _Mapping]] = ..., raw_result: _Optional[bytes] = ..., metrics: _Optional[_Union[PluginMetrics, _Mapping]] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class ExecuteStreamRequest(_message.Message):
    __slots__ = ("operation", "typed_params", "raw_params", "metadata", "drain")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    TYPED_PARAMS_FIELD_NUMBER: _ClassVar[int]
    RAW_PARAMS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    operation: str
    typed_params: _any_pb2.Any
    raw_params: bytes
    metadata: _containers.ScalarMap[str, str]
    drain: bool
    def __init__(self, operation: _Optional[str] = ..., typed_params: _Optional[_Union[_any_pb2.Any, _Mapping]] = ..., raw_params: _Optional[bytes] = ..., metadata: _Optional[_Mapping[str, str]] = ..., drain: bool = ...) -> None: ...

class ExecuteStreamResponse(_message.Message):
    __slots__ = ("typed_result", "raw_result", "is_final", "status")
    TYPED_RESULT_FIELD_NUMBER: _ClassVar[int]
    RAW_RESULT_FIELD_NUMBER: _ClassVar[int]
    IS_FINAL_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    typed_result: _any_pb2.Any
    raw_result: bytes
    is_final: bool
    status: _status_pb2.Status
    def __init__(self, typed_result: _Optional[_Union[_any_pb2.Any, _Mapping]] = ..., raw_result: _Optional[bytes] = ..., is_final: bool = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class ShutdownRequest(_message.Message):
    __slots__ = ("instance", "grace_seconds")
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    GRACE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    instance: str
    grace_seconds: float
    def __init__(self, instance: _Optional[str] = ..., grace_seconds: _Optional[float] = ...) -> None: ...

class ShutdownResponse(_message.Message):
    __slots__ = ("success", "error")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    success: bool
    error: str
    def __init__(self, success: bool = ..., error: _Optional[str] = ...) -> None: ...

class HealthCheckRequest(_message.Message):
    __slots__ = ("connection_id", "instance")
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    connection_id: str
    instance: str
    def __init__(self, connection_id: _Optional[str] = ..., instance: _Optional[str] = ...) -> None: ...

class HealthCheckResponse(_message.Message):
    __slots__ = ("status", "message", "details")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        HEALTHY: _ClassVar[HealthCheckResponse.Status]
        DEGRADED: _ClassVar[HealthCheckResponse.Status]
        UNHEALTHY: _ClassVar[HealthCheckResponse.Status]
    HEALTHY: HealthCheckResponse.Status
    DEGRADED: HealthCheckResponse.Status
    UNHEALTHY: HealthCheckResponse.Status
    class DetailsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    status: HealthCheckResponse.Status
    message: str
    details: _containers.ScalarMap[str, str]
    def __init__(self, status: _Optional[_Union[HealthCheckResponse.Status, str]] = ..., message: _Optional[str] = ..., details: _Optional[_Mapping[str, str]] = ...) -> None: ...

class LiveRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LiveResponse(_message.Message):
    __slots__ = ("alive", "timestamp")
    ALIVE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    alive: bool
    timestamp: _timestamp_pb2.Timestamp
    def __init__(self, alive: bool = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ReadyRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReadyResponse(_message.Message):
    __slots__ = ("ready", "message", "dependencies")
    class DependenciesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    READY_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DEPENDENCIES_FIELD_NUMBER: _ClassVar[int]
    ready: bool
    message: str
    dependencies: _containers.ScalarMap[str, str]
    def __init__(self, ready: bool = ..., message: _Optional[str] = ..., dependencies: _Optional[_Mapping[str, str]] = ...) -> None: ...

class PluginMetrics(_message.Message):
    __slots__ = ("requests_total", "requests_failed", "latency_ms", "connections_active", "interval_start_ns", "connections_idle", "custom_metrics")
    REQUESTS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FAILED_FIELD_NUMBER: _ClassVar[int]
    LATENCY_MS_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_ACTIVE_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_START_NS_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_IDLE_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_METRICS_FIELD_NUMBER: _ClassVar[int]
    requests_total: int
    requests_failed: int
    latency_ms: float
    connections_active: int
    interval_start_ns: int
    connections_idle: int
    custom_metrics: _any_pb2.Any
    def __init__(self, requests_total: _Optional[int] = ..., requests_failed: _Optional[int] = ..., latency_ms: _Optional[float] = ..., connections_active: _Optional[int] = ..., interval_start_ns: _Optional[int] = ..., connections_idle: _Optional[int] = ..., custom_metrics: _Optional[_Union[_any_pb2.Any, _Mapping]] = ...) -> None: ...

class GetMetricsRequest(_message.Message):
    __slots__ = ("instance",)
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    instance: str
    def __init__(self, instance: _Optional[str] = ...) -> None: ...

class GetMetricsResponse(_message.Message):
    __slots__ = ("metrics", "plugin_metrics")
    METRICS_FIELD_NUMBER: _ClassVar[int]
    PLUGIN_METRICS_FIELD_NUMBER: _ClassVar[int]
    metrics: str
    plugin_metrics: PluginMetrics
    def __init__(self, metrics: _Optional[str] = ..., plugin_metrics: _Optional[_Union[PluginMetrics, _Mapping]] = ...) -> None: ...

class GetInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetInfoResponse(_message.Message):
    __slots__ = ("name", "version", "role", "backend", "protocol_versions", "interfaces", "capabilities", "services", "descriptors")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    INTERFACES_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTORS_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    role: str
    backend: str
    protocol_versions: _containers.RepeatedScalarFieldContainer[int]
    interfaces: _containers.RepeatedScalarFieldContainer[str]
    capabilities: _struct_pb2.Struct
    services: _containers.RepeatedScalarFieldContainer[str]
    descriptors: bytes
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., role: _Optional[str] = ..., backend: _Optional[str] = ..., protocol_versions: _Optional[_Iterable[int]] = ..., interfaces: _Optional[_Iterable[str]] = ..., capabilities: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., services: _Optional[_Iterable[str]] = ..., descriptors: _Optional[bytes] = ...) -> None: ...

class HoldsDataRequest(_message.Message):
    __slots__ = ("namespace", "instance")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    instance: str
    def __init__(self, namespace: _Optional[str] = ..., instance: _Optional[str] = ...) -> None: ...

class HoldsDataResponse(_message.Message):
    __slots__ = ("holds_data",)
    HOLDS_DATA_FIELD_NUMBER: _ClassVar[int]
    holds_data: bool
    def __init__(self, holds_data: bool = ...) -> None: ...

class ProxyCapabilities(_message.Message):
    __slots__ = ("supports_metrics_push", "supports_distributed_tracing", "supports_hot_reload", "proxy_version")
    SUPPORTS_METRICS_PUSH_FIELD_NUMBER: _ClassVar[int]
    SUPPORTS_DISTRIBUTED_TRACING_FIELD_NUMBER: _ClassVar[int]
    SUPPORTS_HOT_RELOAD_FIELD_NUMBER: _ClassVar[int]
    PROXY_VERSION_FIELD_NUMBER: _ClassVar[int]
    supports_metrics_push: bool
    supports_distributed_tracing: bool
    supports_hot_reload: bool
    proxy_version: str
    def __init__(self, supports_metrics_push: bool = ..., supports_distributed_tracing: bool = ..., supports_hot_reload: bool = ..., proxy_version: _Optional[str] = ...) -> None: ...
