"""What a request asks for: the operation, the codec, and the body, read from path, method, content type and query.

Source: connectrpc.com/docs/protocol, "Unary-Request", "Unary-Get-Request" and "Streaming-Request"; RFC 9110.
"""

import base64
import binascii
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from prism.errors import InvalidArgument
from prism.gateway.connect.codec import CODECS, Codec
from prism.gateway.connect.errors import HttpRefusal
from prism.gateway.connect.incoming import header
from prism.gateway.other_port import place_of
from prism.interfaces.operation import Operation
from prism.wire import Code, HttpRequest

_MAX_SHOWN = 100
_MAX_PARAMETERS = 100


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """An operation that is asked for.

    Attributes:
        operation: of the contract.
        codec: how messages are written, there and back.
        body: the message (in its envelope for streams), as it came.
        encoding: its compression; empty for none.
    """

    operation: Operation
    codec: Codec
    body: bytes
    encoding: str


def unknown_operation(request: HttpRequest, operations: Mapping[str, Operation]) -> HttpRefusal:
    """The refusal of a path that names no operation."""
    path = request.path[:_MAX_SHOWN]
    if place := place_of(path, operations):
        return HttpRefusal(404, Code.UNIMPLEMENTED, f"{path} is on {place}")
    nearest = difflib.get_close_matches(path, operations, 1)
    advice = f"did you mean {nearest[0]}?" if nearest else "GET / lists the services"
    return HttpRefusal(404, Code.UNIMPLEMENTED, f"there is no operation {path}; {advice}")


def read(request: HttpRequest, operation: Operation) -> ConnectRequest:
    """What the request asks of the operation.

    Raises:
        HttpRefusal: the method or content type is not one for this operation.
        InvalidArgument: the query is malformed.
    """
    streams = operation.streams
    if request.method == "POST":
        return _posted(request, operation, streams)
    can_get = operation.reads and not streams
    if request.method == "GET" and can_get:
        return _asked_by_query(request, operation)
    allowed = "GET, POST" if can_get else "POST"
    message = f"{request.method[:20]} is not allowed for {operation.path}; send {allowed.replace(', ', ' or ')}"
    raise HttpRefusal(405, Code.UNKNOWN, message, {"allow": allowed})


def _posted(request: HttpRequest, operation: Operation, streams: bool) -> ConnectRequest:
    given = header(request, "content-type")
    media_type, _, parameters = given.partition(";")
    media_type = media_type.strip().lower()
    for codec in CODECS.values():
        if media_type == (codec.stream_type if streams else codec.unary_type) and _is_utf8(parameters):
            encoding = header(request, "connect-content-encoding" if streams else "content-encoding")
            return ConnectRequest(operation, codec, request.body, encoding)
    accepted = ", ".join(codec.stream_type if streams else codec.unary_type for codec in CODECS.values())
    found = f"the content type {given[:_MAX_SHOWN]!r} is not" if given else "a request without content type is not"
    message = f"{found} accepted by {operation.path}; send one of {accepted}"
    raise HttpRefusal(415, Code.UNKNOWN, message, {"accept-post": accepted})


def _is_utf8(parameters: str) -> bool:
    name, _, value = parameters.partition("=")
    return name.strip().lower() != "charset" or value.strip(' "').lower() in ("utf-8", "utf8")


def _asked_by_query(request: HttpRequest, operation: Operation) -> ConnectRequest:
    try:
        query = dict(parse_qsl(request.query, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS, errors="strict"))
    except ValueError as error:
        raise InvalidArgument(f"the query cannot be read: {error}") from error
    if query.get("connect", "v1") != "v1":
        raise InvalidArgument(f"the query says connect={query['connect'][:20]}; only v1 is supported")
    codec = CODECS.get(query.get("encoding", ""))
    if codec is None:
        accepted = " or ".join(f"encoding={name}" for name in CODECS)
        raise HttpRefusal(415, Code.UNKNOWN, f"the query must say {accepted}")
    if "message" not in query:
        raise InvalidArgument("the query lacks message=, the request percent-encoded, or with base64=1 in base64")
    message = query["message"].encode()
    if query.get("base64") == "1":
        message = _from_base64(message)
    return ConnectRequest(operation, codec, message, query.get("compression", ""))


def _from_base64(text: bytes) -> bytes:
    digits = text.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return base64.b64decode(digits + b"=" * (-len(digits) % 4), validate=True)
    except binascii.Error as error:
        raise InvalidArgument(f"the query's message is not base64: {error}") from error
