"""The plain paths of the admin port, `/admin/plugin/reload` and its like: for curl, and as RFC-008 writes them.

What changes something is a POST of JSON. What only looks is a GET as well, with the request's fields in the query.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from google.protobuf.descriptor import FieldDescriptor

from prism.config.yaml.problem import nearest
from prism.gateway.connect.envelope import END_STREAM, HEAD_SIZE, enveloped
from prism.gateway.connect.errors import HttpRefusal
from prism.interfaces.operation import Operation
from prism.wire import Code, HttpHandler, HttpRequest, HttpResponse, Metadata

PREFIX = "/admin/"
_METHODS = {
    "plugin/list": "ListPlugins",
    "plugin/describe": "DescribePlugin",
    "plugin/status": "GetPluginStatus",
    "plugin/logs": "GetPluginLogs",
    "plugin/reload": "ReloadPlugin",
    "plugin/enable": "EnablePlugin",
    "plugin/disable": "DisablePlugin",
    "configuration/reload": "ReloadConfiguration",
    "namespace/list": "ListNamespaces",
    "namespace/describe": "DescribeNamespace",
}
_STREAM = "application/connect+json"
_SHOWN = 100
_MAX_PARAMETERS = 20


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
            if operation.server_streaming:
                return await self._lines(request, operation)
            query = _query(request, operation) if request.method == "GET" and operation.reads else request.query
        except HttpRefusal as refusal:
            return refusal.response()
        same = replace(request, path=operation.path, query=query)
        return await self._inner(same)

    async def _lines(self, request: HttpRequest, operation: Operation) -> HttpResponse:
        """A stream as JSON Lines; one that breaks off ends with a line `{"error": ...}`."""
        if request.method != "GET":
            message = f"{request.method[:20]} is not for {request.path}; send GET"
            raise HttpRefusal(405, Code.UNIMPLEMENTED, message, {"allow": "GET"})
        headers = Metadata.from_wire((*_without_content(request.headers), ("content-type", _STREAM)))
        body = enveloped(json.dumps(_message(request, operation)).encode())
        asked = replace(request, method="POST", path=operation.path, query="", headers=headers, body=body)
        response = await self._inner(asked)
        if isinstance(response.body, bytes):
            return response
        lines = _json_lines(response.body)
        return HttpResponse(
            response.status, [("content-type", "application/jsonl"), ("cache-control", "no-store")], lines
        )

    def _operation(self, path: str) -> Operation:
        if path not in self._paths:
            near = nearest(path[:_SHOWN], self._paths)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(self._paths)}"
            raise HttpRefusal(404, Code.UNIMPLEMENTED, f"there is nothing at {path[:_SHOWN]}; {hint}")
        return self._paths[path]


def _query(request: HttpRequest, operation: Operation) -> str:
    """The query of the Connect protocol that stands for one of plain fields."""
    return urlencode({"encoding": "json", "message": json.dumps(_message(request, operation))})


def _message(request: HttpRequest, operation: Operation) -> dict[str, Any]:
    """The message, as JSON has it, whose fields are in the query."""
    try:
        given = dict(parse_qsl(request.query, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS, errors="strict"))
    except ValueError as error:
        raise HttpRefusal(400, Code.INVALID_ARGUMENT, f"the query cannot be read: {error}") from error
    fields: Any = operation.request.DESCRIPTOR.fields
    switches = {each.name for each in fields if each.type == FieldDescriptor.TYPE_BOOL}
    words = {"true": True, "false": False}
    return {name: words.get(value, value) if name in switches else value for name, value in given.items()}


def _without_content(headers: Metadata) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in headers if not name.startswith("content-"))


async def _json_lines(envelopes: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Each envelope's message on a line; of the last one, which says how it ended, only an error."""
    try:
        async for envelope in envelopes:
            flags, message = envelope[0], envelope[HEAD_SIZE:]
            if not flags & END_STREAM or b"error" in message:
                yield message + b"\n"
    finally:
        close = getattr(envelopes, "aclose", None)
        if close is not None:
            await close()
