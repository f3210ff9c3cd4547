"""The plain paths of the admin port, `/admin/plugin/reload` and its like: for curl, and as RFC-008 writes them.

What changes something is a POST of JSON. What only looks is a GET as well, with the request's fields in the query.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from google.protobuf.descriptor import FieldDescriptor

from prism.control.problem import nearest
from prism.gateway.connect.refusal import HttpRefusal
from prism.interfaces.operation import Operation
from prism.wire import Code, HttpHandler, HttpRequest, HttpResponse

PREFIX = "/admin/"
_METHODS = {
    "plugin/list": "ListPlugins",
    "plugin/describe": "DescribePlugin",
    "plugin/status": "GetPluginStatus",
    "plugin/reload": "ReloadPlugin",
    "plugin/enable": "EnablePlugin",
    "plugin/disable": "DisablePlugin",
    "configuration/reload": "ReloadConfiguration",
    "namespace/list": "ListNamespaces",
    "namespace/describe": "DescribeNamespace",
}
_SHOWN = 100
_MOST_PARAMETERS = 20


class PlainPaths:
    """An `HttpHandler` before that of the Connect protocol: says the same in its words.

    Args:
        inner: answers.
        operations: what there is, by path.
    """

    def __init__(self, inner: HttpHandler, operations: Mapping[str, Operation]) -> None:
        self._inner = inner
        by_method = {each.name.rpartition("/")[2]: each for each in operations.values()}
        self._paths = {PREFIX + path: by_method[method] for path, method in _METHODS.items()}

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answers one request."""
        if not request.path.startswith(PREFIX):
            return await self._inner(request)
        try:
            operation = self._operation(request.path)
            query = _query(request, operation) if request.method == "GET" and operation.reads else request.query
        except HttpRefusal as refusal:
            return refusal.response()
        same = HttpRequest(
            request.method, operation.path, query, request.headers, request.body, request.peer, request.scheme
        )
        return await self._inner(same)

    def _operation(self, path: str) -> Operation:
        if path not in self._paths:
            near = nearest(path[:_SHOWN], self._paths)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(self._paths)}"
            raise HttpRefusal(404, Code.UNIMPLEMENTED, f"there is nothing at {path[:_SHOWN]}; {hint}")
        return self._paths[path]


def _query(request: HttpRequest, operation: Operation) -> str:
    """The query of the Connect protocol that stands for one of plain fields."""
    try:
        given = dict(parse_qsl(request.query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS, errors="strict"))
    except ValueError as error:
        raise HttpRefusal(400, Code.INVALID_ARGUMENT, f"the query cannot be read: {error}") from error
    fields: Any = operation.request.DESCRIPTOR.fields
    switches = {each.name for each in fields if each.type == FieldDescriptor.TYPE_BOOL}
    words = {"true": True, "false": False}
    message = {name: words.get(value, value) if name in switches else value for name, value in given.items()}
    return urlencode({"encoding": "json", "message": json.dumps(message)})
