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

class GraphMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRAPH_MODE_UNSPECIFIED: _ClassVar[GraphMode]
    GRAPH_MODE_CREATE: _ClassVar[GraphMode]
    GRAPH_MODE_MERGE: _ClassVar[GraphMode]
    GRAPH_MODE_REPLACE: _ClassVar[GraphMode]

class GraphEdges(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRAPH_EDGES_UNSPECIFIED: _ClassVar[GraphEdges]
    GRAPH_EDGES_REFUSE: _ClassVar[GraphEdges]
    GRAPH_EDGES_CASCADE: _ClassVar[GraphEdges]

class GraphDirection(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRAPH_DIRECTION_UNSPECIFIED: _ClassVar[GraphDirection]
    GRAPH_DIRECTION_OUT: _ClassVar[GraphDirection]
    GRAPH_DIRECTION_IN: _ClassVar[GraphDirection]
    GRAPH_DIRECTION_BOTH: _ClassVar[GraphDirection]

class GraphUnique(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRAPH_UNIQUE_UNSPECIFIED: _ClassVar[GraphUnique]
    GRAPH_UNIQUE_NODE: _ClassVar[GraphUnique]
    GRAPH_UNIQUE_EDGE: _ClassVar[GraphUnique]

class GraphReturn(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRAPH_RETURN_UNSPECIFIED: _ClassVar[GraphReturn]
    GRAPH_RETURN_NODES: _ClassVar[GraphReturn]
    GRAPH_RETURN_EDGES: _ClassVar[GraphReturn]
    GRAPH_RETURN_PATHS: _ClassVar[GraphReturn]
GRAPH_MODE_UNSPECIFIED: GraphMode
GRAPH_MODE_CREATE: GraphMode
GRAPH_MODE_MERGE: GraphMode
GRAPH_MODE_REPLACE: GraphMode
GRAPH_EDGES_UNSPECIFIED: GraphEdges
GRAPH_EDGES_REFUSE: GraphEdges
GRAPH_EDGES_CASCADE: GraphEdges
GRAPH_DIRECTION_UNSPECIFIED: GraphDirection
GRAPH_DIRECTION_OUT: GraphDirection
GRAPH_DIRECTION_IN: GraphDirection
GRAPH_DIRECTION_BOTH: GraphDirection
GRAPH_UNIQUE_UNSPECIFIED: GraphUnique
GRAPH_UNIQUE_NODE: GraphUnique
GRAPH_UNIQUE_EDGE: GraphUnique
GRAPH_RETURN_UNSPECIFIED: GraphReturn
GRAPH_RETURN_NODES: GraphReturn
GRAPH_RETURN_EDGES: GraphReturn
GRAPH_RETURN_PATHS: GraphReturn

class GraphNode(_message.Message):
    __slots__ = ("id", "labels", "properties")
    class PropertiesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _value_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    id: str
    labels: _containers.RepeatedScalarFieldContainer[str]
    properties: _containers.MessageMap[str, _value_pb2.Value]
    def __init__(self, id: _Optional[str] = ..., labels: _Optional[_Iterable[str]] = ..., properties: _Optional[_Mapping[str, _value_pb2.Value]] = ...) -> None: ...

class GraphEdge(_message.Message):
    __slots__ = ("from_id", "label", "to_id", "key", "properties", "id")
    class PropertiesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _value_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...
    FROM_ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    TO_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    from_id: str
    label: str
    to_id: str
    key: str
    properties: _containers.MessageMap[str, _value_pb2.Value]
    id: str
    def __init__(self, from_id: _Optional[str] = ..., label: _Optional[str] = ..., to_id: _Optional[str] = ..., key: _Optional[str] = ..., properties: _Optional[_Mapping[str, _value_pb2.Value]] = ..., id: _Optional[str] = ...) -> None: ...

class GraphCreateNodesRequest(_message.Message):
    __slots__ = ("nodes", "mode")
    NODES_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[GraphNode]
    mode: GraphMode
    def __init__(self, nodes: _Optional[_Iterable[_Union[GraphNode, _Mapping]]] = ..., mode: _Optional[_Union[GraphMode, str]] = ...) -> None: ...

class GraphCreateNodesResponse(_message.Message):
    __slots__ = ("created",)
    CREATED_FIELD_NUMBER: _ClassVar[int]
    created: int
    def __init__(self, created: _Optional[int] = ...) -> None: ...

class GraphCreateEdgesRequest(_message.Message):
    __slots__ = ("edges", "mode")
    EDGES_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    edges: _containers.RepeatedCompositeFieldContainer[GraphEdge]
    mode: GraphMode
    def __init__(self, edges: _Optional[_Iterable[_Union[GraphEdge, _Mapping]]] = ..., mode: _Optional[_Union[GraphMode, str]] = ...) -> None: ...

class GraphCreateEdgesResponse(_message.Message):
    __slots__ = ("created", "ids")
    CREATED_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    created: int
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, created: _Optional[int] = ..., ids: _Optional[_Iterable[str]] = ...) -> None: ...

class GraphGetNodesRequest(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ids: _Optional[_Iterable[str]] = ...) -> None: ...

class GraphGetNodesResponse(_message.Message):
    __slots__ = ("nodes",)
    NODES_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[GraphNode]
    def __init__(self, nodes: _Optional[_Iterable[_Union[GraphNode, _Mapping]]] = ...) -> None: ...

class GraphListNodesRequest(_message.Message):
    __slots__ = ("label", "filter", "limit", "cursor")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    label: str
    filter: _filter_pb2.Filter
    limit: int
    cursor: bytes
    def __init__(self, label: _Optional[str] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., limit: _Optional[int] = ..., cursor: _Optional[bytes] = ...) -> None: ...

class GraphListNodesResponse(_message.Message):
    __slots__ = ("nodes", "next_cursor")
    NODES_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[GraphNode]
    next_cursor: bytes
    def __init__(self, nodes: _Optional[_Iterable[_Union[GraphNode, _Mapping]]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class GraphUpdateNodeRequest(_message.Message):
    __slots__ = ("id", "set", "remove", "add_labels", "remove_labels")
    class SetEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _value_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    SET_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    ADD_LABELS_FIELD_NUMBER: _ClassVar[int]
    REMOVE_LABELS_FIELD_NUMBER: _ClassVar[int]
    id: str
    set: _containers.MessageMap[str, _value_pb2.Value]
    remove: _containers.RepeatedScalarFieldContainer[str]
    add_labels: _containers.RepeatedScalarFieldContainer[str]
    remove_labels: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., set: _Optional[_Mapping[str, _value_pb2.Value]] = ..., remove: _Optional[_Iterable[str]] = ..., add_labels: _Optional[_Iterable[str]] = ..., remove_labels: _Optional[_Iterable[str]] = ...) -> None: ...

class GraphUpdateNodeResponse(_message.Message):
    __slots__ = ("node",)
    NODE_FIELD_NUMBER: _ClassVar[int]
    node: GraphNode
    def __init__(self, node: _Optional[_Union[GraphNode, _Mapping]] = ...) -> None: ...

class GraphDeleteNodeRequest(_message.Message):
    __slots__ = ("id", "edges")
    ID_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    id: str
    edges: GraphEdges
    def __init__(self, id: _Optional[str] = ..., edges: _Optional[_Union[GraphEdges, str]] = ...) -> None: ...

class GraphDeleteNodeResponse(_message.Message):
    __slots__ = ("found", "edges")
    FOUND_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    found: bool
    edges: int
    def __init__(self, found: bool = ..., edges: _Optional[int] = ...) -> None: ...

class GraphGetEdgesRequest(_message.Message):
    __slots__ = ("node", "direction", "labels", "filter", "limit", "cursor")
    NODE_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    node: str
    direction: GraphDirection
    labels: _containers.RepeatedScalarFieldContainer[str]
    filter: _filter_pb2.Filter
    limit: int
    cursor: bytes
    def __init__(self, node: _Optional[str] = ..., direction: _Optional[_Union[GraphDirection, str]] = ..., labels: _Optional[_Iterable[str]] = ..., filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., limit: _Optional[int] = ..., cursor: _Optional[bytes] = ...) -> None: ...

class GraphGetEdgesResponse(_message.Message):
    __slots__ = ("edges", "next_cursor")
    EDGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    edges: _containers.RepeatedCompositeFieldContainer[GraphEdge]
    next_cursor: bytes
    def __init__(self, edges: _Optional[_Iterable[_Union[GraphEdge, _Mapping]]] = ..., next_cursor: _Optional[bytes] = ...) -> None: ...

class GraphCountEdgesRequest(_message.Message):
    __slots__ = ("node", "direction", "labels", "at_most")
    NODE_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    AT_MOST_FIELD_NUMBER: _ClassVar[int]
    node: str
    direction: GraphDirection
    labels: _containers.RepeatedScalarFieldContainer[str]
    at_most: int
    def __init__(self, node: _Optional[str] = ..., direction: _Optional[_Union[GraphDirection, str]] = ..., labels: _Optional[_Iterable[str]] = ..., at_most: _Optional[int] = ...) -> None: ...

class GraphCountEdgesResponse(_message.Message):
    __slots__ = ("count", "exact")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    EXACT_FIELD_NUMBER: _ClassVar[int]
    count: int
    exact: bool
    def __init__(self, count: _Optional[int] = ..., exact: bool = ...) -> None: ...

class GraphDeleteEdgesRequest(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ids: _Optional[_Iterable[str]] = ...) -> None: ...

class GraphDeleteEdgesResponse(_message.Message):
    __slots__ = ("deleted",)
    DELETED_FIELD_NUMBER: _ClassVar[int]
    deleted: int
    def __init__(self, deleted: _Optional[int] = ...) -> None: ...

class GraphStep(_message.Message):
    __slots__ = ("direction", "labels", "edge_filter", "node_filter", "min", "max")
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    EDGE_FILTER_FIELD_NUMBER: _ClassVar[int]
    NODE_FILTER_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    direction: GraphDirection
    labels: _containers.RepeatedScalarFieldContainer[str]
    edge_filter: _filter_pb2.Filter
    node_filter: _filter_pb2.Filter
    min: int
    max: int
    def __init__(self, direction: _Optional[_Union[GraphDirection, str]] = ..., labels: _Optional[_Iterable[str]] = ..., edge_filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., node_filter: _Optional[_Union[_filter_pb2.Filter, _Mapping]] = ..., min: _Optional[int] = ..., max: _Optional[int] = ...) -> None: ...

class GraphTraverseRequest(_message.Message):
    __slots__ = ("start", "steps", "unique", "returns", "limit", "max_visited", "snapshot")
    START_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    UNIQUE_FIELD_NUMBER: _ClassVar[int]
    RETURNS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    MAX_VISITED_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    start: _containers.RepeatedScalarFieldContainer[str]
    steps: _containers.RepeatedCompositeFieldContainer[GraphStep]
    unique: GraphUnique
    returns: GraphReturn
    limit: int
    max_visited: int
    snapshot: bool
    def __init__(self, start: _Optional[_Iterable[str]] = ..., steps: _Optional[_Iterable[_Union[GraphStep, _Mapping]]] = ..., unique: _Optional[_Union[GraphUnique, str]] = ..., returns: _Optional[_Union[GraphReturn, str]] = ..., limit: _Optional[int] = ..., max_visited: _Optional[int] = ..., snapshot: bool = ...) -> None: ...

class GraphTraverseResponse(_message.Message):
    __slots__ = ("level", "end")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    level: GraphLevel
    end: GraphTraverseEnd
    def __init__(self, level: _Optional[_Union[GraphLevel, _Mapping]] = ..., end: _Optional[_Union[GraphTraverseEnd, _Mapping]] = ...) -> None: ...

class GraphLevel(_message.Message):
    __slots__ = ("depth", "nodes", "edges", "paths")
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    depth: int
    nodes: _containers.RepeatedCompositeFieldContainer[GraphNode]
    edges: _containers.RepeatedCompositeFieldContainer[GraphEdge]
    paths: _containers.RepeatedCompositeFieldContainer[GraphPath]
    def __init__(self, depth: _Optional[int] = ..., nodes: _Optional[_Iterable[_Union[GraphNode, _Mapping]]] = ..., edges: _Optional[_Iterable[_Union[GraphEdge, _Mapping]]] = ..., paths: _Optional[_Iterable[_Union[GraphPath, _Mapping]]] = ...) -> None: ...

class GraphPath(_message.Message):
    __slots__ = ("nodes", "edges")
    NODES_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedScalarFieldContainer[str]
    edges: _containers.RepeatedCompositeFieldContainer[GraphEdge]
    def __init__(self, nodes: _Optional[_Iterable[str]] = ..., edges: _Optional[_Iterable[_Union[GraphEdge, _Mapping]]] = ...) -> None: ...

class GraphTraverseEnd(_message.Message):
    __slots__ = ("complete", "visited", "depth")
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    VISITED_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    complete: bool
    visited: int
    depth: int
    def __init__(self, complete: bool = ..., visited: _Optional[int] = ..., depth: _Optional[int] = ...) -> None: ...

class GraphShortestPathRequest(_message.Message):
    __slots__ = ("from_id", "to_id", "direction", "labels", "max", "max_visited", "snapshot")
    FROM_ID_FIELD_NUMBER: _ClassVar[int]
    TO_ID_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    MAX_VISITED_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    from_id: str
    to_id: str
    direction: GraphDirection
    labels: _containers.RepeatedScalarFieldContainer[str]
    max: int
    max_visited: int
    snapshot: bool
    def __init__(self, from_id: _Optional[str] = ..., to_id: _Optional[str] = ..., direction: _Optional[_Union[GraphDirection, str]] = ..., labels: _Optional[_Iterable[str]] = ..., max: _Optional[int] = ..., max_visited: _Optional[int] = ..., snapshot: bool = ...) -> None: ...

class GraphShortestPathResponse(_message.Message):
    __slots__ = ("found", "path", "visited")
    FOUND_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    VISITED_FIELD_NUMBER: _ClassVar[int]
    found: bool
    path: GraphPath
    visited: int
    def __init__(self, found: bool = ..., path: _Optional[_Union[GraphPath, _Mapping]] = ..., visited: _Optional[int] = ...) -> None: ...

class GraphColumns(_message.Message):
    __slots__ = ("names",)
    NAMES_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, names: _Optional[_Iterable[str]] = ...) -> None: ...

class GraphRow(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[_value_pb2.Value]
    def __init__(self, values: _Optional[_Iterable[_Union[_value_pb2.Value, _Mapping]]] = ...) -> None: ...

class GraphRows(_message.Message):
    __slots__ = ("rows",)
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[GraphRow]
    def __init__(self, rows: _Optional[_Iterable[_Union[GraphRow, _Mapping]]] = ...) -> None: ...

class GraphQueryEnd(_message.Message):
    __slots__ = ("rows", "complete")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    rows: int
    complete: bool
    def __init__(self, rows: _Optional[int] = ..., complete: bool = ...) -> None: ...

class GraphQueryRequest(_message.Message):
    __slots__ = ("language", "text", "params", "max_rows")
    class ParamsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _value_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    MAX_ROWS_FIELD_NUMBER: _ClassVar[int]
    language: str
    text: str
    params: _containers.MessageMap[str, _value_pb2.Value]
    max_rows: int
    def __init__(self, language: _Optional[str] = ..., text: _Optional[str] = ..., params: _Optional[_Mapping[str, _value_pb2.Value]] = ..., max_rows: _Optional[int] = ...) -> None: ...

class GraphQueryResponse(_message.Message):
    __slots__ = ("columns", "rows", "end")
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    columns: GraphColumns
    rows: GraphRows
    end: GraphQueryEnd
    def __init__(self, columns: _Optional[_Union[GraphColumns, _Mapping]] = ..., rows: _Optional[_Union[GraphRows, _Mapping]] = ..., end: _Optional[_Union[GraphQueryEnd, _Mapping]] = ...) -> None: ...

class GraphExecuteRequest(_message.Message):
    __slots__ = ("language", "text", "params")
    class ParamsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _value_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    language: str
    text: str
    params: _containers.MessageMap[str, _value_pb2.Value]
    def __init__(self, language: _Optional[str] = ..., text: _Optional[str] = ..., params: _Optional[_Mapping[str, _value_pb2.Value]] = ...) -> None: ...

class GraphExecuteResponse(_message.Message):
    __slots__ = ("columns", "rows")
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    columns: GraphColumns
    rows: _containers.RepeatedCompositeFieldContainer[GraphRow]
    def __init__(self, columns: _Optional[_Union[GraphColumns, _Mapping]] = ..., rows: _Optional[_Iterable[_Union[GraphRow, _Mapping]]] = ...) -> None: ...
