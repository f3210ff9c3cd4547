"""What a response's header and trailer fields say, and the status that a call ended with (gRPC PROTOCOL-HTTP2.md)."""

from dataclasses import dataclass

from prism.wire.grpc import fields as kinds
from prism.wire.grpc.fields import Fields
from prism.wire.grpc.metadata import Metadata, Value
from prism.wire.grpc.status import Code, Status, decode_message, parse_code
from prism.wire.http2.frames import ErrorCode, StreamFault

# Source: grpc/doc/http-grpc-status-mapping.md
_BY_HTTP_STATUS = {
    "400": Code.INTERNAL,
    "401": Code.UNAUTHENTICATED,
    "403": Code.PERMISSION_DENIED,
    "404": Code.UNIMPLEMENTED,
    "429": Code.UNAVAILABLE,
    "502": Code.UNAVAILABLE,
    "503": Code.UNAVAILABLE,
    "504": Code.UNAVAILABLE,
}

_FAILED_ON_THE_WAY = ("408", "5")
"""How the HTTP statuses begin that say nothing about the call itself: a proxy made them up."""

# Source: gRPC PROTOCOL-HTTP2.md, "Errors"
_BY_ERROR_CODE = {
    ErrorCode.REFUSED_STREAM: Code.UNAVAILABLE,
    ErrorCode.CANCEL: Code.CANCELLED,
    ErrorCode.ENHANCE_YOUR_CALM: Code.RESOURCE_EXHAUSTED,
    ErrorCode.INADEQUATE_SECURITY: Code.PERMISSION_DENIED,
}


@dataclass(slots=True)
class ResponseHead:
    """The fields of one header block of a response."""

    metadata: Metadata
    http_status: str = ""
    grpc: bool = False
    encoding: str | None = None
    code: str | None = None
    message: str = ""
    details: bytes = b""

    def status(self) -> Status:
        """The status that this block ends the call with."""
        if self.code is not None:
            return Status(parse_code(self.code), decode_message(self.message), self.details)
        if self.http_status in ("", "200"):
            return Status(Code.UNKNOWN, "the response ended without a grpc-status", cut_off=True)
        return self.not_grpc()

    def not_grpc(self) -> Status:
        """The status for a response that is not gRPC's."""
        code = _BY_HTTP_STATUS.get(self.http_status, Code.UNKNOWN)
        answered = f"the peer answered with HTTP status {self.http_status}, not with gRPC"
        return Status(
            code,
            f"{answered}: check the address, and any proxy before it",
            cut_off=self.http_status.startswith(_FAILED_ON_THE_WAY),
        )


def read_response(stream_id: int, pairs: tuple[tuple[bytes, bytes], ...], known: Fields) -> ResponseHead:
    """Read the fields of a response's head or trailers. Raises `StreamFault` where they are malformed."""
    custom: list[tuple[str, Value]] = []
    head = ResponseHead(Metadata())
    regular = False
    for pair in pairs:
        kind, value = known[pair]
        if kind <= kinds.LAST_PSEUDO:
            if kind != kinds.STATUS or regular or head.http_status:
                raise StreamFault(
                    stream_id,
                    ErrorCode.PROTOCOL_ERROR,
                    f"HTTP/2 protocol error: the server's response on stream {stream_id} must begin with :status, "
                    "once, "
                    "and have no other pseudo-header field",
                )
            head.http_status = value
            continue
        regular = True
        if kind == kinds.CUSTOM:
            custom.append(value)
        elif kind == kinds.CUSTOM_MANY:
            custom.extend(value)
        elif kind == kinds.CONTENT_TYPE:
            head.grpc = value is True
        elif kind == kinds.ENCODING:
            head.encoding = None if value == "identity" else value
        elif kind == kinds.GRPC_STATUS:
            head.code = value
        elif kind == kinds.GRPC_MESSAGE:
            head.message = value
        elif kind == kinds.GRPC_DETAILS:
            head.details = value
        elif kind == kinds.MALFORMED:
            raise StreamFault(
                stream_id,
                ErrorCode.PROTOCOL_ERROR,
                f"HTTP/2 protocol error: the server sent a malformed response on stream {stream_id}: {value}",
            )
    head.metadata = Metadata.from_wire(tuple(custom))
    return head


def reset_status(code: ErrorCode) -> Status:
    """The status for a stream that the peer reset."""
    return Status(
        _BY_ERROR_CODE.get(code, Code.INTERNAL),
        f"the peer reset the stream: {code.name}",
        cut_off=code is not ErrorCode.INADEQUATE_SECURITY,
    )
