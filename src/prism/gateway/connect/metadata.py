"""Metadata of answers as the Connect protocol has it: headers, trailers under `trailer-`, and the end of a stream.

Source: connectrpc.com/docs/protocol, "Unary-Response" and "EndStreamResponse".
"""

from prism.gateway.response import Response
from prism.wire import HttpResponse, Metadata
from prism.wire.grpc.metadata import encode_binary


def with_metadata(response: HttpResponse, metadata: Response) -> HttpResponse:
    """The response with these headers, and with the trailers too where its body is not a stream."""
    headers = [(name, _text(value)) for name, value in metadata.headers]
    if isinstance(response.body, bytes):
        headers += [(f"trailer-{name}", _text(value)) for name, value in metadata.trailers]
    return HttpResponse(response.status, [*response.headers, *headers], response.body) if headers else response


def end_metadata(trailers: Metadata) -> dict[str, list[str]]:
    """The `metadata` of the envelope that ends a stream."""
    return {name: [_text(value) for value in trailers.get_all(name)] for name, _ in trailers}


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else encode_binary(value).decode()
