"""Answers that are no object: their statuses by table, and errors as JSON, as over HTTP everywhere."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Final

from prism.errors import PrismError
from prism.gateway.connect.errors import HTTP_STATUS, Failure, error_object, status_of
from prism.gateway.objects_http.browsers import SAFE
from prism.reason import Reason
from prism.wire import Code, HttpResponse, Status, StatusError

_BY_REASON: Final[Mapping[str, int]] = {
    Reason.CONDITION_NOT_MET: 412,
    Reason.RANGE_NOT_SATISFIABLE: 416,
    Reason.TRANSFER_IDLE: 408,
    Reason.MESSAGE_INCOMPLETE: 408,
    Reason.MESSAGE_TOO_LARGE: 413,
    Reason.STORE_FULL: 507,
}
_TOO_LARGE: Final = frozenset({"max_object_size", "max_part_size", "message_size", "max_size"})
"""Limits of the size of what is sent, as errors name them."""


class Refused(StatusError):
    """A request that HTTP itself refuses, before any operation is asked.

    Attributes:
        http_status: the HTTP status.
        headers: what HTTP asks to say with it.
    """

    def __init__(self, http_status: int, code: Code, message: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(Status(code, message))
        self.http_status = http_status
        self.headers = tuple(headers)


def refusal(error: Failure, *, head: bool = False) -> HttpResponse:
    """The answer to a request that failed; `head` says that it has no body."""
    headers = [("content-type", "application/json"), *SAFE]
    if isinstance(error, PrismError) and error.retry_after is not None:
        headers.append(("retry-after", str(math.ceil(error.retry_after))))
    status = _status(error)
    if status == 401:
        headers.append(("www-authenticate", "Bearer"))  # RFC 9110 section 15.5.2 asks for one
    if status == 416 and isinstance(error, PrismError) and error.metadata.get("size", "").isdecimal():
        headers.append(("content-range", f"bytes */{error.metadata['size']}"))
    if isinstance(error, Refused):
        headers += error.headers
    body = json.dumps(error_object(error)).encode() + b"\n"
    return HttpResponse(status, headers, b"" if head else body, length=len(body) if head else None)


def _status(error: Failure) -> int:
    if isinstance(error, Refused):
        return error.http_status
    if isinstance(error, StatusError):
        return HTTP_STATUS[error.status.code]
    found = _BY_REASON.get(error.reason)
    if found is not None:
        return found
    if error.reason == Reason.LIMIT_EXCEEDED and error.metadata.get("limit") in _TOO_LARGE:
        return 413
    return HTTP_STATUS[status_of(error).code]


def said(status: int, about: Mapping[str, object], headers: Iterable[tuple[str, str]] = ()) -> HttpResponse:
    """An answer in JSON."""
    return HttpResponse(
        status, [("content-type", "application/json"), *SAFE, *headers], json.dumps(about).encode() + b"\n"
    )


def missing(*, head: bool = False) -> HttpResponse:
    """The answer where there is no object."""
    message = "there is no object under this key; list the keys to see which are there"
    return refusal(Refused(404, Code.NOT_FOUND, message), head=head)
