"""Metadata of answers as the Connect protocol and gRPC-Web have it: headers, trailers, and the end of a stream.

Source: connectrpc.com/docs/protocol, "Unary-Response" and "EndStreamResponse".
"""

from prism.gateway.response import Response
from prism.wire import HttpResponse, Metadata, Status
from prism.wire.grpc.metadata import encode_binary
from prism.wire.grpc.status import encode_message


def with_metadata(response: HttpResponse, metadata: Response, *, trailers: bool = True) -> HttpResponse:
    """The response with these headers, and with the trailers too where its body is not a stream and has them not."""
    headers = [(name, _text(value)) for name, value in metadata.headers]
    if trailers and isinstance(response.body, bytes):
        headers += [(f"trailer-{name}", _text(value)) for name, value in metadata.trailers]
    if not headers:
        return response
    return HttpResponse(response.status, [*response.headers, *headers], response.body, response.length)


def end_metadata(trailers: Metadata) -> dict[str, list[str]]:
    """The `metadata` of the envelope that ends a stream."""
    return {name: [_text(value) for value in trailers.get_all(name)] for name, _ in trailers}


def trailer_lines(status: Status, trailers: Metadata) -> bytes:
    """The trailers of gRPC-Web, as lines of a header block."""
    lines = [("grpc-status", str(status.code.value))]
    if status.message:
        lines.append(("grpc-message", encode_message(status.message).decode()))
    if status.details:
        lines.append(("grpc-status-details-bin", encode_binary(status.details).decode()))
    lines += [(name, _text(value)) for name, value in trailers]
    return "".join(f"{name}: {value}\r\n" for name, value in lines).encode("latin-1")


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else encode_binary(value).decode()
