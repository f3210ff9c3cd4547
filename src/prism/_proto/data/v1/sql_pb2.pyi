from prism._proto.data.v1 import options_pb2 as _options_pb2
from prism._proto.data.v1 import value_pb2 as _value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SqlColumn(_message.Message):
    __slots__ = ("name", "kind", "store_type")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STORE_TYPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    store_type: str
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., store_type: _Optional[str] = ...) -> None: ...

class SqlRow(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[_value_pb2.Value]
    def __init__(self, values: _Optional[_Iterable[_Union[_value_pb2.Value, _Mapping]]] = ...) -> None: ...

class SqlColumns(_message.Message):
    __slots__ = ("columns",)
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    columns: _containers.RepeatedCompositeFieldContainer[SqlColumn]
    def __init__(self, columns: _Optional[_Iterable[_Union[SqlColumn, _Mapping]]] = ...) -> None: ...

class SqlRows(_message.Message):
    __slots__ = ("rows",)
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[SqlRow]
    def __init__(self, rows: _Optional[_Iterable[_Union[SqlRow, _Mapping]]] = ...) -> None: ...

class SqlEnd(_message.Message):
    __slots__ = ("rows", "complete")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    rows: int
    complete: bool
    def __init__(self, rows: _Optional[int] = ..., complete: bool = ...) -> None: ...

class SqlQueryRequest(_message.Message):
    __slots__ = ("statement", "params", "max_rows")
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    MAX_ROWS_FIELD_NUMBER: _ClassVar[int]
    statement: str
    params: _containers.RepeatedCompositeFieldContainer[_value_pb2.Value]
    max_rows: int
    def __init__(self, statement: _Optional[str] = ..., params: _Optional[_Iterable[_Union[_value_pb2.Value, _Mapping]]] = ..., max_rows: _Optional[int] = ...) -> None: ...

class SqlQueryResponse(_message.Message):
    __slots__ = ("columns", "rows", "end")
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    columns: SqlColumns
    rows: SqlRows
    end: SqlEnd
    def __init__(self, columns: _Optional[_Union[SqlColumns, _Mapping]] = ..., rows: _Optional[_Union[SqlRows, _Mapping]] = ..., end: _Optional[_Union[SqlEnd, _Mapping]] = ...) -> None: ...

class SqlStatement(_message.Message):
    __slots__ = ("statement", "params")
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    statement: str
    params: _containers.RepeatedCompositeFieldContainer[_value_pb2.Value]
    def __init__(self, statement: _Optional[str] = ..., params: _Optional[_Iterable[_Union[_value_pb2.Value, _Mapping]]] = ...) -> None: ...

class SqlResult(_message.Message):
    __slots__ = ("rows_affected", "columns", "rows")
    ROWS_AFFECTED_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows_affected: int
    columns: _containers.RepeatedCompositeFieldContainer[SqlColumn]
    rows: _containers.RepeatedCompositeFieldContainer[SqlRow]
    def __init__(self, rows_affected: _Optional[int] = ..., columns: _Optional[_Iterable[_Union[SqlColumn, _Mapping]]] = ..., rows: _Optional[_Iterable[_Union[SqlRow, _Mapping]]] = ...) -> None: ...

class SqlExecuteRequest(_message.Message):
    __slots__ = ("statement", "params", "autocommit")
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    AUTOCOMMIT_FIELD_NUMBER: _ClassVar[int]
    statement: str
    params: _containers.RepeatedCompositeFieldContainer[_value_pb2.Value]
    autocommit: bool
    def __init__(self, statement: _Optional[str] = ..., params: _Optional[_Iterable[_Union[_value_pb2.Value, _Mapping]]] = ..., autocommit: bool = ...) -> None: ...

class SqlExecuteResponse(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: SqlResult
    def __init__(self, result: _Optional[_Union[SqlResult, _Mapping]] = ...) -> None: ...

class SqlBatchRequest(_message.Message):
    __slots__ = ("statements",)
    STATEMENTS_FIELD_NUMBER: _ClassVar[int]
    statements: _containers.RepeatedCompositeFieldContainer[SqlStatement]
    def __init__(self, statements: _Optional[_Iterable[_Union[SqlStatement, _Mapping]]] = ...) -> None: ...

class SqlBatchResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[SqlResult]
    def __init__(self, results: _Optional[_Iterable[_Union[SqlResult, _Mapping]]] = ...) -> None: ...
