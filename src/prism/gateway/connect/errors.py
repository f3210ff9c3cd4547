"""How errors look over HTTP: the JSON of the Connect protocol, and the HTTP status that a gRPC code stands for.

Source: connectrpc.com/docs/protocol, "Error codes" and "Error and EndStreamResponse".
"""

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage

from prism.errors import PrismError
from prism.rpc_status import to_rpc_status
from prism.wire import Code, HttpResponse

JSON_TYPE = "application/json"

HTTP_STATUS: Mapping[Code, int] = {
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}


class HttpRefusal(Exception):
    """A request that HTTP itself refuses, before any operation is asked: wrong path, method or content type.

    Attributes:
        status: the HTTP status.
        code: the Connect code beside it.
        message: a sentence that says what to do next.
        headers: what HTTP asks to say with that status.
    """

    def __init__(self, status: int, code: Code, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def response(self) -> HttpResponse:
        """The answer."""
        return _response(self.status, {"code": code_name(self.code), "message": self.message}, self.headers)


def error_response(error: PrismError) -> HttpResponse:
    """The answer to a unary call that failed."""
    headers = {}
    if error.retry_after is not None:
        headers["retry-after"] = str(math.ceil(error.retry_after))
    if error.code is Code.UNAUTHENTICATED:
        headers["www-authenticate"] = "Bearer"  # RFC 9110 section 15.5.2 asks for one
    return _response(HTTP_STATUS[error.code], error_object(error), headers)


def error_object(error: PrismError) -> dict[str, Any]:
    """The error as a Connect `Error`."""
    details = [_detail(each) for each in to_rpc_status(error).details]
    return {"code": code_name(error.code), "message": error.message, "details": details}


def code_name(code: Code) -> str:
    """The code as Connect spells it."""
    return "canceled" if code is Code.CANCELLED else code.name.lower()


def _detail(detail: AnyMessage) -> dict[str, Any]:
    readable = json_format.MessageToDict(detail)
    kind = readable.pop("@type").rpartition("/")[2]
    return {"type": kind, "value": base64.b64encode(detail.value).rstrip(b"=").decode(), "debug": readable}


def _response(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> HttpResponse:
    return HttpResponse(status, [("content-type", JSON_TYPE), *headers.items()], json.dumps(body).encode() + b"\n")
