"""A stream that ends before it has begun: the HTTP status is 200, and the error stands in the stream's own end."""

import json

from prism.errors import PrismError
from prism.gateway.connect.codec import CODECS
from prism.gateway.connect.envelope import END_STREAM, enveloped
from prism.gateway.connect.errors import error_object
from prism.gateway.connect.grpc_web import web_type
from prism.rpc_status import to_status
from prism.wire import HttpResponse


def ended_at_once(content_type: str, error: PrismError) -> HttpResponse | None:
    """The answer to a request of that content type; None where errors are HTTP statuses."""
    if (web := web_type(content_type)) is not None:
        return HttpResponse(200, [("content-type", web.name)], web.end(to_status(error)))
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in {codec.stream_type for codec in CODECS.values()}:
        return None
    body = enveloped(json.dumps({"error": error_object(error)}).encode(), END_STREAM)
    return HttpResponse(200, [("content-type", media_type)], body)
