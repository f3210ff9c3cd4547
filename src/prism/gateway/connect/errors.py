"""How errors look over HTTP: the JSON of the Connect protocol, and the HTTP status that a gRPC code stands for.

Source: connectrpc.com/docs/protocol, "Error codes" and "Error and EndStreamResponse".
"""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status as RpcStatus

from prism.errors import PrismError
from prism.gateway.connect.codec import is_of_connect
from prism.rpc_status import to_status
from prism.wire import Code, HttpResponse, Status, StatusError

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
        details: of the error, as the Connect protocol has them.
    """

    def __init__(
        self,
        status: int,
        code: Code,
        message: str,
        headers: Mapping[str, str] | None = None,
        details: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.details = details

    def response(self, content_type: str = "") -> HttpResponse:
        """The answer; a line of text where the request's content type is not one of the Connect protocol."""
        if content_type and not is_of_connect(content_type):
            headers = [("content-type", "text/plain; charset=utf-8"), *self.headers.items()]
            return HttpResponse(self.status, headers, f"{self.message}\n".encode())
        said = {"code": code_name(self.code), "message": self.message}
        return _response(self.status, said | ({"details": self.details} if self.details else {}), self.headers)


Failure = PrismError | StatusError
"""What ends a call: an error of ours, or a status that its handler gives as gRPC has it."""


def status_of(error: Failure) -> Status:
    """The error as it travels over gRPC."""
    return error.status if isinstance(error, StatusError) else to_status(error)


def error_response(error: Failure) -> HttpResponse:
    """The answer to a unary call that failed."""
    headers = {}
    if isinstance(error, PrismError) and error.retry_after is not None:
        headers["retry-after"] = str(math.ceil(error.retry_after))
    code = status_of(error).code
    if code is Code.UNAUTHENTICATED:
        headers["www-authenticate"] = "Bearer"  # RFC 9110 section 15.5.2 asks for one
    return _response(HTTP_STATUS[code], error_object(error), headers)


def error_object(error: Failure) -> dict[str, Any]:
    """The error as a Connect `Error`."""
    status = status_of(error)
    details = [_detail(each) for each in _details(status)]
    return {"code": code_name(status.code), "message": status.message, "details": details}


def code_name(code: Code) -> str:
    """The code as Connect spells it."""
    return "canceled" if code is Code.CANCELLED else code.name.lower()


def _details(status: Status) -> Sequence[AnyMessage]:
    try:
        return RpcStatus.FromString(status.details).details
    except DecodeError:
        return ()


def _detail(detail: AnyMessage) -> dict[str, Any]:
    shown = {
        "type": detail.type_url.rpartition("/")[2],
        "value": base64.b64encode(detail.value).rstrip(b"=").decode(),
    }
    try:
        readable = json_format.MessageToDict(detail)
    except (TypeError, DecodeError):  # not a message of ours
        return shown
    del readable["@type"]
    return shown | {"debug": readable}


def _response(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> HttpResponse:
    return HttpResponse(status, [("content-type", JSON_TYPE), *headers.items()], json.dumps(body).encode() + b"\n")
