from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from prism._proto.data.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PluginState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PLUGIN_STATE_UNSPECIFIED: _ClassVar[PluginState]
    PLUGIN_STATE_STARTING: _ClassVar[PluginState]
    PLUGIN_STATE_READY: _ClassVar[PluginState]
    PLUGIN_STATE_DEGRADED: _ClassVar[PluginState]
    PLUGIN_STATE_UNAVAILABLE: _ClassVar[PluginState]
    PLUGIN_STATE_DISABLED: _ClassVar[PluginState]

class ProbeResult(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROBE_RESULT_UNSPECIFIED: _ClassVar[ProbeResult]
    PROBE_RESULT_HEALTHY: _ClassVar[ProbeResult]
    PROBE_RESULT_DEGRADED: _ClassVar[ProbeResult]
    PROBE_RESULT_UNHEALTHY: _ClassVar[ProbeResult]
PLUGIN_STATE_UNSPECIFIED: PluginState
PLUGIN_STATE_STARTING: PluginState
PLUGIN_STATE_READY: PluginState
PLUGIN_STATE_DEGRADED: PluginState
PLUGIN_STATE_UNAVAILABLE: PluginState
PLUGIN_STATE_DISABLED: PluginState
PROBE_RESULT_UNSPECIFIED: ProbeResult
PROBE_RESULT_HEALTHY: ProbeResult
PROBE_RESULT_DEGRADED: ProbeResult
PROBE_RESULT_UNHEALTHY: ProbeResult

class ListPluginsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListPluginsResponse(_message.Message):
    __slots__ = ("plugins", "broken")
    PLUGINS_FIELD_NUMBER: _ClassVar[int]
    BROKEN_FIELD_NUMBER: _ClassVar[int]
    plugins: _containers.RepeatedCompositeFieldContainer[Plugin]
    broken: _containers.RepeatedCompositeFieldContainer[BrokenPlugin]
    def __init__(self, plugins: _Optional[_Iterable[_Union[Plugin, _Mapping]]] = ..., broken: _Optional[_Iterable[_Union[BrokenPlugin, _Mapping]]] = ...) -> None: ...

class DescribePluginRequest(_message.Message):
    __slots__ = ("plugin",)
    PLUGIN_FIELD_NUMBER: _ClassVar[int]
    plugin: str
    def __init__(self, plugin: _Optional[str] = ...) -> None: ...

class DescribePluginResponse(_message.Message):
    __slots__ = ("plugin", "capabilities", "config", "credentials")
    PLUGIN_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    plugin: Plugin
    capabilities: _struct_pb2.Struct
    config: _containers.RepeatedCompositeFieldContainer[PluginOption]
    credentials: _containers.RepeatedCompositeFieldContainer[PluginOption]
    def __init__(self, plugin: _Optional[_Union[Plugin, _Mapping]] = ..., capabilities: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., config: _Optional[_Iterable[_Union[PluginOption, _Mapping]]] = ..., credentials: _Optional[_Iterable[_Union[PluginOption, _Mapping]]] = ...) -> None: ...

class GetPluginStatusRequest(_message.Message):
    __slots__ = ("namespace", "plugin", "page_size", "page_token")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PLUGIN_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    plugin: str
    page_size: int
    page_token: str
    def __init__(self, namespace: _Optional[str] = ..., plugin: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class GetPluginStatusResponse(_message.Message):
    __slots__ = ("statuses", "next_page_token")
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    statuses: _containers.RepeatedCompositeFieldContainer[PluginStatus]
    next_page_token: str
    def __init__(self, statuses: _Optional[_Iterable[_Union[PluginStatus, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ReloadPluginRequest(_message.Message):
    __slots__ = ("namespace", "version", "abstraction")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ABSTRACTION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    version: str
    abstraction: str
    def __init__(self, namespace: _Optional[str] = ..., version: _Optional[str] = ..., abstraction: _Optional[str] = ...) -> None: ...

class ReloadPluginResponse(_message.Message):
    __slots__ = ("status", "previous_version", "namespaces", "generation", "notes", "statuses")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_VERSION_FIELD_NUMBER: _ClassVar[int]
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    status: PluginStatus
    previous_version: str
    namespaces: int
    generation: int
    notes: _containers.RepeatedScalarFieldContainer[str]
    statuses: _containers.RepeatedCompositeFieldContainer[PluginStatus]
    def __init__(self, status: _Optional[_Union[PluginStatus, _Mapping]] = ..., previous_version: _Optional[str] = ..., namespaces: _Optional[int] = ..., generation: _Optional[int] = ..., notes: _Optional[_Iterable[str]] = ..., statuses: _Optional[_Iterable[_Union[PluginStatus, _Mapping]]] = ...) -> None: ...

class EnablePluginRequest(_message.Message):
    __slots__ = ("namespace",)
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    def __init__(self, namespace: _Optional[str] = ...) -> None: ...

class EnablePluginResponse(_message.Message):
    __slots__ = ("status", "changed", "statuses")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    status: PluginStatus
    changed: bool
    statuses: _containers.RepeatedCompositeFieldContainer[PluginStatus]
    def __init__(self, status: _Optional[_Union[PluginStatus, _Mapping]] = ..., changed: bool = ..., statuses: _Optional[_Iterable[_Union[PluginStatus, _Mapping]]] = ...) -> None: ...

class DisablePluginRequest(_message.Message):
    __slots__ = ("namespace", "reason")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    reason: str
    def __init__(self, namespace: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class DisablePluginResponse(_message.Message):
    __slots__ = ("status", "changed", "statuses")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    status: PluginStatus
    changed: bool
    statuses: _containers.RepeatedCompositeFieldContainer[PluginStatus]
    def __init__(self, status: _Optional[_Union[PluginStatus, _Mapping]] = ..., changed: bool = ..., statuses: _Optional[_Iterable[_Union[PluginStatus, _Mapping]]] = ...) -> None: ...

class GetPluginLogsRequest(_message.Message):
    __slots__ = ("namespace", "lines", "follow", "abstraction")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    ABSTRACTION_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    lines: int
    follow: bool
    abstraction: str
    def __init__(self, namespace: _Optional[str] = ..., lines: _Optional[int] = ..., follow: bool = ..., abstraction: _Optional[str] = ...) -> None: ...

class GetPluginLogsResponse(_message.Message):
    __slots__ = ("line", "time", "gap")
    LINE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    line: str
    time: _timestamp_pb2.Timestamp
    gap: bool
    def __init__(self, line: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., gap: bool = ...) -> None: ...

class ReloadConfigurationRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReloadConfigurationResponse(_message.Message):
    __slots__ = ("generation", "added", "changed", "removed", "held", "notes")
    class HeldEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    generation: int
    added: _containers.RepeatedScalarFieldContainer[str]
    changed: _containers.RepeatedScalarFieldContainer[str]
    removed: _containers.RepeatedScalarFieldContainer[str]
    held: _containers.ScalarMap[str, str]
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, generation: _Optional[int] = ..., added: _Optional[_Iterable[str]] = ..., changed: _Optional[_Iterable[str]] = ..., removed: _Optional[_Iterable[str]] = ..., held: _Optional[_Mapping[str, str]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class ListNamespacesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListNamespacesResponse(_message.Message):
    __slots__ = ("namespaces", "next_page_token", "generation")
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    namespaces: _containers.RepeatedCompositeFieldContainer[Namespace]
    next_page_token: str
    generation: int
    def __init__(self, namespaces: _Optional[_Iterable[_Union[Namespace, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., generation: _Optional[int] = ...) -> None: ...

class DescribeNamespaceRequest(_message.Message):
    __slots__ = ("namespace",)
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    def __init__(self, namespace: _Optional[str] = ...) -> None: ...

class DescribeNamespaceResponse(_message.Message):
    __slots__ = ("namespace", "line", "config", "credentials", "status")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    namespace: Namespace
    line: int
    config: _struct_pb2.Struct
    credentials: _struct_pb2.Struct
    status: PluginStatus
    def __init__(self, namespace: _Optional[_Union[Namespace, _Mapping]] = ..., line: _Optional[int] = ..., config: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., credentials: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., status: _Optional[_Union[PluginStatus, _Mapping]] = ...) -> None: ...

class Plugin(_message.Message):
    __slots__ = ("name", "version", "maturity", "summary", "interfaces", "default_placement", "origin", "distribution", "pinned", "missing_drivers", "how_to_install", "protocol", "namespaces", "namespaces_unavailable")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MATURITY_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    INTERFACES_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    DISTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    MISSING_DRIVERS_FIELD_NUMBER: _ClassVar[int]
    HOW_TO_INSTALL_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    NAMESPACES_FIELD_NUMBER: _ClassVar[int]
    NAMESPACES_UNAVAILABLE_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    maturity: str
    summary: str
    interfaces: _containers.RepeatedScalarFieldContainer[str]
    default_placement: str
    origin: str
    distribution: str
    pinned: bool
    missing_drivers: _containers.RepeatedScalarFieldContainer[str]
    how_to_install: str
    protocol: int
    namespaces: int
    namespaces_unavailable: int
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., maturity: _Optional[str] = ..., summary: _Optional[str] = ..., interfaces: _Optional[_Iterable[str]] = ..., default_placement: _Optional[str] = ..., origin: _Optional[str] = ..., distribution: _Optional[str] = ..., pinned: bool = ..., missing_drivers: _Optional[_Iterable[str]] = ..., how_to_install: _Optional[str] = ..., protocol: _Optional[int] = ..., namespaces: _Optional[int] = ..., namespaces_unavailable: _Optional[int] = ...) -> None: ...

class BrokenPlugin(_message.Message):
    __slots__ = ("name", "origin", "problem")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    name: str
    origin: str
    problem: str
    def __init__(self, name: _Optional[str] = ..., origin: _Optional[str] = ..., problem: _Optional[str] = ...) -> None: ...

class PluginOption(_message.Message):
    __slots__ = ("name", "kind", "required", "default", "secret", "meaning")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    MEANING_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    required: bool
    default: str
    secret: bool
    meaning: str
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., required: bool = ..., default: _Optional[str] = ..., secret: bool = ..., meaning: _Optional[str] = ...) -> None: ...

class Namespace(_message.Message):
    __slots__ = ("name", "abstractions", "plugin", "placement", "state", "backends")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ABSTRACTIONS_FIELD_NUMBER: _ClassVar[int]
    PLUGIN_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    BACKENDS_FIELD_NUMBER: _ClassVar[int]
    name: str
    abstractions: _containers.RepeatedScalarFieldContainer[str]
    plugin: str
    placement: str
    state: PluginState
    backends: _containers.RepeatedCompositeFieldContainer[NamespaceBackend]
    def __init__(self, name: _Optional[str] = ..., abstractions: _Optional[_Iterable[str]] = ..., plugin: _Optional[str] = ..., placement: _Optional[str] = ..., state: _Optional[_Union[PluginState, str]] = ..., backends: _Optional[_Iterable[_Union[NamespaceBackend, _Mapping]]] = ...) -> None: ...

class NamespaceBackend(_message.Message):
    __slots__ = ("abstractions", "plugin", "placement", "state", "config", "credentials", "status")
    ABSTRACTIONS_FIELD_NUMBER: _ClassVar[int]
    PLUGIN_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    abstractions: _containers.RepeatedScalarFieldContainer[str]
    plugin: str
    placement: str
    state: PluginState
    config: _struct_pb2.Struct
    credentials: _struct_pb2.Struct
    status: PluginStatus
    def __init__(self, abstractions: _Optional[_Iterable[str]] = ..., plugin: _Optional[str] = ..., placement: _Optional[str] = ..., state: _Optional[_Union[PluginState, str]] = ..., config: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., credentials: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., status: _Optional[_Union[PluginStatus, _Mapping]] = ...) -> None: ...

class PluginStatus(_message.Message):
    __slots__ = ("namespace", "plugin", "version", "placement", "state", "reason", "store", "calls", "probe", "last_failure", "disabled", "restarts", "process", "breaker", "abstractions")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PLUGIN_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    PROBE_FIELD_NUMBER: _ClassVar[int]
    LAST_FAILURE_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    BREAKER_FIELD_NUMBER: _ClassVar[int]
    ABSTRACTIONS_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    plugin: str
    version: str
    placement: str
    state: PluginState
    reason: str
    store: str
    calls: int
    probe: Probe
    last_failure: PluginFailure
    disabled: PluginDisabled
    restarts: int
    process: _struct_pb2.Struct
    breaker: PluginBreaker
    abstractions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, namespace: _Optional[str] = ..., plugin: _Optional[str] = ..., version: _Optional[str] = ..., placement: _Optional[str] = ..., state: _Optional[_Union[PluginState, str]] = ..., reason: _Optional[str] = ..., store: _Optional[str] = ..., calls: _Optional[int] = ..., probe: _Optional[_Union[Probe, _Mapping]] = ..., last_failure: _Optional[_Union[PluginFailure, _Mapping]] = ..., disabled: _Optional[_Union[PluginDisabled, _Mapping]] = ..., restarts: _Optional[int] = ..., process: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., breaker: _Optional[_Union[PluginBreaker, _Mapping]] = ..., abstractions: _Optional[_Iterable[str]] = ...) -> None: ...

class PluginBreaker(_message.Message):
    __slots__ = ("state", "trips", "opens_in_seconds")
    STATE_FIELD_NUMBER: _ClassVar[int]
    TRIPS_FIELD_NUMBER: _ClassVar[int]
    OPENS_IN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    state: str
    trips: int
    opens_in_seconds: float
    def __init__(self, state: _Optional[str] = ..., trips: _Optional[int] = ..., opens_in_seconds: _Optional[float] = ...) -> None: ...

class PluginDisabled(_message.Message):
    __slots__ = ("by", "reason", "time")
    BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    by: str
    reason: str
    time: _timestamp_pb2.Timestamp
    def __init__(self, by: _Optional[str] = ..., reason: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Probe(_message.Message):
    __slots__ = ("result", "message", "details", "time")
    class DetailsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    RESULT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    result: ProbeResult
    message: str
    details: _containers.ScalarMap[str, str]
    time: _timestamp_pb2.Timestamp
    def __init__(self, result: _Optional[_Union[ProbeResult, str]] = ..., message: _Optional[str] = ..., details: _Optional[_Mapping[str, str]] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PluginFailure(_message.Message):
    __slots__ = ("message", "time")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    message: str
    time: _timestamp_pb2.Timestamp
    def __init__(self, message: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
